/* Packets that cannot be: lengths, padding, tags. RFC 4253 section 6. */
#include "peer.h"

#include <stdio.h>

static const struct mode {
  const char* name;
  const char* cipher;              /* NULL: before the first keys */
  const char* mac;
  uint32_t block;
  uint32_t counted;                /* bytes of the length in the blocks */
} modes[] = {
  { "clear", NULL, NULL, 8, 4 },
  { "ctr", "aes256-ctr", "hmac-sha2-256", 16, 4 },
  { "etm", "aes256-ctr", "hmac-sha2-256-etm@openssh.com", 16, 0 },
  { "etm 512", "aes128-ctr", "hmac-sha2-512-etm@openssh.com", 16, 0 },
  { "gcm", "aes256-gcm@openssh.com", NULL, 16, 0 },
  { "chacha", "chacha20-poly1305@openssh.com", NULL, 8, 0 },
};

static struct peer* peer_for(const struct mode* mode, enum role role) {
  struct peer* p = peer_new(role);

  p->strict = STRICT_NONE;         /* so that IGNORE may come at any time */
  if (mode->cipher != NULL)
    peer_cipher(p, mode->cipher, mode->mac);
  return p;
}

static void reach(struct peer* p, const struct mode* mode) {
  peer_open(p);
  if (mode->cipher == NULL)
    peer_say_ident(p);
  else
    peer_reach_service(p);
}

static int may_be(const struct mode* mode, uint32_t length, uint32_t cap) {
  return length >= 5 && length <= cap &&
         (length + mode->counted) % mode->block == 0;
}

static const uint8_t ignore[] = { MSG_IGNORE, 0, 0, 0, 3, 'a', 'b', 'c' };

static void announce(struct peer* p, uint32_t length) {
  struct odd odd = { .set_length = 1, .length = length };

  peer_send_odd(p, ignore, sizeof(ignore), &odd);
}

static void length_refused(struct peer* p, const struct mode* mode,
                           uint32_t length, int chunk) {
  NOTE("%s, length %u, chunks of %d", mode->name, (unsigned) length, chunk);
  reach(p, mode);
  p->mine->chunk = (size_t) chunk;
  announce(p, length);
  peer_ended(p, UVSSH_EPACKET, 2);
  peer_again(p);
}

TEST(lesson_34_packet_length) {
  static const uint32_t big[] = {
    34999, 35000, 35001, 262143, 262144, 262145, 0x7fffffff, 0x80000000,
    0x80000001
  };
  struct peer* p;
  uint32_t length;
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(modes); i++) {
    p = peer_for(&modes[i], PEER_CLIENT);
    for (length = 0; length <= 16; length++)
      if (!may_be(&modes[i], length, 35000))
        length_refused(p, &modes[i], length, (int) (length % 2));
    for (k = 0; k < ARRAY_SIZE(big); k++)
      if (!may_be(&modes[i], big[k], 35000))
        length_refused(p, &modes[i], big[k], (int) (k % 2));
    for (length = 0xfffffff0; length != 0; length++)
      length_refused(p, &modes[i], length, (int) (length % 2));
    peer_end(p);
  }
}

/* The largest that may be is waited for, the next one is not; before login and
 * after it. */
TEST(lesson_34_40_the_largest_packet) {
  struct peer* p;
  uint32_t length;
  size_t before;
  size_t i;

  for (i = 1; i < ARRAY_SIZE(modes); i++) {
    NOTE("%s", modes[i].name);
    p = peer_for(&modes[i], PEER_CLIENT);
    for (length = 35000; !may_be(&modes[i], length, 35000); length--)
      ;
    reach(p, &modes[i]);
    announce(p, length);
    peer_expect_nothing(p);
    CHECK_EQ(p->side->closes, 0);
    peer_again(p);
    length_refused(p, &modes[i], length + modes[i].block, 0);

    for (length = 262144; !may_be(&modes[i], length, 262144); length--)
      ;
    peer_open(p);
    peer_reach_open(p);
    pipe_run(&p->app->pipe);
    before = heap_bytes();
    p->mine->chunk = 1;
    announce(p, length);
    peer_expect_nothing(p);
    CHECK_EQ(p->side->closes, 0);
    CHECK(heap_bytes() < before + 1024);   /* not what was announced */
    peer_again(p);
    peer_open(p);
    peer_reach_open(p);
    announce(p, length + modes[i].block);
    peer_ended(p, UVSSH_EPACKET, 2);
    peer_end(p);
  }
}

