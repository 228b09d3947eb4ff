/* request.c: a caller's request, from the call to its callback.
 *
 * It is the caller's memory; our part lies in its reserved words. Whatever
 * completes it puts it on the desk's list; the callback comes from the loop. */
#include "desk/desk.h"

enum { TEXT_MAX = 256 };

void uvssh__request_begin(uvssh_req_t* req,
                          struct desk* desk,
                          uvssh_channel_t* channel,
                          uvssh_req_cb cb) {
  struct request* r = request_of(req);

  memset(r, 0, sizeof(*r));
  queue_init(&r->item.link);
  r->cb = cb;
  req->session = desk->pub;
  req->channel = channel;
  req->result = 0;
  req->text = "";
}

void uvssh__request_text(uvssh_req_t* req, str_t text) {
  struct request* r = request_of(req);
  char safe[TEXT_MAX * 4];

  if (text.len > TEXT_MAX)
    text.len = TEXT_MAX;
  uvssh__escape(safe, sizeof(safe), text.base, text.len);
  uvssh__free(r->text);
  r->text = uvssh__strndup(safe, strlen(safe));
}

void uvssh__request_done(struct desk* desk, uvssh_req_t* req, int status) {
  struct request* r = request_of(req);

  queue_remove(&r->item.link);
  r->status = status;
  queue_push(&desk->done, &r->item.link);
  desk_wake(desk);
}

void uvssh__requests_run(struct desk* desk) {
  struct queue due;
  struct request* r;
  uvssh_req_t* req;
  char* text;

  queue_move(&desk->done, &due);
  while (!queue_empty(&due)) {
    r = CONTAINER_OF(due.next, struct request, item.link);
    queue_remove(&r->item.link);
    req = req_of(r);
    text = r->text;
    req->text = text == NULL ? "" : text;
    if (r->bufs != NULL && r->bufs != &r->one)
      uvssh__free(r->bufs);
    r->bufs = NULL;
    if (r->cb != NULL)
      r->cb(req, r->status);       /* from here on it is the caller's again */
    uvssh__free(text);
  }
}
