/* auth_pubkey.c: "publickey", RFC 4252 section 7, on both sides, and
 * "publickey-hostbound-v00@openssh.com" (OpenSSH's PROTOCOL, 3.1), whose
 * signature is also over the key that the server has proven: one that was
 * made for another server is worth nothing here.
 *
 * A signature is verified (as a job) before the user is asked, and the user is
 * asked about the very key that signed: a probe leaves nothing behind that a
 * later request could lean on. */
#include "auth/auth.h"

static int is_hostbound(const struct auth* auth) {
  return auth->desk->is_server
             ? auth->login->attempt.hostbound
             : (auth->transport->extensions & EXTENSION_HOSTBOUND) != 0;
}

static const char* method_name(const struct auth* auth) {
  return is_hostbound(auth) ? AUTH_HOSTBOUND : "publickey";
}

/* What the method has behind the user's key. */
static void write_binding(const struct auth* auth, struct buf* out) {
  if (is_hostbound(auth))
    wr_key(out, auth->transport->hostkey);   /* server host key */
}

void uvssh__auth_signed_data(const struct auth* auth,
                             const struct sign_alg* sign,
                             const uvssh_key_t* key,
                             struct buf* data) {
  const struct transport* t = auth->transport;

  wr_str(data, t->session_id, t->session_id_len);
  wr_u8(data, MSG_USERAUTH_REQUEST);
  wr_cstr(data, auth->user);
  wr_cstr(data, "ssh-connection");
  wr_cstr(data, method_name(auth));
  wr_bool(data, 1);
  wr_cstr(data, sign->name);
  wr_key(data, key);
  write_binding(auth, data);
}

/* ---- one job for both sides: verify a signature, or make one ------------- */

struct key_job {
  struct job job;
  struct auth* auth;               /* for done() only */
  int (*then)(struct auth* auth, int status, const struct key_job* j);
  uvssh_key_t* key;
  const struct sign_alg* sign;
  struct buf data;
  struct buf signature;
};

static void run_verify(struct job* job) {
  struct key_job* j = CONTAINER_OF(job, struct key_job, job);

  job->status = uvssh__key_verify(j->key, j->sign, j->data.base, j->data.len,
                                  str_of_buf(&j->signature));
}

static void run_sign(struct job* job) {
  struct key_job* j = CONTAINER_OF(job, struct key_job, job);

  job->status = uvssh__key_sign(j->key, j->sign, j->data.base, j->data.len,
                                &j->signature);
}

static int done(struct job* job) {
  struct key_job* j = CONTAINER_OF(job, struct key_job, job);
  return j->then(j->auth, job->status, j);
}

static void dispose(struct job* job) {
  struct key_job* j = CONTAINER_OF(job, struct key_job, job);

  uvssh_key_unref(j->key);
  uvssh__buf_free(&j->data);
  uvssh__buf_free(&j->signature);
  uvssh__free(j);
}

/* The signature is to be verified, or (NULL) to be made. */
static int submit(struct auth* auth,
                  uvssh_key_t* key,
                  const struct sign_alg* sign,
                  const str_t* signature,
                  int (*then)(struct auth*, int, const struct key_job*)) {
  struct key_job* j = (struct key_job*) uvssh__calloc(1, sizeof(*j));

  if (j == NULL)
    return UV_ENOMEM;
  j->auth = auth;
  j->then = then;
  j->key = uvssh_key_ref(key);
  j->sign = sign;
  j->job.cost = sign->cost;
  j->job.run = signature != NULL ? run_verify : run_sign;
  j->job.done = done;
  j->job.dispose = dispose;
  uvssh__auth_signed_data(auth, sign, key, &j->data);
  if (signature != NULL)
    wr_bytes(&j->signature, signature->base, signature->len);
  if (j->data.bad || j->signature.bad) {
    dispose(&j->job);
    return UV_ENOMEM;
  }
  return uvssh__job_submit(auth->desk, &j->job);
}

/* ---- the server reads ---------------------------------------------------- */

static int on_verified(struct auth* auth, int status, const struct key_job* j) {
  if (status != 0)
    return uvssh__auth_refuse(auth);
  auth->login->attempt.proven = 1;
  return uvssh__auth_ask(auth, NULL, NULL);
}

/* 1: none is named, or it is the one of the first exchange. */
static int is_our_hostkey(const struct auth* auth, str_t blob) {
  return !auth->login->attempt.hostbound ||
         str_eq(blob, key_blob(auth->transport->hostkey));
}

