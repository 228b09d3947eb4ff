/* keys.c: a key of each type, made by ssh-keygen for the tests; they open
 * nothing. */
#include "keys.h"

#include "check.h"

const struct key_row key_rows[KEY_ROWS] = {
  { .name = "ssh-ed25519",
    .type = UVSSH_KEY_ED25519,
    .bits = 256,
    .algorithms = "ssh-ed25519",
    .text =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n"
      "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
      "QyNTUxOQAAACB+4uYLXaYtcE3NKur+4R5T7a11ZTbqEO83w+jirTa+mgAAAIjtx9Mt7cfT\n"
      "LQAAAAtzc2gtZWQyNTUxOQAAACB+4uYLXaYtcE3NKur+4R5T7a11ZTbqEO83w+jirTa+mg\n"
      "AAAECmEBZGhCg2Ac06B1Gt4HB7hXfjXHcyDfCNUEjnWlGMIn7i5gtdpi1wTc0q6v7hHlPt\n"
      "rXVlNuoQ7zfD6OKtNr6aAAAABHRlc3QB\n"
      "-----END OPENSSH PRIVATE KEY-----\n",
    .line =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH7i5gtdpi1wTc0q6v7hHlPtrXVlNu"
      "oQ7zfD6OKtNr6a",
    .fingerprint = "SHA256:ivVUC377PXpNX0LsFW0NCRHK5ZdBhDuyiVzTBaIPU6g" },
  { .name = "ecdsa-sha2-nistp256",
    .type = UVSSH_KEY_ECDSA,
    .bits = 256,
    .algorithms = "ecdsa-sha2-nistp256",
    .text =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n"
      "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS\n"
      "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQSzw+/5n0hufxOaiqHcJzR9u2zaorNn\n"
      "5P5+Tqy7IqKBHuL++WHHj7dWZ7GJDBU9mSmmUgZtfRlVkd8fiiLgfJYoAAAAoCBRpy0gUa\n"
      "ctAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLPD7/mfSG5/E5qK\n"
      "odwnNH27bNqis2fk/n5OrLsiooEe4v75YcePt1ZnsYkMFT2ZKaZSBm19GVWR3x+KIuB8li\n"
      "gAAAAgfwW6AePSm4iBL/FXjJ4fcEdlGX5wzL8FoiX22pyYkygAAAAEdGVzdAECAwQ=\n"
      "-----END OPENSSH PRIVATE KEY-----\n",
    .line =
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNT"
      "YAAABBBLPD7/mfSG5/E5qKodwnNH27bNqis2fk/n5OrLsiooEe4v75YcePt1ZnsYkM"
      "FT2ZKaZSBm19GVWR3x+KIuB8lig=",
    .fingerprint = "SHA256:LZK7cG/6yY3DYu1q3azlPbO9FJlAN2SgztWRQeFX2bE" },
  { .name = "ecdsa-sha2-nistp384",
    .type = UVSSH_KEY_ECDSA,
    .bits = 384,
    .algorithms = "ecdsa-sha2-nistp384",
    .text =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n"
      "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAiAAAABNlY2RzYS\n"
      "1zaGEyLW5pc3RwMzg0AAAACG5pc3RwMzg0AAAAYQSVr5dBq74KiPe1+ARMuo3kaj02r0Zk\n"
      "q+Gv4i1BYvFV8FDg8bYUpFebUFYmKVIkbznq34b+Jn1vP3r2mFWm8N2GtV+nmEtmMSH/e1\n"
      "Iv6U2/2/wsOvgzR3e/K+Fw7btAtloAAADQCh890gofPdIAAAATZWNkc2Etc2hhMi1uaXN0\n"
      "cDM4NAAAAAhuaXN0cDM4NAAAAGEEla+XQau+Coj3tfgETLqN5Go9Nq9GZKvhr+ItQWLxVf\n"
      "BQ4PG2FKRXm1BWJilSJG856t+G/iZ9bz969phVpvDdhrVfp5hLZjEh/3tSL+lNv9v8LDr4\n"
      "M0d3vyvhcO27QLZaAAAAMQCwpletjfhvOx9v8ogk4EoizgzOZzgIi9IurBwcRvUWPdG+ha\n"
      "lunuMGdqMKIgJzFZMAAAAEdGVzdAECAw==\n"
      "-----END OPENSSH PRIVATE KEY-----\n",
    .line =
      "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzOD"
      "QAAABhBJWvl0GrvgqI97X4BEy6jeRqPTavRmSr4a/iLUFi8VXwUODxthSkV5tQViYp"
      "UiRvOerfhv4mfW8/evaYVabw3Ya1X6eYS2YxIf97Ui/pTb/b/Cw6+DNHd78r4XDtu0"
      "C2Wg==",
    .fingerprint = "SHA256:4b4kU4ctIi7w2DvvYDfgay9Th8W9n7mHyBoBWH27GyE" },
  { .name = "ecdsa-sha2-nistp521",
    .type = UVSSH_KEY_ECDSA,
    .bits = 521,
    .algorithms = "ecdsa-sha2-nistp521",
    .text =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n"
      "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAArAAAABNlY2RzYS\n"
      "1zaGEyLW5pc3RwNTIxAAAACG5pc3RwNTIxAAAAhQQB0+znU+dGZKFnA9LRN/pV0VSxGaDP\n"
      "5nl89zTDeJSlU0ZxlxDwAxV2eVbQKBMk5CzdTHlI3XctpQsZNNkeRxALcssB6+KEjMJ1tN\n"
      "zjb+KcKthXG6yY85TFap4mYutjFXTzjmPx6uL3KZWIxg7UJMkve63dTr1w4hE6pNpifK4c\n"
      "LUslTrkAAAEIAyT2QgMk9kIAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAAhuaXN0cDUyMQ\n"
      "AAAIUEAdPs51PnRmShZwPS0Tf6VdFUsRmgz+Z5fPc0w3iUpVNGcZcQ8AMVdnlW0CgTJOQs\n"
      "3Ux5SN13LaULGTTZHkcQC3LLAevihIzCdbTc42/inCrYVxusmPOUxWqeJmLrYxV0845j8e\n"
      "ri9ymViMYO1CTJL3ut3U69cOIROqTaYnyuHC1LJU65AAAAQgEPHvdW+k4ImDHpVisHMIzb\n"
      "lbUc0txjY97BP57jUvhC9klAE+kimBgWzK4KdGQs3UGNVdiZswKvsNlCcF4965CFPAAAAA\n"
      "R0ZXN0AQIDBAUG\n"
      "-----END OPENSSH PRIVATE KEY-----\n",
    .line =
      "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1Mj"
      "EAAACFBAHT7OdT50ZkoWcD0tE3+lXRVLEZoM/meXz3NMN4lKVTRnGXEPADFXZ5VtAo"
      "EyTkLN1MeUjddy2lCxk02R5HEAtyywHr4oSMwnW03ONv4pwq2FcbrJjzlMVqniZi62"
      "MVdPOOY/Hq4vcplYjGDtQkyS97rd1OvXDiETqk2mJ8rhwtSyVOuQ==",
    .fingerprint = "SHA256:+MKz7GuO7Ft/cxXyVc6wbsyKSyWRXxy2VmNEqq/eRFE" },
  { .name = "ssh-rsa",
    .type = UVSSH_KEY_RSA,
    .bits = 2048,
    .algorithms = "rsa-sha2-512,rsa-sha2-256",
    .text =
      "-----BEGIN OPENSSH PRIVATE KEY-----\n"
      "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn\n"
      "NhAAAAAwEAAQAAAQEA3YQTM2u7Uk/wObtC9ygWJwxhwTjVyBHG/GfcTTaUaYjtTE7dPV0C\n"
      "OndMEYaVvHQg/FcrWrs7Gw4CzR07/u+pZcNwLIyWdwEwPywETfLPzH6i4rGL3ALS4Xm3xT\n"
      "IHyeFjv4jFNmaUHQGqMPy/W52KqlCjWlHkVTD3V6nsKwokCT7/oh6CAjxeAEAM7zx0hg5v\n"
      "lfvajE6Q3dxdOwEhhKFkvJKI5k7ZDB4QF5unWO4OCQ9YgzqNN9Op7CRAws8OzpUW8v89+d\n"
      "9plWV/7XP2GgbzkDUKF+12Ywlib2NQlE+UVmi6QNfG3lSCT3CeonLVD+KfPA0zG24kHDz1\n"
      "zsQuXVNIowAAA8DLRysMy0crDAAAAAdzc2gtcnNhAAABAQDdhBMza7tST/A5u0L3KBYnDG\n"
      "HBONXIEcb8Z9xNNpRpiO1MTt09XQI6d0wRhpW8dCD8VytauzsbDgLNHTv+76llw3AsjJZ3\n"
      "ATA/LARN8s/MfqLisYvcAtLhebfFMgfJ4WO/iMU2ZpQdAaow/L9bnYqqUKNaUeRVMPdXqe\n"
      "wrCiQJPv+iHoICPF4AQAzvPHSGDm+V+9qMTpDd3F07ASGEoWS8kojmTtkMHhAXm6dY7g4J\n"
      "D1iDOo0306nsJEDCzw7OlRby/z3532mVZX/tc/YaBvOQNQoX7XZjCWJvY1CUT5RWaLpA18\n"
      "beVIJPcJ6ictUP4p88DTMbbiQcPPXOxC5dU0ijAAAAAwEAAQAAAQAkHK/0pg93r8h94OVd\n"
      "3Y8e9onJMjbH0v4Zj+T+QXOYcNYepoyywELovSINiV9HxbbK7HsI45UTKAmU3rs1KGT5Tg\n"
      "8vdAvjgrIW2lopSvhNYiezxTYDvAIc9/bZkvpqEvBr/SQJZlenEupn6gxYJyq/8T1wMAGF\n"
      "UeJAzFbP/Ws6hlkHtbtUsljGG6A9QCZHIPp0VhL5FwYsbKwcdsPl4NS+jGv3ezZ8xq7jCU\n"
      "rbGKmsqzIA1lzkAWcaBGYKPodYE9//wDonJtYKGQyMNozHBbhI8BqYivg43Bzt3AJqbXDE\n"
      "4Dj12GDaOPYwB5slOiq89TVE/T3Hnm8WNIh7NQYN32ahAAAAgGPcrNcXUfhW3h74rh0o/7\n"
      "l25jdiKvQIyJkZ6z4o7Q4DHWLepNQIZqB7aUjuw+ZD+/JbSxhbKs3zUXV4PaS77UKWKIXB\n"
      "ijef15BLT1Jssl2kvWDzvJYGQFlGJsjbXSuJX6FWlUDSmdEeDEA9/Au5iuQiS11t7ys9rC\n"
      "N5NDk/HVYGAAAAgQDxZh9xQGgZiP01y+/3kzxHznzX7Slg3dvOR4QqhHHtbWnfKzn0nFBr\n"
      "YA+bUxuDEBDWkdzSciXQNe5z7GYt5ChwJ0EhfLd8NnHR2mys9NAVXlnPjTgVqLwIA0fIr8\n"
      "fYKNijXAC3Q/ipIQNveOSmEPL31chlYHdGry1iixLsbX3Q5QAAAIEA6uoURSAyEFDRZn/4\n"
      "ijE7vOGmIZlxTjRD1AcROiwQipa5/5wMOBvpWbm/Rz7D9MC2duuCx6eHcDN9lgwRn0u5nN\n"
      "ZHsrEUcTrvr915H/2SINay/DpB9olRVfdYxMqPU3XmyNO/ayrxvSvLtNhYCEu1bE6I+ngP\n"
      "VhQgYSTj7c/iAucAAAAEdGVzdAECAwQFBgc=\n"
      "-----END OPENSSH PRIVATE KEY-----\n",
    .line =
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDdhBMza7tST/A5u0L3KBYnDGHBON"
      "XIEcb8Z9xNNpRpiO1MTt09XQI6d0wRhpW8dCD8VytauzsbDgLNHTv+76llw3AsjJZ3"
      "ATA/LARN8s/MfqLisYvcAtLhebfFMgfJ4WO/iMU2ZpQdAaow/L9bnYqqUKNaUeRVMP"
      "dXqewrCiQJPv+iHoICPF4AQAzvPHSGDm+V+9qMTpDd3F07ASGEoWS8kojmTtkMHhAX"
      "m6dY7g4JD1iDOo0306nsJEDCzw7OlRby/z3532mVZX/tc/YaBvOQNQoX7XZjCWJvY1"
      "CUT5RWaLpA18beVIJPcJ6ictUP4p88DTMbbiQcPPXOxC5dU0ij",
    .fingerprint = "SHA256:hoHal58N9ZsMgRm7HAafCdkW+Xui34Mk8BzoUC/qRXU" }
};

uvssh_key_t* key_of_row(const struct key_row* row) {
  uvssh_key_t* key = NULL;

  CHECK_EQ(uvssh_key_parse(&key, row->text, strlen(row->text), NULL), 0);
  return key;
}

const struct key_row* key_row_of(const char* name) {
  size_t i;

  for (i = 0; i < KEY_ROWS; i++)
    if (strcmp(key_rows[i].name, name) == 0)
      return &key_rows[i];
  FAIL("no key row %s", name);
}
