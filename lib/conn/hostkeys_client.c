/* hostkeys_client.c: a client hears which keys its server has, and has those
 * proven that are new: hostkeys-00 and hostkeys-prove-00@openssh.com (OpenSSH's
 * PROTOCOL, section 2.5).
 *
 * Happy path: the server tells its keys once; all but the key of this session
 * are to be proven; one job verifies the signatures; the user is told all of
 * them, also those that this client would not take in an exchange: whoever
 * keeps a file of keys drops what is not told.
 * Failures: none ends the session. What is said twice, is not sound, or is not
 * proven, is dropped and logged, all of it.
 *
 * Never: a key that was not proven, but for that of this session; a list without
 * it. */
#include "conn/conn.h"

enum { LIGHT_PROOFS = 4 };         /* more are no light job */

struct told {
  uvssh_req_t req;                 /* hostkeys-prove-00 */
  uvssh_key_t* key[HOSTKEYS_TOLD_MAX];
  unsigned count;
  unsigned open;                   /* the first so many are to be proven */
};

static void told_free(struct told* t) {
  unsigned i;

  for (i = 0; i < t->count; i++)
    uvssh_key_unref(t->key[i]);
  uvssh__free(t);
}

void uvssh__hostkeys_forget(struct conn* c) {
  if (c->told == NULL)
    return;
  queue_remove(&request_of(&c->told->req)->item.link);
  told_free(c->told);
  c->told = NULL;
}

static void tell(struct conn* c, const struct told* t) {
  if (c->desk->on.on_hostkeys != NULL)
    c->desk->on.on_hostkeys(c->desk->pub, t->key, t->count);
}

static int drop(struct conn* c, const char* why) {
  uvssh__log(&c->desk->log, UVSSH_LOG_INFO,
             "the server's list of host keys is not used: %s", why);
  return 0;
}

/* ---- the proofs ---------------------------------------------------------- */

/* What this signature says it is; NULL: nothing that may be. Where the exchange
 * had a key of this type, it is the exchange's. */
static const struct sign_alg* alg_of(const struct conn* c,
                                     const uvssh_key_t* key,
                                     str_t signature) {
  const struct sign_alg* agreed = c->transport->agreed.sign;
  rd_t r = rd_of(signature.base, signature.len);
  const struct sign_alg* alg = uvssh__sign_find(rd_str(&r));

  if (alg == NULL || !uvssh__key_fits(key, alg))
    return NULL;
  return uvssh__key_fits(key, agreed) && alg != agreed ? NULL : alg;
}

struct check {
  const struct sign_alg* sign;
  struct buf data;
  struct buf signature;
};

struct check_job {
  struct job job;
  struct conn* conn;               /* for done() only */
  struct told* told;
  struct check check[HOSTKEYS_TOLD_MAX];
};

static void run(struct job* job) {
  struct check_job* j = CONTAINER_OF(job, struct check_job, job);
  struct check* k;
  unsigned i;

  for (i = 0; i < j->told->open && job->status == 0; i++) {
    k = &j->check[i];
    job->status = uvssh__key_verify(j->told->key[i], k->sign, k->data.base,
                                    k->data.len, str_of_buf(&k->signature));
  }
}

static int done(struct job* job) {
  struct check_job* j = CONTAINER_OF(job, struct check_job, job);

  if (job->status != 0)
    return drop(j->conn, "a key is not proven");
  tell(j->conn, j->told);
  return 0;
}

static void dispose(struct job* job) {
  struct check_job* j = CONTAINER_OF(job, struct check_job, job);
  unsigned i;

  for (i = 0; i < j->told->open; i++) {
    uvssh__buf_free(&j->check[i].data);
    uvssh__buf_free(&j->check[i].signature);
  }
  told_free(j->told);
  uvssh__free(j);
}

/* 0; 1: they are no proofs; UV_ENOMEM. */
static int fill(struct check_job* j, rd_t* proofs) {
  struct check* k;
  str_t signature;
  unsigned i;

  for (i = 0; i < j->told->open; i++) {
    k = &j->check[i];
    signature = rd_str(proofs);    /* signature[i] */
    k->sign = alg_of(j->conn, j->told->key[i], signature);
    if (k->sign == NULL)
      return 1;
    if (j->job.cost < k->sign->cost)
      j->job.cost = k->sign->cost;
    uvssh__hostkeys_signed_data(j->conn->transport, j->told->key[i], &k->data);
    wr_bytes(&k->signature, signature.base, signature.len);
    if (k->data.bad || k->signature.bad)
      return UV_ENOMEM;
  }
  return rd_end(proofs) == 0 ? 0 : 1;
}

