/* reply.c: the public answers. Each finds its question by a value that points
 * at nothing, so a late or second answer finds none. */
#include "desk/desk.h"

/* An answer must not follow DISCONNECT, so from the end on there is no question
 * any more, though what asked it is given back only later. */
static int find(uvssh_reply_t reply, struct question** q) {
  void* thing = NULL;
  int err = uvssh__slots_find(&reply, &thing);

  *q = (struct question*) thing;
  if (err == 0 && (*q)->desk->ended)
    err = UV_ECANCELED;
  return err;
}

static int give(uvssh_reply_t reply, const struct answer* a) {
  struct question* q;
  int err = find(reply, &q);

  return err != 0 ? err : q->answer(q, a);
}

int uvssh_reply_accept(uvssh_reply_t reply) {
  struct answer a = { .kind = ANSWER_ACCEPT };
  return give(reply, &a);
}

int uvssh_reply_reject(uvssh_reply_t reply) {
  struct answer a = { .kind = ANSWER_REJECT };
  return give(reply, &a);
}

int uvssh_reply_partial(uvssh_reply_t reply, unsigned methods) {
  struct answer a = { .kind = ANSWER_PARTIAL, .number = methods };
  return give(reply, &a);
}

int uvssh_reply_prompt(uvssh_reply_t reply, const uvssh_prompts_t* form) {
  struct answer a = { .kind = ANSWER_PROMPT, .form = form };
  return form == NULL ? UV_EINVAL : give(reply, &a);
}

int uvssh_reply_answers(uvssh_reply_t reply,
                        const char* const answers[],
                        unsigned count) {
  struct answer a = { .kind = ANSWER_ANSWERS,
                      .answers = answers,
                      .number = count };
  return answers == NULL && count != 0 ? UV_EINVAL : give(reply, &a);
}

int uvssh_reply_signature(uvssh_reply_t reply,
                          const void* signature,
                          size_t len) {
  struct answer a = { .kind = ANSWER_SIGNATURE,
                      .signature = { (const uint8_t*) signature, len } };
  return signature == NULL ? UV_EINVAL : give(reply, &a);
}

uvssh_session_t* uvssh_reply_session(uvssh_reply_t reply) {
  struct question* q;
  return find(reply, &q) == 0 ? q->desk->pub : NULL;
}

int uvssh_channel_accept(uvssh_reply_t reply,
                         uvssh_channel_t* channel,
                         const uvssh_channel_handlers_t* handlers) {
  struct answer a = { .kind = ANSWER_CHANNEL,
                      .channel = channel,
                      .handlers = handlers };
  return channel == NULL || handlers == NULL ? UV_EINVAL : give(reply, &a);
}

int uvssh_channel_reject(uvssh_reply_t reply,
                         unsigned reason,
                         const char* text) {
  struct answer a = { .kind = ANSWER_NO_CHANNEL,
                      .number = reason,
                      .text = text == NULL ? "" : text };
  return give(reply, &a);
}
