/* question.c: a question waits at the desk until it is answered, expires, or
 * its session goes. RFC 4254 says nothing of who may think how long: the
 * answer may come now, later, or never.
 *
 * It never calls the user, and never answers yes by itself. */
#include "desk/desk.h"

int uvssh__question_open(struct question* q,
                         struct desk* desk,
                         int (*answer)(struct question*,
                                       const struct answer*)) {
  int err;

  if (desk->question_count >= QUESTIONS_MAX)
    return UVSSH_ELIMIT;
  q->desk = desk;
  q->answer = answer;
  err = uvssh__slots_add(desk->slots, q, &q->reply);
  if (err != 0)
    return err;
  q->deadline = 0;                 /* a client may think for ever */
  if (desk->is_server && desk->config.reply_timeout_ms != 0)
    q->deadline = desk_now(desk) + desk->config.reply_timeout_ms;
  queue_push(&desk->questions, &q->link);
  desk->question_count++;
  return 0;
}

void uvssh__question_close(struct question* q) {
  if (!question_is_open(q))
    return;
  uvssh__slots_remove(q->desk->slots, &q->reply);
  q->reply.serial = 0;
  queue_remove(&q->link);
  q->desk->question_count--;
}

void uvssh__questions_expire(struct desk* desk) {
  static const struct answer no = { .kind = ANSWER_REJECT };
  struct queue all;
  struct question* q;

  queue_move(&desk->questions, &all);
  while (!queue_empty(&all)) {
    q = CONTAINER_OF(all.next, struct question, link);
    queue_remove(&q->link);
    queue_push(&desk->questions, &q->link);
    if (q->deadline != 0 && q->deadline <= desk_now(desk)) {
      uvssh__log(&desk->log, UVSSH_LOG_INFO,
                 "no answer came in time: the answer is no");
      (void) q->answer(q, &no);
    }
  }
}

uint64_t uvssh__questions_deadline(const struct desk* desk) {
  const struct queue* at;
  uint64_t first = UINT64_MAX;

  for (at = desk->questions.next; at != &desk->questions; at = at->next) {
    const struct question* q = CONTAINER_OF(at, struct question, link);
    if (q->deadline != 0 && q->deadline < first)
      first = q->deadline;
  }
  return first;
}