int uvssh__auth_publickey_read(struct auth* auth, rd_t* m) {
  struct attempt* a = &auth->login->attempt;
  int is_signed = rd_bool(m);
  str_t algorithm = rd_str(m);     /* public key algorithm name */
  str_t blob = rd_str(m);          /* public key blob */
  str_t hostkey = { NULL, 0 };
  str_t signature = { NULL, 0 };
  int err;

  if (a->hostbound)
    hostkey = rd_str(m);           /* server host key */
  if (is_signed)
    signature = rd_str(m);
  err = rd_end(m);
  if (err != 0)
    return err;
  a->sign = uvssh__sign_find(algorithm);
  if (a->sign == NULL || !is_our_hostkey(auth, hostkey) ||
      !uvssh__auth_method_open(auth, a->method))
    return uvssh__auth_refuse(auth);
  err = uvssh__key_from_blob(&a->key, blob);
  if (err == UV_ENOMEM)
    return err;
  if (err != 0 || !uvssh__key_fits(a->key, a->sign))
    return uvssh__auth_refuse(auth);
  return is_signed ? submit(auth, a->key, a->sign, &signature, on_verified)
                   : uvssh__auth_ask(auth, NULL, NULL);
}

int uvssh__auth_hostbound_read(struct auth* auth, rd_t* m) {
  auth->login->attempt.hostbound = 1;
  return uvssh__auth_publickey_read(auth, m);
}

/* ---- the client writes --------------------------------------------------- */

/* publickey's fields: FALSE to ask, TRUE with the signature behind them. */
static struct buf* begin(struct auth* auth, int is_signed) {
  const struct login* l = auth->login;
  struct buf* m = uvssh__auth_request(auth, method_name(auth));

  wr_bool(m, is_signed);
  wr_cstr(m, l->sign->name);
  wr_key(m, l->key);
  write_binding(auth, m);
  return m;
}

void uvssh__auth_publickey_ask(struct auth* auth) {
  (void) begin(auth, 0);
  uvssh__send(auth->transport);
  auth->phase = A_QUERY;
}

static int on_signed(struct auth* auth, int status, const struct key_job* j) {
  struct buf* m;

  if (status != 0)
    return status;
  m = begin(auth, 1);
  wr_str(m, j->signature.base, j->signature.len);
  uvssh__send(auth->transport);
  auth->phase = A_SIGNED;
  return 0;
}

/* ---- a signature from elsewhere ------------------------------------------ */

static void refused(struct auth* auth) {
  auth->phase = A_IDLE;
  uvssh__auth_client_done(auth, UVSSH_EAUTH, auth->login->methods);
}

static int on_checked(struct auth* auth, int status, const struct key_job* j) {
  if (status == 0)
    return on_signed(auth, 0, j);
  uvssh__log(&auth->desk->log, UVSSH_LOG_ERROR,
             "a signature from outside does not fit its key");
  refused(auth);
  return 0;
}

static int on_signature(struct question* q, const struct answer* a) {
  struct auth* auth = (struct auth*) q->owner;
  struct login* l = auth->login;
  int err;

  if (a->kind != ANSWER_SIGNATURE && a->kind != ANSWER_REJECT)
    return UV_EINVAL;
  uvssh__question_close(q);
  if (a->kind == ANSWER_REJECT) {
    refused(auth);
    return 0;
  }
  err = submit(auth, l->key, l->sign, &a->signature, on_checked);
  if (err != 0)
    desk_fail(auth->desk, err);
  desk_wake(auth->desk);
  return 0;
}

/* Meanwhile nothing is out, and the peer may say nothing of it. */
static int ask_signer(struct auth* auth) {
  struct login* l = auth->login;
  uvssh_key_t* key = uvssh_key_ref(l->key);  /* whatever it does meanwhile */
  struct buf data = { 0 };
  uv_buf_t shown;
  int err;

  uvssh__auth_signed_data(auth, l->sign, key, &data);
  l->question.owner = auth;
  err = data.bad ? UV_ENOMEM : uvssh__question_open(&l->question, auth->desk,
                                                    on_signature);
  if (err == 0) {
    auth->phase = A_IDLE;
    shown = uv_buf_init((char*) data.base, (unsigned) data.len);
    key->sign(key->sign_arg, l->sign->name, &shown, l->question.reply);
  }
  uvssh__buf_free(&data);
  uvssh_key_unref(key);
  return err;
}

int uvssh__auth_publickey_sign(struct auth* auth) {
  const struct login* l = auth->login;

  return key_is_external(l->key)
             ? ask_signer(auth)
             : submit(auth, l->key, l->sign, NULL, on_signed);
}