/* Its tag is right, and yet it is too short to be a packet, or says nothing. */
TEST(lesson_35_36_38_short_packets_with_a_right_tag) {
  struct peer* p;
  struct odd odd;
  unsigned n;
  size_t i;

  for (i = 0; i < ARRAY_SIZE(modes); i++) {
    p = peer_for(&modes[i], PEER_CLIENT);
    for (n = 1; n <= 40; n++) {
      NOTE("%s, %u bytes of padding, no payload", modes[i].name, n);
      reach(p, &modes[i]);
      memset(&odd, 0, sizeof(odd));
      odd.set_padding = 1;
      odd.padding = n;
      peer_send_odd(p, NULL, 0, &odd);
      peer_raw(p, "0123456789abcdef", 16);
      peer_ended(p, UVSSH_EPACKET, 2);
      peer_again(p);
    }
    peer_end(p);
  }
}

TEST(lesson_36_38_39_padding_length) {
  static const unsigned wrong[] = { 0, 1, 2, 3, 254, 255 };
  struct peer* p;
  struct odd odd;
  unsigned n;
  size_t i, k;

  for (i = 0; i < ARRAY_SIZE(modes); i++) {
    p = peer_for(&modes[i], PEER_CLIENT);
    for (k = 0; k < ARRAY_SIZE(wrong); k++) {
      NOTE("%s, padding_length %u", modes[i].name, wrong[k]);
      reach(p, &modes[i]);
      memset(&odd, 0, sizeof(odd));
      odd.set_padding = 1;
      odd.padding = wrong[k];
      /* as many as make whole blocks with the 8 bytes of the payload */
      for (n = 4; (n + 9 + modes[i].counted) % modes[i].block != 0; n++)
        ;
      odd.padding_bytes = n;
      peer_send_odd(p, ignore, sizeof(ignore), &odd);
      peer_ended(p, UVSSH_EPACKET, 2);
      peer_again(p);
    }
    /* All that is right, up to 255. */
    reach(p, &modes[i]);
    for (n = 4; n <= 255; n++) {
      memset(&odd, 0, sizeof(odd));
      odd.set_padding = 1;
      odd.padding = n;
      if ((n + 9 + modes[i].counted) % modes[i].block == 0 &&
          (modes[i].cipher != NULL || n % 64 >= 56))
        peer_send_odd(p, ignore, sizeof(ignore), &odd);
    }
    peer_alive(p);
    peer_end(p);
  }
}

/* One wrong bit anywhere: nothing of the packet is believed. */
TEST(lesson_83_a_wrong_bit_at_each_byte) {
  static const uint8_t junk[1000];
  struct peer* p;
  struct odd odd;
  size_t i, n, total;
  int err;

  for (i = 1; i < ARRAY_SIZE(modes); i++) {
    p = peer_for(&modes[i], PEER_CLIENT);
    peer_open(p);
    peer_reach_service(p);
    total = 5 + sizeof(ignore) + 4 + p->out.tag_size;
    peer_again(p);
    for (n = 1; n <= total; n++) {
      NOTE("%s, byte %zu", modes[i].name, n);
      reach(p, &modes[i]);
      memset(&odd, 0, sizeof(odd));
      odd.flip = n;
      peer_send_odd(p, ignore, sizeof(ignore), &odd);
      peer_raw(p, junk, sizeof(junk));   /* the length may say more now */
      pipe_run(&p->app->pipe);
      err = p->side->session.end.status;
      CHECK(err == UVSSH_EMAC || (n <= 4 && err == UVSSH_EPACKET));
      peer_ended(p, err, err == UVSSH_EMAC ? 5 : 2);
      peer_again(p);
    }
    peer_end(p);
  }
}

/* A packet that comes twice is not the next one. */
TEST(packet_replayed) {
  static const uint8_t junk[40000];
  struct peer* p;
  size_t i, at;
  uint8_t copy[200];
  size_t len;

  for (i = 1; i < ARRAY_SIZE(modes); i++) {
    NOTE("%s", modes[i].name);
    p = peer_for(&modes[i], PEER_CLIENT);
    reach(p, &modes[i]);
    pipe_run(&p->app->pipe);
    at = p->mine->at == p->mine->len ? 0 : p->mine->at;
    peer_send_bytes(p, ignore, sizeof(ignore));
    len = p->mine->len - at;
    CHECK(len <= sizeof(copy));
    memcpy(copy, p->mine->wire + at, len);
    peer_alive(p);
    peer_raw(p, copy, len);
    peer_raw(p, junk, sizeof(junk));   /* its length may be any now */
    pipe_run(&p->app->pipe);
    CHECK(p->side->session.end.status == UVSSH_EMAC ||
          p->side->session.end.status == UVSSH_EPACKET);
    peer_end(p);
  }
}