int uvssh__hostkeys_answered(struct conn* c, rd_t* proofs) {
  struct told* t = c->told;
  struct check_job* j;
  int status;

  c->told = NULL;
  if (proofs == NULL) {
    told_free(t);
    return drop(c, "the server does not prove them");
  }
  j = (struct check_job*) uvssh__calloc(1, sizeof(*j));
  if (j == NULL) {
    told_free(t);
    return UV_ENOMEM;
  }
  j->conn = c;
  j->told = t;
  j->job.cost = t->open > LIGHT_PROOFS ? COST_HEAVY : COST_LIGHT;
  j->job.run = run;
  j->job.done = done;
  j->job.dispose = dispose;
  status = fill(j, proofs);
  if (status == 0)
    return uvssh__job_submit(c->desk, &j->job);
  dispose(&j->job);
  return status > 0 ? drop(c, "the proofs are no proofs") : status;
}

/* ---- the list ------------------------------------------------------------ */

static int knows(const struct conn* c, const uvssh_key_t* key) {
  return uvssh_key_equal(key, c->transport->hostkey);
}

/* Those that are to be proven stand first. */
static void insert(struct conn* c, struct told* t, uvssh_key_t* key) {
  if (knows(c, key)) {
    t->key[t->count++] = key;
    return;
  }
  t->key[t->count++] = t->key[t->open];
  t->key[t->open++] = key;
}

/* 0: go on; 1: this list is not sound; UV_ENOMEM. */
static int add(struct conn* c, struct told* t, str_t blob) {
  uvssh_key_t* key;
  unsigned i;
  int err = uvssh__key_from_blob(&key, blob);

  if (err != 0)                    /* of a type that we do not know, maybe */
    return err == UV_ENOMEM ? err : 0;
  for (i = 0; i < t->count; i++)
    if (uvssh_key_equal(t->key[i], key))
      err = 1;
  if (t->count == HOSTKEYS_TOLD_MAX)
    err = 1;
  if (err != 0)
    uvssh_key_unref(key);
  else
    insert(c, t, key);
  return err;
}

/* As add(), of all. Keys that cannot be read cost time, too. */
static int read_list(struct conn* c, struct told* t, rd_t* m) {
  int err = 0;
  unsigned i;

  for (i = 0; err == 0 && rd_left(m) != 0; i++)
    err = i == HOSTKEYS_SAID_MAX ? 1 : add(c, t, rd_str(m));  /* hostkey[i] */
  for (i = t->open; err == 0 && i < t->count; i++)
    if (uvssh_key_equal(t->key[i], c->transport->hostkey))
      return 0;
  return err == 0 ? 1 : err;
}

static int ask_proof(struct conn* c, struct told* t) {
  struct buf* m = uvssh__global_begin(c, HOSTKEYS_PROVE, 1);
  unsigned i;

  for (i = 0; i < t->open; i++)
    wr_key(m, t->key[i]);
  if (!conn_takes_messages(c) || !uvssh__message_fits(c->transport)) {
    told_free(t);
    return drop(c, "it is too long to be asked about");
  }
  uvssh__send(c->transport);
  uvssh__request_begin(&t->req, c->desk, NULL, NULL);
  request_of(&t->req)->item.kind = REQUEST_PROOF;
  queue_push(&c->requests, &request_of(&t->req)->item.link);
  c->told = t;
  return 0;
}

int uvssh__on_hostkeys(struct conn* c, rd_t* m) {
  struct told* t;
  int err;

  if (c->was_told || c->desk->on.on_hostkeys == NULL)
    return 0;
  c->was_told = 1;
  t = (struct told*) uvssh__calloc(1, sizeof(*t));
  if (t == NULL)
    return UV_ENOMEM;
  err = read_list(c, t, m);
  if (err == 0 && t->open != 0)
    return ask_proof(c, t);
  if (err == 0)
    tell(c, t);
  told_free(t);
  return err > 0 ? drop(c, "it is not sound") : err;
}
