/* stage.c: see stage.h. What it stands on, and how it turns. */
#include "stage.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"

enum { TURN_MS = 2, TURNS_MAX = 50000, STEPS_MAX = 400, FOREVER = 4000 };

static uvssh_key_t* host_key;
static uvssh_key_t* user_key;

/* ---- turning ------------------------------------------------------------- */

/* Nothing moved for a while: on to the next deadline. Without one only real
 * time can help, and not for ever. */
static void time_goes_on(struct stage* s, uint64_t due, const char* wanted) {
  unsigned patience = s->logged_in ? s->scene->patience_later
                                   : s->scene->patience;

  if (++s->idle < (s->quiet ? 3 : patience))
    return;
  if (due == UINT64_MAX || uv_backend_timeout(&s->loop) > 0) {
    if (s->idle > FOREVER)
      FAIL("nothing comes any more before %s", wanted);
    return;
  }
  s->idle = 0;
  if (++s->steps > STEPS_MAX)
    FAIL("time alone does not bring %s", wanted);
  CHECK_EQ(uvssh_clock_set(&s->loop, due), 0);
}

/* Waits for events that little, and that long only where time is not all that
 * is waited for. */
static void wait_a_little(struct stage* s) {
  struct pollfd wait = { .fd = uv_backend_fd(&s->loop), .events = POLLIN };
  int ms = uv_backend_timeout(&s->loop);

  if (ms > 0 || (ms < 0 && !s->quiet))
    (void) poll(&wait, 1, TURN_MS);
}

void stage_turn(struct stage* s, const char* wanted) {
  unsigned long before = calls_moves() + s->events;
  uint64_t now, due;

  wait_a_little(s);
  uv_run(&s->loop, UV_RUN_NOWAIT);
  if (++s->turns > TURNS_MAX)
    FAIL("so many turns do not bring %s", wanted);
  if (uvssh_clock_next(&s->loop, &now, &due) > 0 ||
      calls_moves() + s->events != before)
    s->idle = 0;
  else
    time_goes_on(s, due, wanted);
}

/* ---- what is told -------------------------------------------------------- */

int stage_tell(struct stage* s, int code) {
  s->events++;
  if (code < 0 && s->code_count < CODES)
    s->codes[s->code_count++] = code;
  return code;
}

int stage_was_told(const struct stage* s, int code) {
  unsigned i;

  for (i = 0; i < s->code_count; i++)
    if (s->codes[i] == code)
      return 1;
  return 0;
}

/* ---- a server ------------------------------------------------------------ */

void stage_on_connection(uvssh_server_t* server, int status) {
  struct stage* s = server->data;
  struct side* p;

  if (stage_tell(s, status) != 0)
    return;
  p = side_new(s, 0);
  p->in_use = stage_tell(s, uvssh_server_accept(server, &p->session,
                                                &s->server_on)) == 0;
}

void side_serve(struct side* p, uvssh_transport_t* transport) {
  struct stage* s = p->stage;

  STAGE_AGAIN(s, uvssh_server_serve(&s->server, &p->session, transport,
                                    &s->server_on));
  p->in_use = 1;
}

void stage_on_drained(uvssh_server_t* server) {
  struct stage* s = server->data;

  s->drains++;
  s->events++;
}

void stage_on_closed(uvssh_server_t* server) {
  struct stage* s = server->data;

  CHECK(server->impl == NULL);
  s->server_closes++;
  s->events++;
}

/* ---- a life -------------------------------------------------------------- */

static void path_of(const struct stage* s, char out[300], const char* name) {
  snprintf(out, 300, "%s/%s", s->folder, name);
}

static void on_log(void* arg,
                   uvssh_log_level level,
                   const uvssh_session_t* session,
                   const char* text) {
  CHECK(text != NULL);
}

/* Where it is, memory: fsync() on a disk takes longer than all the rest. */
static void make_folder(struct stage* s) {
  if (access("/dev/shm", W_OK) == 0)
    (void) setenv("TMPDIR", "/dev/shm", 1);
  folder_make(s->folder, sizeof(s->folder));
}

static void set_config(struct stage* s) {
  uvssh_config_init(&s->config);
  s->config.auth_methods = UVSSH_AUTH_NONE | UVSSH_AUTH_PASSWORD |
                           UVSSH_AUTH_PUBLICKEY;
  s->config.auth_rejection_ms = 0;
  s->config.keepalive_ms = 1000;
  s->config.window_bytes = 8 * 1024;
  s->config.log = on_log;
  s->config.log_level = UVSSH_LOG_INFO;
}

