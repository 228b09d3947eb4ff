/* Logging in at a server: methods, several of them, and what is forgotten with
 * a user name. RFC 4252 sections 5 and 8. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>

TEST(lesson_17_methods_that_are_not_there) {
  static char huge[30001];
  const char* names[] = { "", "hostbased", "keyboard-interactive",
                          "gssapi-with-mic", "gssapi-keyex", "NONE", "none ",
                          "publickey-hostbound-v01@openssh.com", huge };
  struct peer* p = begin(SAY_YES);
  size_t i;

  memset(huge, 'h', sizeof(huge) - 1);
  p->app->server_config.auth_tries = 100;
  peer_again(p);
  peer_open(p);
  peer_reach_auth(p);
  for (i = 0; i < ARRAY_SIZE(names); i++) {
    NOTE("%.40s", names[i]);
    wr_cstr(request(p, "bob", names[i]), "whatever");
    peer_send(p);
    failed_after(p, 300);
  }
  CHECK_EQ(p->app->auths, 0);
  peer_end(p);
}

/* No callback: no. */
TEST(lesson_18_nobody_decides) {
  struct peer* p = peer_new(PEER_CLIENT);

  memset(&p->app->on_server, 0, sizeof(p->app->on_server));
  p->app->server_config.auth_tries = 100;
  peer_open(p);
  peer_reach_auth(p);
  none(p, "bob");
  failed(p, all, 0);
  password(p, "bob", "x");
  failed_after(p, 300);
  probe(p, "bob", p->app->user_key);
  failed_after(p, 300);
  proof(p, "bob", p->app->user_key);
  failed_after(p, 300);
  peer_end(p);
}

TEST(auth_methods_that_are_switched_off) {
  struct peer* p = peer_new(PEER_CLIENT);

  p->app->server_config.auth_methods = UVSSH_AUTH_PUBLICKEY;
  peer_open(p);
  peer_reach_auth(p);
  none(p, "bob");
  failed(p, "publickey", 0);
  password(p, "bob", "secret");
  pipe_sleep(&p->app->pipe, 300);
  failed(p, "publickey", 0);
  CHECK_EQ(p->app->auths, 0);
  proof(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  peer_end(p);
}

static struct {
  unsigned passed;
  unsigned next;                   /* 0: say yes */
  char new_password[20];
  const uvssh_key_t* only;
  int ask_change;
} plan;

static void on_auth(uvssh_session_t* session, const uvssh_auth_t* attempt,
                    uvssh_reply_t reply) {
  uvssh_prompts_t form = { .instruction = "too old" };

  app_of(session)->auths++;
  plan.passed = attempt->passed;
  if (attempt->new_password != NULL)
    snprintf(plan.new_password, sizeof(plan.new_password), "%s",
             attempt->new_password);
  if (plan.only != NULL && !uvssh_key_equal(attempt->key, plan.only))
    CHECK_EQ(uvssh_reply_reject(reply), 0);
  else if (plan.ask_change && attempt->new_password == NULL)
    CHECK_EQ(uvssh_reply_prompt(reply, &form), 0);
  else if (plan.next != 0)
    CHECK_EQ(uvssh_reply_partial(reply, plan.next), 0);
  else
    CHECK_EQ(uvssh_reply_accept(reply), 0);
}

static struct peer* begin_plan(void) {
  struct peer* p = peer_new(PEER_CLIENT);

  memset(&plan, 0, sizeof(plan));
  p->app->on_server.on_auth = on_auth;
  peer_open(p);
  peer_reach_auth(p);
  return p;
}

TEST(auth_two_factors) {
  struct peer* p = begin_plan();

  plan.next = UVSSH_AUTH_PUBLICKEY;
  password(p, "bob", "right");
  failed(p, "publickey", 1);
  CHECK_EQ(plan.passed, 0);
  password(p, "bob", "right");     /* not asked for any more */
  pipe_sleep(&p->app->pipe, 300);
  failed(p, "publickey", 0);
  CHECK_EQ(p->app->auths, 1);
  plan.next = 0;
  probe(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_PK_OK);
  CHECK_EQ(plan.passed, UVSSH_AUTH_PASSWORD);
  proof(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_EQ(plan.passed, UVSSH_AUTH_PASSWORD);
  CHECK(uvssh_key_equal(uvssh_session_key(&p->side->pub), p->app->user_key));
  peer_end(p);
}

TEST(lesson_24_another_user_begins_anew) {
  struct peer* p = begin_plan();

  plan.next = UVSSH_AUTH_PUBLICKEY;
  password(p, "bob", "right");
  failed(p, "publickey", 1);
  plan.next = UVSSH_AUTH_PASSWORD;
  proof(p, "root", p->app->user_key);
  failed(p, "password", 1);
  CHECK_EQ(plan.passed, 0);
  plan.next = UVSSH_AUTH_PUBLICKEY;
  password(p, "bob", "right");
  failed(p, "publickey", 1);
  CHECK_EQ(plan.passed, 0);
  plan.next = 0;
  proof(p, "root", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_EQ(plan.passed, 0);
  CHECK_STR(uvssh_session_user(&p->side->pub), "root");
  peer_end(p);
}

TEST(lesson_28_the_key_of_another_user_is_not_kept) {
  struct peer* p = begin_plan();

  plan.next = UVSSH_AUTH_PASSWORD;
  proof(p, "bob", p->app->user_key);
  failed(p, "password", 1);
  plan.next = 0;
  password(p, "root", "right");
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK(uvssh_session_key(&p->side->pub) == NULL);
  peer_end(p);
}

TEST(lesson_32_password_change_asked_for_and_not) {
  struct peer* p = begin_plan();

  change(p, "bob", "right");
  failed_after(p, 300);
  CHECK_EQ(p->app->auths, 0);
  plan.ask_change = 1;
  password(p, "bob", "old");
  CHECK(str_is(rd_str(peer_expect(p, MSG_USERAUTH_PASSWD_CHANGEREQ)),
               "too old"));
  change(p, "root", "old");        /* he was not asked to */
  failed_after(p, 300);
  change(p, "bob", "old");         /* nor bob, any more */
  failed_after(p, 300);
  password(p, "bob", "old");
  peer_expect(p, MSG_USERAUTH_PASSWD_CHANGEREQ);
  change(p, "bob", "old");
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK_STR(plan.new_password, "new");
  CHECK_EQ(p->app->auths, 3);
  peer_end(p);
}

TEST(lesson_22_23_probe_one_key_and_sign_with_another) {
  struct peer* p = begin_plan();
  uvssh_key_t* other;

  CHECK_EQ(uvssh_key_generate(&other, UVSSH_KEY_ED25519, 0), 0);
  plan.only = p->app->user_key;
  probe(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_PK_OK);
  proof(p, "bob", other);
  failed_after(p, 300);
  plan.only = NULL;
  probe(p, "bob", p->app->user_key);
  peer_expect(p, MSG_USERAUTH_PK_OK);
  proof(p, "bob", other);
  peer_expect(p, MSG_USERAUTH_SUCCESS);
  CHECK(uvssh_key_equal(uvssh_session_key(&p->side->pub), other));
  uvssh_key_unref(other);
  peer_end(p);
}
