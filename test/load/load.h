/* load.h: a server and many clients, each side on a loop and a thread of its
 * own, over 127.0.0.1, for a while.
 *
 *   struct load_options o = { .seconds = 60, .sessions = 500, .channels = 4 };
 *   struct load_result r;
 *   int failures = load_run(&o, &r);
 *
 * Every session logs in with a key or a password, has so many channels at a
 * time, opens others when they end, and leaves once it has carried its share of
 * bytes; another one takes its place. The first wait for one another, so that
 * there were once as many as asked for. All is drawn from a seed: algorithms,
 * windows, sizes, ways to write, ways to echo, pauses of the readers. Both
 * sides exchange keys again each MiB.
 *
 * Each byte of a channel is a function of the channel and its place, and is
 * checked on its return: nothing is lost, doubled or out of order. Each session
 * and channel must end in peace, and each session must have exchanged keys as
 * often as its bytes ask for.
 *
 * Time is the length of the run and no more: at its end nothing new begins, but
 * each place goes on until one of its sessions has lived its whole life.
 *
 * Only public functions of the library. Never: a time that is asserted; but
 * where one session gets nothing for STILL_S seconds the program says which,
 * and ends.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdio.h>
#include <uvssh.h>

#define REKEY_BYTES (1u << 20)
#define USER "load"
#define PASSWORD "correct horse battery staple"
#define STILL_S 180
#define CHANNELS_MAX 16

struct load_options {
  unsigned seconds;
  unsigned sessions;
  unsigned channels;               /* a session, at most CHANNELS_MAX */
  uint64_t seed;
  size_t (*library_bytes)(void);   /* what the library has allocated */
  FILE* csv;                       /* a line a second; NULL: none */
};

struct load_result {               /* counted at the clients */
  unsigned sessions;               /* at a time; fewer than asked for where */
                                   /* descriptors are short */
  unsigned most_channels;          /* at a time */
  uint64_t sessions_ended;
  uint64_t sessions_whole;         /* of these: lived their whole life */
  uint64_t channels_ended;
  uint64_t bytes;                  /* came back and were right */
  uint64_t exchanges;              /* of keys, not counting the first ones */
  uint64_t served_ended;           /* sessions, at the server */
  uint64_t logins_by_key;
  uint64_t pauses;                 /* readers that stopped for a while */
  uint64_t waits;                  /* sends that were refused for a while */
  unsigned agreed[8];              /* sessions of each row of load_mixes */
};

/* 0, or how many things went wrong; each was printed. */
int load_run(const struct load_options* options, struct load_result* result);

/* ---- between the files of this folder ------------------------------------ */

struct load {
  struct load_options o;
  struct load_result r;
  uvssh_key_t* host_key;
  uvssh_key_t* user_key;
  int port;
  unsigned failures;               /* atomic */
  unsigned channels_live;          /* the clients' */
  unsigned sessions_live;
};

struct load_mix {                  /* algorithms that a client asks for */
  const char* ciphers;
  const char* macs;
  const char* kex;
};
extern const struct load_mix load_mixes[];
extern const unsigned load_mix_count;

/* Prints it, and counts it. Any thread. */
void load_fail(struct load* l, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/* The server's thread: 0 when it listens; load_server_stop() waits until it
 * has ended. */
int load_server_start(struct load* l);
void load_server_stop(void);
/* The clients, on this thread, until all is over. */
void load_clients(struct load* l);
/* Each second: a line of the CSV, and now and then one for people. */
void load_tell(struct load* l, unsigned second, uint64_t exchanges_live);

/* ---- numbers and bytes from a seed --------------------------------------- */

static inline uint64_t load_mixed(uint64_t x) {  /* splitmix64 */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* 0 .. n - 1 */
static inline uint32_t load_pick(uint64_t* seed, uint32_t n) {
  *seed += 1;
  return (uint32_t) (load_mixed(*seed) % n);
}

/* Bytes from `at` on. */
static inline void load_fill(char* out, uint64_t key, uint64_t at, size_t n) {
  uint64_t word = load_mixed(key + (at >> 3));
  size_t i;

  for (i = 0; i < n; i++, at++) {
    if ((at & 7) == 0)
      word = load_mixed(key + (at >> 3));
    out[i] = (char) (word >> (8 * (at & 7)));
  }
}

/* The first of n that is not as load_fill() makes it; n: all are. */
static inline size_t load_wrong(const char* base,
                                uint64_t key,
                                uint64_t at,
                                size_t n) {
  uint64_t word = load_mixed(key + (at >> 3));
  size_t i;

  for (i = 0; i < n; i++, at++) {
    if ((at & 7) == 0)
      word = load_mixed(key + (at >> 3));
    if (base[i] != (char) (word >> (8 * (at & 7))))
      return i;
  }
  return n;
}

#endif
