/* hostkeys_server.c: a server tells its clients all its keys, and proves that
 * they are its own: hostkeys-00 and hostkeys-prove-00@openssh.com (OpenSSH's
 * PROTOCOL, section 2.5), so that keys can be replaced before they are gone.
 *
 * Happy path: the keys' blobs behind the login; the client names some of them;
 * one job signs for each of them, and the signatures are the answer.
 * Refused: no key, one that is not ours, one twice; more than PROOFS_MAX times
 * a session; a second one while the first waits for answers of the user. */
#include "conn/conn.h"

enum { KEYS = ARRAY_SIZE(((struct hostkeys*) NULL)->key) };

struct proof {
  uvssh_key_t* key;                /* kept */
  const struct sign_alg* sign;
  struct buf data;
};

struct proof_job {
  struct job job;
  struct conn* conn;               /* for done() only */
  struct proof proof[KEYS];
  unsigned count;
  struct buf signatures;           /* as strings */
};

void uvssh__hostkeys_tell(struct conn* c) {
  const struct hostkeys* keys = c->transport->hostkeys;
  struct buf* m = uvssh__global_begin(c, HOSTKEYS_TELL, 0);
  unsigned i;

  for (i = 0; i < keys->count; i++)
    wr_key(m, keys->key[i]);
  uvssh__send(c->transport);
}

void uvssh__hostkeys_signed_data(const struct transport* t,
                                 const uvssh_key_t* key,
                                 struct buf* data) {
  wr_cstr(data, HOSTKEYS_PROVE);
  wr_str(data, t->session_id, t->session_id_len);
  wr_key(data, key);
}

/* ---- the job ------------------------------------------------------------- */

static void run(struct job* job) {
  struct proof_job* j = CONTAINER_OF(job, struct proof_job, job);
  struct buf signature = { 0 };
  struct proof* p;

  for (p = j->proof; p < j->proof + j->count && job->status == 0; p++) {
    job->status = uvssh__key_sign(p->key, p->sign, p->data.base, p->data.len,
                                  &signature);
    wr_str(&j->signatures, signature.base, signature.len);
    if (job->status == 0 && (signature.bad || j->signatures.bad))
      job->status = UV_ENOMEM;
    uvssh__buf_free(&signature);
  }
}

static int done(struct job* job) {
  struct proof_job* j = CONTAINER_OF(job, struct proof_job, job);

  return job->status != 0 ? job->status
                          : uvssh__ask_succeed(j->conn, &j->signatures);
}

static void dispose(struct job* job) {
  struct proof_job* j = CONTAINER_OF(job, struct proof_job, job);
  unsigned i;

  for (i = 0; i < j->count; i++) {
    uvssh_key_unref(j->proof[i].key);
    uvssh__buf_free(&j->proof[i].data);
  }
  uvssh__buf_free(&j->signatures);
  uvssh__free(j);
}

/* ---- the question -------------------------------------------------------- */

/* The algorithm of the last exchange, where it is this key's: a client that
 * knows RSA may know only that one. */
static const struct sign_alg* sign_for(const struct transport* t,
                                       const uvssh_key_t* key) {
  return uvssh__key_fits(key, t->agreed.sign) ? t->agreed.sign
                                              : uvssh__sign_next(key, NULL);
}

/* 0; 1: this key may not be asked for, or not again; UV_ENOMEM. */
static int add(struct proof_job* j, const struct transport* t, str_t blob) {
  struct proof* p = &j->proof[j->count];
  uvssh_key_t* key = NULL;
  unsigned i;

  for (i = 0; i < t->hostkeys->count && key == NULL; i++)
    if (str_eq(key_blob(t->hostkeys->key[i]), blob))
      key = t->hostkeys->key[i];
  for (i = 0; i < j->count; i++)
    if (key == j->proof[i].key)
      return 1;
  if (key == NULL)
    return 1;
  j->count++;
  p->key = uvssh_key_ref(key);
  p->sign = sign_for(t, key);
  if (j->job.cost < p->sign->cost)
    j->job.cost = p->sign->cost;
  uvssh__hostkeys_signed_data(t, key, &p->data);
  return p->data.bad ? UV_ENOMEM : 0;
}

/* One such answer that waits is enough to hold. */
static int one_waits(const struct conn* c) {
  const struct queue* at;

  for (at = c->asks.next; at != &c->asks; at = at->next)
    if (CONTAINER_OF(at, struct ask, link)->extra.len != 0)
      return 1;
  return 0;
}

/* As add(), of all of them; a request that cannot be read is UVSSH_EMESSAGE. */
static int fill(struct proof_job* j, struct conn* c, rd_t* m) {
  int status = 0;
  str_t blob;

  while (rd_left(m) != 0) {
    blob = rd_str(m);              /* hostkey[i] */
    if (!m->bad && status == 0)
      status = add(j, c->transport, blob);
  }
  return m->bad ? UVSSH_EMESSAGE : j->count == 0 ? 1 : status;
}

int uvssh__on_hostkeys_prove(struct conn* c, rd_t* m) {
  struct proof_job* j = (struct proof_job*) uvssh__calloc(1, sizeof(*j));
  struct ask* a;
  int status;

  if (j == NULL)
    return UV_ENOMEM;
  j->conn = c;
  j->job.cost = COST_LIGHT;
  j->job.run = run;
  j->job.done = done;
  j->job.dispose = dispose;
  status = fill(j, c, m);
  if (status == 0 && (c->proofs >= PROOFS_MAX || one_waits(c)))
    status = 1;
  if (status != 0) {
    dispose(&j->job);
    return status > 0 ? uvssh__ask_new(c, NULL, -1, &a) : status;
  }
  c->proofs++;
  return uvssh__job_submit(c->desk, &j->job);
}
