/* later.c: an answer that comes later, and words from another thread.
 *
 * usage: later [PORT [HOST_KEY_FILE [MS]]]     then: ssh -p 2222 127.0.0.1
 *
 * The password is "later"; a slow database (MS milliseconds, 500) is asked in
 * the thread pool, while everybody else goes on. Who is in gets the news, which
 * a thread of its own sends every second. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE               /* explicit_bzero, localtime_r */
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uvssh.h>

/* BEGIN reader */
/* Who gets the news. The loop's thread makes it, the other one uses it, and
 * either may be the last: it names its session, also one that has gone. */
typedef struct reader_s {
  struct reader_s* next;
  uvssh_handle_t* handle;
  uint64_t channel;                /* a number, which no other channel gets */
} reader_t;
/* END reader */

typedef struct {
  uvssh_session_t session;
  uvssh_channel_t channel;
  int reads;                       /* has asked for a shell; once is enough */
} client_t;

static struct {
  uv_thread_t thread;
  uv_cond_t wake;
  uv_mutex_t lock;                 /* of these two */
  reader_t* readers;
  int over;
} news;

enum { VERDICTS = 64 };            /* most that wait for the database */

static unsigned database_ms = 500;
static unsigned verdicts;

/* ---- A verdict from the thread pool -------------------------------------- */

/* BEGIN verdict */
typedef struct {
  uv_work_t work;
  uvssh_reply_t reply;             /* a value: safe to keep, safe when late */
  char password[64];
  int right;
} verdict_t;

/* In the thread pool: nothing of uvssh is touched here. */
static void ask_database(uv_work_t* work) {
  verdict_t* v = work->data;

  uv_sleep(database_ms);
  v->right = strcmp(v->password, "later") == 0;
}

/* On the loop again. Who has gone meanwhile is not told: UV_ECANCELED. */
static void on_verdict(uv_work_t* work, int status) {
  verdict_t* v = work->data;

  if (status == 0 && v->right)
    uvssh_reply_accept(v->reply);
  else
    uvssh_reply_reject(v->reply);
  verdicts--;
  explicit_bzero(v, sizeof(*v));
  free(v);
}

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  size_t len = strlen(attempt->password);
  verdict_t* v;

  if (len >= sizeof(v->password) || verdicts == VERDICTS ||
      (v = calloc(1, sizeof(*v))) == NULL) {
    uvssh_reply_reject(reply);
    return;
  }
  verdicts++;
  v->work.data = v;
  v->reply = reply;
  memcpy(v->password, attempt->password, len);
  if (uv_queue_work(session->loop, &v->work, ask_database, on_verdict) != 0)
    on_verdict(&v->work, UV_ENOMEM);
}
/* END verdict */

/* ---- The news, from another thread --------------------------------------- */

static void drop(reader_t* r) {
  uvssh_handle_unref(r->handle);
  free(r);
}

/* BEGIN news */
/* To everybody. Who is too slow (UV_ENOBUFS) loses this line, and no other
 * reader notices; who has gone is taken off the list. */
static void tell_all(const char* line) {
  reader_t** at = &news.readers;
  reader_t* r;

  while ((r = *at) != NULL) {
    if (uvssh_handle_send(r->handle, r->channel, UVSSH_DATA, line,
                          strlen(line)) == UV_ENOTCONN) {
      *at = r->next;
      drop(r);
    } else {
      at = &r->next;
    }
  }
}

/* On the loop's thread, once; session NULL: it has gone meanwhile. */
static void leave(uvssh_session_t* session, void* arg) {
  client_t* client;

  if (session != NULL) {
    client = session->data;
    uvssh_channel_exit(&client->channel, 0, 0);
  }
  drop(arg);
}

/* What was sent before is queued before, so the exit comes behind it. */
static void send_away(void) {
  reader_t* r;

  while ((r = news.readers) != NULL) {
    news.readers = r->next;
    if (uvssh_handle_post(r->handle, leave, r) != 0)
      drop(r);                     /* not taken: leave() will not run */
  }
}

static void news_thread(void* arg) {
  char line[64];
  struct tm tm;
  time_t now;

  uv_mutex_lock(&news.lock);
  while (!news.over) {
    if (uv_cond_timedwait(&news.wake, &news.lock, 1000000000) != UV_ETIMEDOUT)
      continue;
    now = time(NULL);
    localtime_r(&now, &tm);
    strftime(line, sizeof(line), "news at %H:%M:%S\r\n", &tm);
    tell_all(line);
  }
  tell_all("that was the news\r\n");
  send_away();
  uv_mutex_unlock(&news.lock);
}
/* END news */

/* ---- On the loop --------------------------------------------------------- */

/* BEGIN subscribe */
static int subscribe(uvssh_channel_t* channel) {
  reader_t* r = calloc(1, sizeof(*r));
  int err = UV_ENOMEM;

  if (r != NULL)
    err = uvssh_handle_create(&r->handle, channel->session);
  if (err != 0) {
    free(r);
    return err;
  }
  r->channel = channel->id;
  uv_mutex_lock(&news.lock);
  r->next = news.readers;
  news.readers = r;
  uv_mutex_unlock(&news.lock);
  return 0;
}
/* END subscribe */

