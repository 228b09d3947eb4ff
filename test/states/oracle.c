/* oracle.c: see oracle.h. */
#include "oracle.h"

#include "check.h"

static const struct {
  unsigned from, to;
  const char* server;              /* S1 2 3 4 5 6 8 9 10 11 */
  const char* client;              /* C1 2 3 4 5 6n 6p 7 8 10 11 12 13 */
} oracle[] = {
  { 0, 0,     "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 1, 1,     "CCCCCCCCCC", "CCCCCCCCCCCCC" },
  { 2, 4,     "iiiIIIIIII", "iiiIIIIIIIIII" },
  { 5, 5,     "DDDAAQDDDD", "DDDDDDDDDDDDD" },
  { 6, 6,     "DDDDDDDDDD", "DDDADDDDDDDDD" },
  { 7, 7,     "DDDADDDDDD", "DDDADEEEEDDDD" },
  { 8, 8,     "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 9, 19,    "uuuUUUUUUU", "uuuUUUUUUUUUU" },
  { 20, 20,   "ADDDDDAADD", "ADDDDDDDDAADD" },
  { 21, 21,   "DDADDDDDDA", "DDADDDDDDDDDA" },
  { 22, 29,   "uuuUUUUUUU", "uuuUUUUUUUUUU" },
  { 30, 30,   "DADDDDDDAD", "DDDDDDDDDDDDD" },
  { 31, 31,   "DDDDDDDDDD", "DADDDDDDDDDAD" },
  { 32, 49,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },  /* but see below */
  { 50, 50,   "DDDDAQIDDD", "DDDDDDDDDDDDD" },
  { 51, 51,   "DDDDDDDDDD", "DDDDDAAAADDDD" },
  { 52, 52,   "DDDDDDDDDD", "DDDDDAADADDDD" },
  { 53, 53,   "DDDDDDDDDD", "DDDDAAAAADDDD" },
  { 54, 59,   "DDDDUUDDDD", "DDDDUUUUUDDDD" },
  { 60, 60,   "DDDDDDDDDD", "DDDDDDAADDDDD" },
  { 61, 61,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 62, 62,   "DDDDUUDDDD", "DDDDUUUUUDDDD" },
  { 63, 66,   "DDDDDDDDDD", "DDDDDDDDDDDDD" },
  { 67, 79,   "DDDDUUDDDD", "DDDDUUUUUDDDD" },
  { 80, 80,   "DDDDDDAADD", "DDDDDDDDDAADD" },
  { 81, 82,   "DDDDDDAADD", "DDDDDDDDDAADD" },
  { 83, 89,   "DDDDDDUUDD", "DDDDDDDDDUUDD" },
  { 90, 100,  "DDDDDDAADD", "DDDDDDDDDAADD" },
  { 101, 127, "DDDDDDUUDD", "DDDDDDDDDUUDD" },
  { 128, 191, "uuuDDDUUDD", "uuuDDDDDDUUDD" },
  { 192, 192, "iiiIIIPIII", "iiiIIIIIIPIII" },
  { 193, 193, "iiiIIIIIII", "iiiIIIIIIIIII" },
  { 194, 255, "uuuDDDUUDD", "uuuDDDDDDUUDD" },
};

/* An exchange of groups: as another place but for this message and 30 to 34. */
static const struct {
  int as;
  unsigned number;
} groups[] = {                     /* from S2G on */
  { S2, 34 }, { S2, 32 }, { S10, 34 }, { S10, 32 },
  { C2, 31 }, { C2, 33 }, { C12, 31 }, { C12, 33 }
};

char oracle_cell(int place, unsigned number) {
  size_t i;

  if (place >= S2G && place < LOOKING) {
    if (number >= 30 && number <= 34)
      return number == groups[place - S2G].number ? 'A' : 'D';
    place = groups[place - S2G].as;
  }
  for (i = 0; i < ARRAY_SIZE(oracle); i++)
    if (number >= oracle[i].from && number <= oracle[i].to)
      return place <= S11 ? oracle[i].server[place - S1]
                          : oracle[i].client[place - C1];
  FAIL("no row for %u", number);
}

/* ---- places -------------------------------------------------------------- */

const char* const place_names[PLACES] = {
  "S1", "S2", "S3", "S4", "S5", "S6", "S8", "S9", "S10", "S11",
  "C1", "C2", "C3", "C4", "C5", "C6 none", "C6 password", "C7", "C8", "C10",
  "C11", "C12", "C13",
  "S2G", "S2K", "S10G", "S10K", "C2G", "C2K", "C12G", "C12K",
  "S2p", "S5p", "S10p", "C2p", "C2v", "C7p", "C12p",
  "S2Kp", "S10Kp", "C2Gp", "C2Kp", "C2Kv", "C12Gp", "C12Kp"
};

static const struct {
  enum state state;
  int behind;
} places[PLACES] = {
  { ST_KEXINIT, S1 }, { ST_KEX, S2 }, { ST_NEWKEYS, S3 }, { ST_SERVICE, S4 },
  { ST_AUTH, S5 }, { ST_WAIT, S6 }, { ST_OPEN, S8 }, { ST_REKEY_SENT, S9 },
  { ST_REKEY_KEX, S10 }, { ST_REKEY_NEWKEYS, S11 },
  { ST_KEXINIT, C1 }, { ST_KEX, C2 }, { ST_NEWKEYS, C3 }, { ST_SERVICE, C4 },
  { ST_AUTH, C5 }, { ST_WAIT, C6N }, { ST_WAIT, C6P }, { ST_QUERY, C7 },
  { ST_SIGNED, C8 }, { ST_OPEN, C10 }, { ST_REKEY_SENT, C11 },
  { ST_REKEY_KEX, C12 }, { ST_REKEY_NEWKEYS, C13 },
  { ST_GROUP, S2G }, { ST_GROUP_KEX, S2K }, { ST_REKEY_GROUP, S10G },
  { ST_REKEY_GROUP_KEX, S10K }, { ST_GROUP, C2G }, { ST_GROUP_KEX, C2K },
  { ST_REKEY_GROUP, C12G }, { ST_REKEY_GROUP_KEX, C12K },
  { ST_KEX, S3 }, { ST_WAIT, S6 }, { ST_REKEY_KEX, S11 },
  { ST_KEX, C3 }, { ST_KEX, C3 }, { ST_QUERY, C8 }, { ST_REKEY_KEX, C13 },
  { ST_GROUP_KEX, S3 }, { ST_REKEY_GROUP_KEX, S11 }, { ST_GROUP_KEX, C2K },
  { ST_GROUP_KEX, C3 }, { ST_GROUP_KEX, C3 }, { ST_REKEY_GROUP_KEX, C12K },
  { ST_REKEY_GROUP_KEX, C13 },
};

enum state place_state(int place) {
  return places[place].state;
}

int place_behind(int place) {
  return places[place].behind;
}

int place_is_group(int place) {
  return (places[place].state & (ST_GROUP | ST_GROUP_KEX | ST_REKEY_GROUP |
                                 ST_REKEY_GROUP_KEX)) != 0;
}

int place_is_early(int place) {
  return (places[place].state & (ST_KEXINIT | ST_KEX | ST_GROUP | ST_GROUP_KEX |
                                 ST_NEWKEYS)) != 0;
}
