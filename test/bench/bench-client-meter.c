/* bench-client-meter.c: see bench-client-meter.h. */
#include <math.h>
#include <stdio.h>

#include "bench-client.h"
#include "bench-client-meter.h"
#include "bench-stats.h"

static void read_server(int with_memory, struct usage* usage) {
  int err = UV_ENOENT;

  if (options.server_pid != 0)
    err = usage_of(options.server_pid, with_memory, usage);
  if (err == UV_ENOTSUP)
    fail("--server-pid: known on Linux only; leave it away");
  else if (err == UV_ESRCH)
    fail("--server-pid %llu: there is no such process, or it has ended",
         (unsigned long long) options.server_pid);
  else if (err != 0)
    usage->cpu_s = usage->pss_kib = usage->rss_kib = NAN;
}

void meter_begin(struct meter* m) {
  read_server(0, &m->server);
  m->own_s = usage_own();
  m->began = uv_hrtime();
}

static void server_until_now(struct meter* m, struct usage* now) {
  read_server(0, now);
  m->server_s = now->cpu_s - m->server.cpu_s;
}

void meter_stop(struct meter* m) {
  struct usage now;

  m->wall_s = (double) (uv_hrtime() - m->began) / 1e9;
  m->client_s = usage_own() - m->own_s;
  server_until_now(m, &now);
}

void meter_closed(struct meter* m) {
  struct usage now;
  int tries = 0;

  meter_rest();
  server_until_now(m, &now);
  while (options.server_pid != 0 && now.processes > m->server.processes &&
         tries++ < 100) {
    uv_sleep(20);
    server_until_now(m, &now);
  }
}

void meter_print(const struct meter* m, double count, double unit_s,
                 const char* name, const char* unit) {
  char key[64];

  snprintf(key, sizeof(key), "server_cpu_%s", name);
  result_number(key, "server CPU", m->server_s / count / unit_s, 3, unit);
  snprintf(key, sizeof(key), "client_cpu_%s", name);
  result_number(key, "client CPU", m->client_s / count / unit_s, 3, unit);
}

void meter_rest(void) {
  struct usage was, now;
  int tries, still = 0;

  read_server(0, &was);
  for (tries = 0; tries < 50 && still < 3; tries++) {
    uv_sleep(100);
    if (options.server_pid == 0)
      return;
    read_server(0, &now);
    still = now.cpu_s - was.cpu_s < 0.002 ? still + 1 : 0;
    was = now;
  }
}

void meter_memory(struct usage* usage) {
  read_server(1, usage);
}
