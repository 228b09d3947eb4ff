/* kex_client.c: the client's half of a two-message exchange: RFC 5656 section
 * 4, RFC 8731. Message 30 out, 31 in; in a group exchange 32 and 33, behind
 * what kex_group.c does.
 *
 * Happy path: an ephemeral key is made, by a job where that is dear; 31 comes;
 * a job verifies that the server owns the host key; the user is asked about it
 * (first exchange) or it is compared with the first one (later ones); NEWKEYS
 * leaves.
 * Until the user has said yes, nothing but this exchange is ever sent. */
#include "transport/transport.h"

struct client_job {
  struct job job;
  struct transport* t;             /* for done() only */
  struct buf secret;
  uvssh_key_t* key;                /* the server's; NULL: of the first half */
  struct exchange x;
};

static void dispose(struct job* job) {
  struct client_job* j = CONTAINER_OF(job, struct client_job, job);

  uvssh__exchange_free(&j->x);
  uvssh__buf_free(&j->secret);
  uvssh_key_unref(j->key);
  uvssh__free_secret(j, sizeof(*j));
}

static struct client_job* new_job(struct transport* t) {
  struct client_job* j = (struct client_job*) uvssh__calloc(1, sizeof(*j));

  if (j == NULL)
    return NULL;
  j->t = t;
  j->secret.secret = 1;
  j->job.cost = offer_cost(&t->hs->offer);
  j->job.dispose = dispose;
  return j;
}

/* ---- the first half ------------------------------------------------------ */

/* Of a group exchange: what we asked for, and what came. */
static int check_group(const struct exchange* x) {
  const uint8_t* asked = x->group.base;

  return x->group.len == 0 ? 0 : uvssh__gex_check(exchange_group(x),
                                                  get_u32(asked),
                                                  get_u32(asked + 8));
}

static void run_start(struct job* job) {
  struct client_job* j = CONTAINER_OF(job, struct client_job, job);
  struct exchange* x = &j->x;

  job->status = check_group(x);
  if (job->status != 0)
    return;
  job->status = x->kex->start(exchange_group(x), &j->secret, &x->q_c);
  if (job->status == 0 && (j->secret.bad || x->q_c.bad))
    job->status = UV_ENOMEM;
}

static int done_start(struct job* job) {
  struct client_job* j = CONTAINER_OF(job, struct client_job, job);
  struct handshake* hs = j->t->hs;
  struct buf* m;

  if (job->status != 0)
    return job->status;
  hs->secret = j->secret;          /* moved */
  hs->q_c = j->x.q_c;
  memset(&j->secret, 0, sizeof(j->secret));
  memset(&j->x.q_c, 0, sizeof(j->x.q_c));
  m = uvssh__message(j->t, hs->offer.kex->group_exchange ? MSG_KEX_DH_GEX_INIT
                                                         : MSG_KEX_ECDH_INIT);
  wr_str(m, hs->q_c.base, hs->q_c.len);
  uvssh__send(j->t);
  return 0;
}

int uvssh__kex_client_start(struct transport* t) {
  struct client_job* j = new_job(t);
  int err;

  if (j == NULL)
    return UV_ENOMEM;
  j->job.run = run_start;
  j->job.done = done_start;
  j->x.kex = t->hs->offer.kex;
  j->job.cost = j->x.kex->start_cost;
  wr_bytes(&j->x.group, t->hs->group.base, t->hs->group.len);
  if (j->job.cost == COST_HEAVY && !j->x.group.bad)
    return uvssh__job_submit(t->desk, &j->job);
  err = UV_ENOMEM;
  if (!j->x.group.bad) {
    run_start(&j->job);            /* not worth a queue */
    err = done_start(&j->job);
  }
  dispose(&j->job);
  return err;
}

int uvssh__kex_client_begin(struct transport* t) {
  return t->hs->offer.kex->group_exchange ? uvssh__group_request_send(t)
                                          : uvssh__kex_client_start(t);
}

/* ---- the second half ----------------------------------------------------- */