void stage_open(struct stage* s, const struct scene* scene) {
  memset(s, 0, sizeof(*s));
  s->scene = scene;
  make_folder(s);
  path_of(s, s->host_key, "host_key");
  path_of(s, s->id, "id");
  path_of(s, s->known, "known_hosts");
  path_of(s, s->socket, "socket");
  CHECK_EQ(uvssh_key_generate(&host_key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_generate(&user_key, UVSSH_KEY_ED25519, 0), 0);
  CHECK_EQ(uvssh_key_save(host_key, s->host_key, NULL), 0);
  CHECK_EQ(uvssh_key_save(user_key, s->id, NULL), 0);
  CHECK_EQ(uv_loop_init(&s->loop), 0);
  CHECK_EQ(uvssh_clock_set(&s->loop, 1000), 0);
  set_config(s);
  side_handlers(s);
}

static void check_ask(const struct ask* ask, const char* what) {
  if (ask->begun != ask->done)
    FAIL("%s: taken %d times, %d callbacks", what, ask->begun, ask->done);
}

static void check_side(const struct side* p) {
  CHECK_EQ(p->closes, p->in_use);
  CHECK_EQ(p->channel_opens, p->channel_closes);
  CHECK_EQ(p->back_opens, p->back_closes);
  CHECK_EQ(p->jump_opens, p->jump_closes);
  CHECK_EQ(p->posted, p->post_ran);
  check_ask(&p->login, "login");
  check_ask(&p->open, "open");
  check_ask(&p->exec, "exec");
  check_ask(&p->write, "write");
  check_ask(&p->eof, "shutdown");
  check_ask(&p->global, "global request");
  check_ask(&p->rekey, "rekey");
  check_ask(&p->back_open, "open back");
  check_ask(&p->back_write, "write back");
  check_ask(&p->jump_open, "open a jump");
}

static void close_loop(struct stage* s) {
  unsigned turns = 0;

  s->quiet = 0;
  CHECK_EQ(uvssh_clock_end(&s->loop), 0);
  while (uv_run(&s->loop, UV_RUN_NOWAIT) != 0) {
    wait_a_little(s);
    if (++turns > FOREVER)
      FAIL("the loop does not run out");
  }
  CHECK_EQ(uv_loop_close(&s->loop), 0);
}

/* ---- one client's visit -------------------------------------------------- */

struct side* stage_come(struct stage* s, void (*set_pause)(int)) {
  struct side* client = side_new(s, 1);

  client->is_base = 1;
  set_pause(1);
  s->scene->prepare(s, client);
  set_pause(0);
  s->scene->begin(s, client);
  return client;
}

static int has_talked(const struct side* p) {
  return p->talked &&
         (!p->stage->scene->goes_on || (p->above != NULL && p->above->talked));
}

static int has_ended(const struct side* p) {
  return p->closes != 0 || (p->above != NULL && p->above->is_client &&
                            p->above->closes != 0);
}

int stage_talk(struct stage* s, struct side* client) {
  STAGE_UNTIL(s, has_talked(client) || has_ended(client));
  return has_talked(client) && !has_ended(client);
}

void stage_leave(struct stage* s, struct side* client) {
  STAGE_AGAIN(s, uvssh_server_shutdown(&s->server, s->scene->drain_ms,
                                       stage_on_drained));
  s->quiet = s->scene->drain_ms != 0;
  STAGE_UNTIL(s, client->closes == 1);
  STAGE_UNTIL(s, s->drains == 1);
}

void stage_close(struct stage* s) {
  unsigned i;

  for (i = 0; i < s->side_count; i++)
    if (s->sides[i]->is_client)
      uvssh_session_close(&s->sides[i]->session);
  if (s->server.impl != NULL) {
    uvssh_server_close(&s->server, stage_on_closed);
    STAGE_UNTIL(s, s->server_closes == 1);
  }
  for (i = 0; i < s->side_count; i++)
    STAGE_UNTIL(s, s->sides[i]->closes == s->sides[i]->in_use);
  if (s->listener.loop != NULL)
    uv_close((uv_handle_t*) &s->listener, NULL);
  close_loop(s);
  for (i = 0; i < s->side_count; i++) {
    check_side(s->sides[i]);
    free(s->sides[i]);
  }
  uvssh_known_hosts_free(s->hosts);
  uvssh_key_unref(host_key);
  uvssh_key_unref(user_key);
  (void) folder_drop(s->folder);
}
