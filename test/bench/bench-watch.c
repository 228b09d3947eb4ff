/* bench-watch.c: see bench-watch.h.
 *
 * An iteration of libuv: timers, prepare, poll (sleep, and then the callbacks
 * of what is ready), check, closing. Held is all of it but the sleep. Of the
 * handles of one kind libuv runs last what was started first. */
#include "bench-watch.h"

/* When poll woke. */
static uint64_t woke_at(const struct watch* w, uv_loop_t* loop) {
  uint64_t coarse = uv_now(loop) * 1000000;

  if (w->exact)
    return w->polled + (uv_metrics_idle_time(loop) - w->idle);
  return coarse < w->polled ? w->polled : coarse;
}

/* The poll's own part counts, too, but not what others took of the machine. */
static void note_cpu(struct watch* w) {
  uint64_t now = callback_cpu_ns();

  if (w->turns != 0 && now - w->cpu_ns > w->most_cpu_ns)
    w->most_cpu_ns = now - w->cpu_ns;
  w->cpu_ns = now;
}

static void on_before_poll(uv_prepare_t* prepare) {
  struct watch* w = prepare->data;
  uint64_t now = uv_hrtime();
  uint64_t held = w->reads + (now - w->read_at);

  if (w->exact)
    note_cpu(w);
  if (w->turns++ != 0 && held > w->most_ns)
    w->most_ns = held;
  w->polled = now;
  if (w->exact)
    w->idle = uv_metrics_idle_time(prepare->loop);
}

static void on_after_reads(uv_check_t* check) {
  struct watch* w = check->data;
  uint64_t now = uv_hrtime();
  uint64_t woke = woke_at(w, check->loop);

  w->reads = now > woke ? now - woke : 0;
  w->read_at = now;
  if (w->reads > w->most_reads_ns)
    w->most_reads_ns = w->reads;
}

static void on_after_turn(uv_check_t* check) {
  struct watch* w = check->data;
  uint64_t turn = uv_hrtime() - w->read_at;

  if (turn > w->most_turn_ns)
    w->most_turn_ns = turn;
}

int watch_init(struct watch* w, uv_loop_t* loop, int exact) {
  int err = exact ? uv_loop_configure(loop, UV_METRICS_IDLE_TIME) : 0;

  w->exact = exact;
  w->before_poll.data = w->after_turn.data = w->after_reads.data = w;
  uv_prepare_init(loop, &w->before_poll);
  uv_check_init(loop, &w->after_turn);
  uv_check_init(loop, &w->after_reads);
  uv_prepare_start(&w->before_poll, on_before_poll);
  uv_check_start(&w->after_turn, on_after_turn);
  uv_unref((uv_handle_t*) &w->before_poll);
  uv_unref((uv_handle_t*) &w->after_turn);
  uv_unref((uv_handle_t*) &w->after_reads);
  if (exact)
    callback_watch(&w->callbacks);
  return err;
}

void watch_start(struct watch* w) {
  uv_check_start(&w->after_reads, on_after_reads);
}

void watch_stop(struct watch* w) {
  uv_close((uv_handle_t*) &w->before_poll, NULL);
  uv_close((uv_handle_t*) &w->after_turn, NULL);
  uv_close((uv_handle_t*) &w->after_reads, NULL);
}