static void run(struct job* job) {
  struct client_job* j = CONTAINER_OF(job, struct client_job, job);
  struct exchange* x = &j->x;

  job->status = x->kex->finish(exchange_group(x), str_of_buf(&j->secret),
                               str_of_buf(&x->q_s), &x->k);
  if (job->status != 0)
    return;
  if (x->k.bad) {
    job->status = UV_ENOMEM;
    return;
  }
  uvssh__exchange_hash(x);
  job->status = uvssh__key_verify(j->key, x->sign, x->h, x->kex->hash->size,
                                  str_of_buf(&x->signature));
  if (job->status != 0)
    job->status = UVSSH_EKEX;
}

/* The answer to "may this be the host key?" */
static int on_answer(struct question* q, const struct answer* a) {
  struct transport* t = (struct transport*) q->owner;
  struct handshake* hs = t->hs;
  struct desk* desk = q->desk;
  int err = UVSSH_EHOSTKEY;

  if (a->kind != ANSWER_ACCEPT && a->kind != ANSWER_REJECT)
    return UV_EINVAL;
  uvssh__question_close(q);
  t->kex_started = desk_now(desk);      /* the user's time was free */
  if (a->kind == ANSWER_ACCEPT) {
    t->hostkey = hs->hostkey;
    hs->hostkey = NULL;
    err = uvssh__kex_newkeys(t, &hs->asked);
  }
  if (err != 0)
    desk_fail(desk, err);
  desk_wake(desk);                 /* input waited for this */
  return 0;
}

static int done(struct job* job) {
  struct client_job* j = CONTAINER_OF(job, struct client_job, job);
  struct transport* t = j->t;
  struct desk* desk = t->desk;
  struct handshake* hs = t->hs;
  int err;

  if (job->status != 0)
    return job->status;
  if (t->hostkey != NULL)
    return uvssh_key_equal(t->hostkey, j->key)
               ? uvssh__kex_newkeys(t, &j->x)
               : UVSSH_EHOSTKEY;
  if (desk->on.on_hostkey == NULL)
    return UVSSH_EHOSTKEY;
  hs->question.owner = t;
  hs->asked = j->x;
  memset(&j->x, 0, sizeof(j->x));
  hs->hostkey = uvssh_key_ref(j->key);
  err = uvssh__question_open(&hs->question, desk, on_answer);
  if (err != 0)
    return err;
  desk->on.on_hostkey(desk->pub, hs->hostkey, UVSSH_HOST_UNKNOWN,
                      hs->question.reply);
  return 0;
}

static int fill(struct client_job* j, str_t k_s, str_t q_s, str_t signature) {
  struct handshake* hs = j->t->hs;
  int err = uvssh__key_from_blob(&j->key, k_s);

  if (err != 0)
    return err == UV_ENOMEM ? err : UVSSH_EKEX;
  if (!uvssh__key_fits(j->key, hs->offer.sign))
    return UVSSH_EKEX;
  err = uvssh__exchange_init(&j->x, j->t);
  wr_bytes(&j->x.k_s, k_s.base, k_s.len);
  wr_bytes(&j->x.q_c, hs->q_c.base, hs->q_c.len);
  wr_bytes(&j->x.q_s, q_s.base, q_s.len);
  wr_bytes(&j->x.signature, signature.base, signature.len);
  if (j->x.k_s.bad || j->x.q_c.bad || j->x.q_s.bad || j->x.signature.bad)
    return UV_ENOMEM;
  j->secret = hs->secret;          /* moved: there is one reply */
  memset(&hs->secret, 0, sizeof(hs->secret));
  return err;
}

int uvssh__on_kex_reply(struct transport* t, rd_t* m) {
  str_t k_s = rd_str(m);           /* the server's public host key */
  str_t q_s = rd_str(m);           /* its public value */
  str_t signature = rd_str(m);     /* of the exchange hash */
  struct client_job* j;
  int err = rd_end(m);

  if (err != 0)
    return err;
  j = new_job(t);
  if (j == NULL)
    return UV_ENOMEM;
  j->job.run = run;
  j->job.done = done;
  err = fill(j, k_s, q_s, signature);
  if (err != 0) {
    dispose(&j->job);
    return err;
  }
  return uvssh__job_submit(t->desk, &j->job);
}
