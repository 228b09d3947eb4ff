/* Codes, names, texts, version. */
#include "check.h"

#include <stdio.h>

#include "base/base.h"

TEST(err_ours) {
#define XX(name, value, text)                                 \
  CHECK_EQ(UVSSH_##name, value);                              \
  CHECK_STR(uvssh_strerror(UVSSH_##name), text);              \
  CHECK_STR(uvssh_err_name(UVSSH_##name), "UVSSH_" #name);
  UVSSH_ERRNO_MAP(XX)
#undef XX
}

TEST(err_libuv) {
#define XX(name, text)                                        \
  CHECK_STR(uvssh_strerror(UV_##name), uv_strerror(UV_##name)); \
  CHECK_STR(uvssh_err_name(UV_##name), "UV_" #name);
  UV_ERRNO_MAP(XX)
#undef XX
}

TEST(err_success) {
  CHECK_STR(uvssh_strerror(0), "success");
  CHECK_STR(uvssh_err_name(0), "0");
}

TEST(err_unknown) {
  static const int numbers[] = {
    1, 5001, -5000, UVSSH_ERRNO_LAST, -6000, -100000, INT32_MAX, INT32_MIN
  };
  size_t i;
  for (i = 0; i < ARRAY_SIZE(numbers); i++) {
    NOTE("%d", numbers[i]);
    CHECK_STR(uvssh_strerror(numbers[i]), "unknown error");
    CHECK_STR(uvssh_err_name(numbers[i]), "UNKNOWN");
  }
}

TEST(err_codes_do_not_meet) {
  int seen = 0;
#define XX(name, text) seen += UV_##name <= -5000;
  UV_ERRNO_MAP(XX)
#undef XX
  CHECK_EQ(seen, 0);
}

TEST(version) {
  char text[32];
  snprintf(text,
           sizeof(text),
           "%d.%d.%d",
           UVSSH_VERSION_MAJOR,
           UVSSH_VERSION_MINOR,
           UVSSH_VERSION_PATCH);
  CHECK_STR(uvssh_version_string(), text);
  CHECK_STR(UVSSH_VERSION_STRING, text);
}
