/* test-key-text.h: key texts for the tests of lib/key, and reading them in
 * memory that ends where they do. The keys were made for these tests and open
 * nothing.
 */
#ifndef TEST_KEY_TEXT_H
#define TEST_KEY_TEXT_H

#include "check.h"

#include <stdlib.h>

#include "key/key.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"

static const char file[] =
    BEGIN "\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACCUcnh4Iu/Jjympv5nMk/tZQdRlXkcmNbsEXpKV24YfQgAAAKCLstpei7La\n"
    "XgAAAAtzc2gtZWQyNTUxOQAAACCUcnh4Iu/Jjympv5nMk/tZQdRlXkcmNbsEXpKV24YfQg\n"
    "AAAEDmj850oRwjAICdqV1Ic72uxEEeUa5QTgt28zK01ELYiJRyeHgi78mPKam/mcyT+1lB\n"
    "1GVeRyY1uwRekpXbhh9CAAAAFm5vYm9keTogb25seSBmb3IgdGVzdHMBAgMEBQYH\n"
    END "\n";

static const char line[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJRyeHgi78mPKam/mcyT+1lB1GVeRyY1uwRe"
    "kpXbhh9C";

static const char encrypted[] =
    BEGIN "\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDGbfxjOY\n"
    "Qd54mZ4v643uHIAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIInS1BKQdwKIy2TJ\n"
    "HF2abk1ohu1E1W0v8xHKgesXNMTKAAAAkNazTfow5nh15Bqk/UlNwsu+is3uiDYtHhy3KJ\n"
    "lzLMMqNSutQApTeA2yKLaqcP15QAyixUXOU+Oz09yw2O4Wd7xylH/nb6H5do7OTcYKRzUa\n"
    "RJliFUohn6QgP5Lu7Rgg4PklG2vqttbGQV0LOMPxfpJrp45VInRcu5eO0qcjBE6jv0OmCK\n"
    "dx1izhGS8+vx+xaQ==\n"
    END "\n";

/* Reads text in memory that ends where it does. */
static inline int parse(uvssh_key_t** key, const void* text, size_t len) {
  char* copy = malloc(len == 0 ? 1 : len);
  int err;

  CHECK(copy != NULL);
  memcpy(copy, text, len);
  err = uvssh_key_parse(key, copy, len, NULL);
  free(copy);
  return err;
}

static inline int parse_text(const char* text) {
  uvssh_key_t* key = NULL;
  int err = parse(&key, text, strlen(text));

  CHECK_EQ(key != NULL, err == 0);
  uvssh_key_unref(key);
  return err;
}

static inline uvssh_key_t* read_file(void) {
  uvssh_key_t* key = NULL;
  CHECK_EQ(parse(&key, file, sizeof(file) - 1), 0);
  return key;
}

#endif
