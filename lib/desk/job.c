/* job.c: slow work leaves its session and comes back.
 *
 * Happy path: submit (input of the session pauses), run on some thread, finish
 * on the loop: done() goes on where the session stopped.
 * The session ended meanwhile: done() is skipped, the job frees itself.
 *
 * A job never points into its session. */
#include "desk/desk.h"

int uvssh__job_submit(struct desk* desk, struct job* job) {
  job->desk = desk;
  desk->job = job;
  return desk->ops->submit(desk, job) ? uvssh__job_finish(job) : 0;
}

void uvssh__job_cancel(struct desk* desk) {
  if (desk->job != NULL)
    desk->job->desk = NULL;
  desk->job = NULL;
}

int uvssh__job_finish(struct job* job) {
  int err = 0;

  if (job->desk != NULL) {
    job->desk->job = NULL;
    err = job->done(job);
  }
  job->dispose(job);
  return err;
}
