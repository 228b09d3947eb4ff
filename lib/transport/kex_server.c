/* kex_server.c: the server's half of a two-message exchange: RFC 5656 section
 * 4, RFC 8731, and every method of that shape. Message 30 in, 31 out; in a
 * group exchange 32 and 33, behind what kex_group.c does.
 *
 * The asymmetric work is one job: it may run on the thread pool while the
 * input of this session waits. */
#include "transport/transport.h"

struct server_job {
  struct job job;
  struct transport* t;             /* for done() only */
  uvssh_key_t* key;                /* kept */
  struct exchange x;
};

static void run(struct job* job) {
  struct server_job* j = CONTAINER_OF(job, struct server_job, job);
  struct exchange* x = &j->x;

  job->status = x->kex->respond(exchange_group(x), str_of_buf(&x->q_c), &x->q_s,
                               &x->k);
  if (job->status != 0)
    return;
  if (x->q_s.bad || x->k.bad) {
    job->status = UV_ENOMEM;
    return;
  }
  uvssh__exchange_hash(x);
  job->status = uvssh__key_sign(j->key, x->sign, x->h, x->kex->hash->size,
                                &x->signature);
}

static int done(struct job* job) {
  struct server_job* j = CONTAINER_OF(job, struct server_job, job);
  struct exchange* x = &j->x;
  struct buf* m;

  if (job->status != 0)
    return job->status;
  m = uvssh__message(j->t, x->kex->group_exchange ? MSG_KEX_DH_GEX_REPLY
                                                  : MSG_KEX_ECDH_REPLY);
  wr_str(m, x->k_s.base, x->k_s.len);
  wr_str(m, x->q_s.base, x->q_s.len);
  wr_str(m, x->signature.base, x->signature.len);
  uvssh__send(j->t);
  if (j->t->hostkey == NULL)
    j->t->hostkey = uvssh_key_ref(j->key);
  return uvssh__kex_newkeys(j->t, x);
}

static void dispose(struct job* job) {
  struct server_job* j = CONTAINER_OF(job, struct server_job, job);

  uvssh__exchange_free(&j->x);
  uvssh_key_unref(j->key);
  uvssh__free_secret(j, sizeof(*j));
}

uvssh_key_t* uvssh__hostkey_for(const struct transport* t,
                                const struct sign_alg* alg) {
  uvssh_key_t* key;
  unsigned i;

  for (i = 0; i < t->hostkeys->count; i++) {
    key = t->hostkeys->key[i];
    if (uvssh__key_fits(key, alg) &&
        (t->hostkey == NULL || uvssh_key_equal(key, t->hostkey)))
      return key;
  }
  return NULL;
}

int uvssh__on_kex_init(struct transport* t, rd_t* m) {
  str_t q_c = rd_str(m);           /* the client's public value */
  struct server_job* j;
  str_t blob;
  int err = rd_end(m);

  if (err != 0)
    return err;
  j = (struct server_job*) uvssh__calloc(1, sizeof(*j));
  if (j == NULL)
    return UV_ENOMEM;
  j->t = t;
  j->key = uvssh_key_ref(uvssh__hostkey_for(t, t->hs->offer.sign));
  j->job.cost = offer_cost(&t->hs->offer);
  j->job.run = run;
  j->job.done = done;
  j->job.dispose = dispose;
  err = uvssh__exchange_init(&j->x, t);
  blob = key_blob(j->key);
  wr_bytes(&j->x.k_s, blob.base, blob.len);
  wr_bytes(&j->x.q_c, q_c.base, q_c.len);
  if (err == 0 && (j->x.k_s.bad || j->x.q_c.bad))
    err = UV_ENOMEM;
  if (err != 0) {
    dispose(&j->job);
    return err;
  }
  return uvssh__job_submit(t->desk, &j->job);
}
