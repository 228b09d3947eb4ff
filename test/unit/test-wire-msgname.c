/* Message numbers as words. */
#include "check.h"

#include "wire/wire.h"

TEST(msgname_table) {
  CHECK_STR(uvssh__msg_name(MSG_DISCONNECT), "DISCONNECT");
  CHECK_STR(uvssh__msg_name(20), "KEXINIT");
  CHECK_STR(uvssh__msg_name(50), "USERAUTH_REQUEST");
  CHECK_STR(uvssh__msg_name(60), "USERAUTH_60");
  CHECK_STR(uvssh__msg_name(94), "CHANNEL_DATA");
  CHECK_STR(uvssh__msg_name(100), "CHANNEL_FAILURE");
  CHECK_STR(uvssh__msg_name(MSG_PONG), "PONG");
  CHECK_STR(uvssh__msg_name(0), "message");
  CHECK_STR(uvssh__msg_name(255), "message");
}

/* Every number has a word that a log line can hold, and no two the same. */
TEST(msgname_every_number) {
  int i;
  int k;

  for (i = 0; i < 256; i++) {
    const char* name = uvssh__msg_name((uint8_t) i);
    CHECK(name != NULL);
    CHECK(strlen(name) > 0 && strlen(name) < 32);
    for (k = 0; k < i; k++) {
      const char* other = uvssh__msg_name((uint8_t) k);
      CHECK(strcmp(name, other) != 0 || strcmp(name, "message") == 0);
    }
  }
}
