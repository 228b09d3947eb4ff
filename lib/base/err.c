/* err.c: codes, their names and their texts; the version.
 *
 * All text is static, libuv's too: uv_strerror() would allocate, and leak, for
 * a number that it does not know, so it is not asked.
 */
#include "base/base.h"

const char* uvssh_strerror(int err) {
  switch (err) {
    case 0:
      return "success";
#define XX(name, value, text) \
    case UVSSH_##name:        \
      return text;
    UVSSH_ERRNO_MAP(XX)
#undef XX
#define XX(name, text) \
    case UV_##name:    \
      return text;
    UV_ERRNO_MAP(XX)
#undef XX
    default:
      return "unknown error";
  }
}

const char* uvssh_err_name(int err) {
  switch (err) {
    case 0:
      return "0";
#define XX(name, value, text) \
    case UVSSH_##name:        \
      return "UVSSH_" #name;
    UVSSH_ERRNO_MAP(XX)
#undef XX
#define XX(name, text) \
    case UV_##name:    \
      return "UV_" #name;
    UV_ERRNO_MAP(XX)
#undef XX
    default:
      return "UNKNOWN";
  }
}

const char* uvssh_version_string(void) {
  return UVSSH_VERSION_STRING;
}
