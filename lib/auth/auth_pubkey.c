/* auth_pubkey.c: "publickey", RFC 4252 section 7: the server's side of it, and
 * the blob that both sides sign.
 *
 * A signature is verified (as a job) before the user is asked, and the user is
 * asked about the very key that signed: a probe leaves nothing behind that a
 * later request could lean on. */
#include "auth/auth.h"

void uvssh__auth_signed_data(const struct auth* auth,
                             const struct sign_alg* sign,
                             const uvssh_key_t* key,
                             struct buf* data) {
  const struct transport* t = auth->transport;
  size_t len;
  const uint8_t* blob = uvssh_key_blob(key, &len);

  wr_str(data, t->session_id, t->session_id_len);
  wr_u8(data, MSG_USERAUTH_REQUEST);
  wr_cstr(data, auth->user);
  wr_cstr(data, "ssh-connection");
  wr_cstr(data, "publickey");
  wr_bool(data, 1);
  wr_cstr(data, sign->name);
  wr_str(data, blob, len);
}

struct verify_job {
  struct job job;
  struct auth* auth;               /* for done() only */
  uvssh_key_t* key;
  const struct sign_alg* sign;
  struct buf data;
  struct buf signature;
};

static void run(struct job* job) {
  struct verify_job* j = CONTAINER_OF(job, struct verify_job, job);

  job->status = uvssh__key_verify(j->key, j->sign, j->data.base, j->data.len,
                                  str_of_buf(&j->signature));
}

static int done(struct job* job) {
  struct verify_job* j = CONTAINER_OF(job, struct verify_job, job);

  if (job->status != 0)
    return uvssh__auth_refuse(j->auth);
  j->auth->login->attempt.proven = 1;
  return uvssh__auth_ask(j->auth, NULL, NULL);
}

static void dispose(struct job* job) {
  struct verify_job* j = CONTAINER_OF(job, struct verify_job, job);

  uvssh_key_unref(j->key);
  uvssh__buf_free(&j->data);
  uvssh__buf_free(&j->signature);
  uvssh__free(j);
}

static int verify(struct auth* auth, str_t signature) {
  struct attempt* a = &auth->login->attempt;
  struct verify_job* j = (struct verify_job*) uvssh__calloc(1, sizeof(*j));

  if (j == NULL)
    return UV_ENOMEM;
  j->auth = auth;
  j->key = uvssh_key_ref(a->key);
  j->sign = a->sign;
  j->job.cost = a->sign->cost;
  j->job.run = run;
  j->job.done = done;
  j->job.dispose = dispose;
  uvssh__auth_signed_data(auth, a->sign, a->key, &j->data);
  wr_bytes(&j->signature, signature.base, signature.len);
  if (j->data.bad || j->signature.bad) {
    dispose(&j->job);
    return UV_ENOMEM;
  }
  return uvssh__job_submit(auth->desk, &j->job);
}

int uvssh__auth_publickey_read(struct auth* auth, rd_t* m) {
  struct attempt* a = &auth->login->attempt;
  int is_signed = rd_bool(m);
  str_t algorithm = rd_str(m);     /* public key algorithm name */
  str_t blob = rd_str(m);          /* public key blob */
  str_t signature = { NULL, 0 };
  int err;

  if (is_signed)
    signature = rd_str(m);
  err = rd_end(m);
  if (err != 0)
    return err;
  a->sign = uvssh__sign_find(algorithm);
  if (a->sign == NULL || !uvssh__auth_method_open(auth, a->method))
    return uvssh__auth_refuse(auth);
  err = uvssh__key_from_blob(&a->key, blob);
  if (err == UV_ENOMEM)
    return err;
  if (err != 0 || !uvssh__key_fits(a->key, a->sign))
    return uvssh__auth_refuse(auth);
  return is_signed ? verify(auth, signature) : uvssh__auth_ask(auth, NULL, NULL);
}