/* ^C, ^D, or the end of the input. */
static void on_read(uvssh_channel_t* channel, int stream, ssize_t nread,
                    const uv_buf_t* buf) {
  if (nread < 0 || memchr(buf->base, 3, (size_t) nread) != NULL ||
      memchr(buf->base, 4, (size_t) nread) != NULL)
    uvssh_channel_exit(channel, 0, 0);
}

static void on_request(uvssh_channel_t* channel,
                       const uvssh_channel_request_t* ask,
                       uvssh_reply_t reply) {
  client_t* client = channel->session->data;

  if (ask->type == UVSSH_REQUEST_PTY ||
      (ask->type == UVSSH_REQUEST_SHELL && !client->reads++ &&
       uvssh_channel_read_start(channel, on_read) == 0 &&
       subscribe(channel) == 0))
    uvssh_reply_accept(reply);
  else
    uvssh_reply_reject(reply);
}

static void on_channel(uvssh_session_t* session,
                       const uvssh_channel_open_t* ask,
                       uvssh_reply_t reply) {
  static const uvssh_channel_handlers_t handlers = { .on_request = on_request };
  client_t* client = session->data;

  if (ask->type == UVSSH_CHANNEL_SESSION)    /* a second one: in use, so no */
    uvssh_channel_accept(reply, &client->channel, &handlers);
  else
    uvssh_reply_reject(reply);
}

static void on_close(uvssh_session_t* session, const uvssh_end_t* end) {
  free(session->data);
}

static void on_connection(uvssh_server_t* server, int status) {
  static const uvssh_session_handlers_t handlers = {
    .on_auth = on_auth, .on_channel = on_channel, .on_close = on_close
  };
  client_t* client = status == 0 ? calloc(1, sizeof(*client)) : NULL;

  if (client == NULL)
    return;
  client->session.data = client;
  if (uvssh_server_accept(server, &client->session, &handlers) != 0)
    free(client);
}

static void on_empty(uvssh_server_t* server) {
  uvssh_server_close(server, NULL);
}

/* BEGIN end */
/* The thread ends first: it never waits for the loop, so it may be joined. */
static void on_signal(uv_signal_t* handle, int signum) {
  if (uvssh_server_shutdown(handle->data, 2000, on_empty) != 0) {
    uvssh_server_close(handle->data, NULL);  /* the second: do not wait */
    return;
  }
  uv_mutex_lock(&news.lock);
  news.over = 1;
  uv_cond_signal(&news.wake);
  uv_mutex_unlock(&news.lock);
  uv_thread_join(&news.thread);
}
/* END end */

static int start(uvssh_server_t* server, int port, const char* host_key) {
  uvssh_config_t config;
  int err;

  uvssh_config_init(&config);
  config.auth_methods = UVSSH_AUTH_PASSWORD;
  err = uvssh_server_init(uv_default_loop(), server, &config);
  if (err == 0)
    err = uvssh_server_add_key_file(server, host_key);
  if (err == 0)
    err = uvssh_server_listen(server, "127.0.0.1", port, on_connection);
  return err;
}

static int number(const char* text, long most) {
  char* rest;
  long n = strtol(text, &rest, 10);

  return *text == '\0' || *rest != '\0' || n < 0 || n > most ? -1 : (int) n;
}

int main(int argc, char** argv) {
  static const int signums[] = { SIGINT, SIGTERM };
  static uv_signal_t signals[2];
  static uvssh_server_t server;
  const char* host_key = argc > 2 ? argv[2] : "host_key";
  int port = argc > 1 ? number(argv[1], 65535) : 2222;
  int ms = argc > 3 ? number(argv[3], 60000) : 500;
  struct sockaddr_in name;
  int len = sizeof(name);
  int err;
  int i;

  if (argc > 4 || port < 0 || ms < 0) {
    fprintf(stderr, "usage: later [PORT [HOST_KEY_FILE [MS]]]; PORT is "
                    "0..65535, MS 0..60000\n");
    return 2;
  }
  database_ms = (unsigned) ms;
  err = start(&server, port, host_key);
  if (err == 0)
    err = uvssh_server_getsockname(&server, (struct sockaddr*) &name, &len);
  if (err == 0 && (err = uv_mutex_init(&news.lock)) == 0 &&
      (err = uv_cond_init(&news.wake)) == 0)
    err = uv_thread_create(&news.thread, news_thread, NULL);
  if (err != 0) {
    fprintf(stderr, "later: port %d, host key %s: %s\n", port, host_key,
            uvssh_strerror(err));
    return 1;
  }

  for (i = 0; i < 2; i++) {
    uv_signal_init(uv_default_loop(), &signals[i]);
    uv_signal_start(&signals[i], on_signal, signums[i]);
    uv_unref((uv_handle_t*) &signals[i]);    /* does not keep the loop going */
    signals[i].data = &server;
  }
  printf("later: ssh -p %d 127.0.0.1\n", ntohs(name.sin_port));
  fflush(stdout);
  err = uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  send_away();                     /* who came after the thread had ended */
  return err;
}
