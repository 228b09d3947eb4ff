/* client.c: how a client's session begins. */
#include "loop/loop.h"

#include <assert.h>

int uvssh_session_init(uv_loop_t* loop,
                       uvssh_session_t* session,
                       const uvssh_config_t* config,
                       const uvssh_session_handlers_t* handlers) {
  uvssh_config_t copy;
  struct attach* a = NULL;
  struct loop* shared;
  int err;

  if (loop == NULL || session == NULL || handlers == NULL)
    return UV_EINVAL;
  if (session->impl != NULL)
    return UV_EBUSY;
  err = uvssh__config_copy(&copy, config, 0);
  if (err != 0)
    return err;
  err = uvssh__loop_get(loop, &shared);
  if (err != 0) {
    uvssh__config_free(&copy);
    return err;
  }
  err = uvssh__attach_new(shared, &copy, &a);
  if (err == 0)
    err = uvssh__attach_bind(a, session, handlers, NULL);
  if (err == 0)
    a->own_config = copy;
  else
    uvssh__config_free(&copy);
  if (err != 0 && a != NULL)
    uvssh__attach_free(a);
  uvssh__loop_put(shared);         /* the session holds it now, or nobody */
  return err;
}

int uvssh_client_start(uvssh_req_t* req,
                       uvssh_session_t* session,
                       uvssh_transport_t* transport,
                       uvssh_req_cb cb) {
  struct attach* a = session == NULL ? NULL : attach_of(session);
  struct session* s;
  int err;

  if (req == NULL || transport == NULL || transport->ops == NULL)
    return UV_EINVAL;
  err = uvssh__client_may_start(a);
  if (err != 0)
    return err;
  assert(a != NULL);               /* or it might not have */
  s = &a->session;
  uvssh__request_begin(req, &s->desk, NULL, cb);
  s->start_req = req;
  uvssh__attach_start(a, transport);
  return 0;
}
