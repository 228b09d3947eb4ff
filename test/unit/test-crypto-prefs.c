/* What is written for a list of algorithms, and what it means. */
#include "check.h"

#include "crypto/crypto.h"

#define DEFAULTS "aes256-gcm@openssh.com,aes256-ctr,chacha20"
#define KNOWN DEFAULTS ",aes128-ctr,old-ctr"

struct row {
  const char* text;
  const char* list;                /* NULL: it cannot be */
  const char* bad;                 /* the name that is wrong; NULL: nothing */
};                                 /* is left */

static const struct row rows[] = {
  /* itself, each name once */
  { "aes256-ctr", "aes256-ctr", "" },
  { "old-ctr,aes256-ctr", "old-ctr,aes256-ctr", "" },
  { "chacha20,aes256-ctr,chacha20", "chacha20,aes256-ctr", "" },
  { KNOWN, KNOWN, "" },
  /* behind the default list */
  { "+old-ctr", DEFAULTS ",old-ctr", "" },
  { "+old-ctr,aes128-ctr", DEFAULTS ",old-ctr,aes128-ctr", "" },
  { "+aes256-ctr", DEFAULTS, "" },
  { "+aes256-ctr,old-ctr,old-ctr", DEFAULTS ",old-ctr", "" },
  /* in front of it */
  { "^chacha20", "chacha20,aes256-gcm@openssh.com,aes256-ctr", "" },
  { "^old-ctr,aes256-ctr", "old-ctr,aes256-ctr,aes256-gcm@openssh.com,chacha20",
    "" },
  { "^aes256-gcm@openssh.com", DEFAULTS, "" },
  /* taken away */
  { "-chacha20", "aes256-gcm@openssh.com,aes256-ctr", "" },
  { "-old-ctr", DEFAULTS, "" },
  { "-aes*", "chacha20", "" },
  { "-aes256-?cm*,chacha20", "aes256-ctr", "" },
  { "-*@openssh.com", "aes256-ctr,chacha20", "" },
  { "-AES*-CTR", "aes256-gcm@openssh.com,chacha20", "" },
  { "-*sha1*,*-cbc,3des*", DEFAULTS, "" },
  { "-aes256-ct?,*20", "aes256-gcm@openssh.com", "" },
  { "-aes256-ctr?", DEFAULTS, "" },
  /* nothing is left */
  { "-*", NULL, NULL },
  { "-aes*,cha*", NULL, NULL },
  { "-" DEFAULTS, NULL, NULL },
  { "-????????,*-gcm*,*-???", NULL, NULL },
  /* not known */
  { "none", NULL, "none" },
  { "aes256-ctr,none", NULL, "none" },
  { "+none", NULL, "none" },
  { "^none", NULL, "none" },
  { "-none", NULL, "none" },
  { "-aes256-gcm", NULL, "aes256-gcm" },
  { "-chacha20,*,!aes256-ctr", NULL, "!aes256-ctr" },
  { "-!aes*", NULL, "!aes*" },
  { "aes256-ctr ", NULL, "aes256-ctr " },
  { " aes256-ctr", NULL, " aes256-ctr" },
  { "aes256-ctr, chacha20", NULL, " chacha20" },
  { "aes256-ct", NULL, "aes256-ct" },
  { "aes256-ctrx", NULL, "aes256-ctrx" },
  { "AES256-CTR", NULL, "AES256-CTR" },
  { "-AES256-CTR", NULL, "AES256-CTR" },
  { "++old-ctr", NULL, "+old-ctr" },
  { "+-old-ctr", NULL, "-old-ctr" },
  { "chacha20,-aes256-ctr", NULL, "-aes256-ctr" },
  { "+old-ctr,+aes128-ctr", NULL, "+aes128-ctr" },
  /* wildcards are for what is taken away */
  { "aes*", NULL, "aes*" },
  { "*", NULL, "*" },
  { "+*", NULL, "*" },
  { "^aes*", NULL, "aes*" },
  /* names that are missing */
  { "", NULL, "" },
  { "+", NULL, "" },
  { "-", NULL, "" },
  { "^", NULL, "" },
  { ",", NULL, "" },
  { ",aes256-ctr", NULL, "" },
  { "aes256-ctr,", NULL, "" },
  { "aes256-ctr,,chacha20", NULL, "" },
  { "+,old-ctr", NULL, "" },
  { "+old-ctr,", NULL, "" },
  { "-aes*,", NULL, "" },
  { "^chacha20,,", NULL, "" }
};

TEST(prefs_rows) {
  char list[PREFS_MAX];
  str_t bad;
  size_t i;
  int err;

  for (i = 0; i < ARRAY_SIZE(rows); i++) {
    const struct row* row = &rows[i];

    NOTE("\"%s\"", row->text);
    memset(list, 'x', sizeof(list));
    err = uvssh__prefs_apply(row->text, DEFAULTS, KNOWN, list, &bad);
    CHECK_EQ(err, row->list != NULL ? 0 : UV_EINVAL);
    if (row->list != NULL) {
      CHECK_STR(list, row->list);
    } else if (row->bad == NULL) {
      CHECK(bad.base == NULL);
    } else {
      CHECK(bad.base != NULL);
      CHECK_MEM(bad.base, bad.len, row->bad, strlen(row->bad));
    }
  }
}

/* A pattern that no name could fit is a name that is not known. */
TEST(prefs_long_pattern) {
  char text[NAME_BYTES_MAX + 4] = "-";
  char list[PREFS_MAX];
  str_t bad;

  memset(text + 1, '*', NAME_BYTES_MAX);
  CHECK_EQ(uvssh__prefs_apply(text, DEFAULTS, KNOWN, list, &bad), UV_EINVAL);
  CHECK(bad.base == NULL);         /* it fits all */
  memset(text + 1, '*', NAME_BYTES_MAX + 1);
  CHECK_EQ(uvssh__prefs_apply(text, DEFAULTS, KNOWN, list, &bad), UV_EINVAL);
  CHECK_EQ(bad.len, NAME_BYTES_MAX + 1);
}

/* For each table: all it knows fits, and so does its default list, either
 * side's, in front of the other names. */
TEST(prefs_of_tables) {
  char text[PREFS_MAX + 1], list[PREFS_MAX];
  unsigned kind;
  str_t bad;

  for (kind = ALGO_KEX; kind <= ALGO_COMPRESSION; kind++) {
    const char* known = uvssh__algo_known((enum algo) kind);
    int side;

    NOTE("%s", known);
    CHECK_EQ(uvssh__prefs_apply(known, known, known, list, &bad), 0);
    CHECK_STR(list, known);
    for (side = 0; side < 2; side++) {
      const char* mine = uvssh__algo_default((enum algo) kind, side);

      snprintf(text, sizeof(text), "^%s", mine);
      CHECK_EQ(uvssh__prefs_apply(text, mine, known, list, &bad), 0);
      CHECK_STR(list, mine);
      snprintf(text, sizeof(text), "-%s", mine);
      CHECK_EQ(uvssh__prefs_apply(text, mine, known, list, &bad), UV_EINVAL);
    }
  }
}
