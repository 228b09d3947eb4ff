"""later: verdicts from the thread pool, and words from another thread."""

import os
import signal
import socket

from term import Program, Terminal, check, same, wait
from world import test


def typed(w, server, user, password, options=()):
    """ssh, and this password when it is asked for."""
    client = Terminal(w.ssh.command(server.port, user, [
        "-o", "NumberOfPasswordPrompts=1", *options], batch=False), w.env,
        controlling=True)
    wait(lambda: client.screen.row().endswith("password:"),
         lambda: "the prompt\n" + client.describe())
    client.type(password + "\r")
    return client


def news(client):
    return sum(line.startswith("news at ") for line in client.screen.text())


def gets_news(client, count=1):
    wait(lambda: news(client) >= count,
         lambda: "the news\n" + client.describe())


@test
def later_right_and_wrong(w):
    server = w.sample("later", "0", w.path("host_key"), "10")
    right = [typed(w, server, "user%d" % n, "later") for n in range(3)]
    wrong = [typed(w, server, "me", text)
             for text in ("Later", "x" * 500, "")]
    for client in right:
        gets_news(client)
    for client in wrong:
        same(client.wait_exit(), 255, "exit status of ssh")
        check("Permission denied (password)" in " ".join(client.screen.text()),
              client.describe())
    right[0].type("\x04")
    right[1].type("\x03")
    for client in right[:2]:
        same(client.wait_exit(), 0, "exit status of ssh")
    gets_news(right[2], news(right[2]) + 1)
    server.stop()


@test
def later_slow(w):
    """While a verdict is out, the others get the news; more of them than the
    pool has threads wait for one another, and all come in."""
    server = w.sample("later", "0", w.path("host_key"), "1500")
    first = typed(w, server, "first", "later")
    gets_news(first)
    others = [typed(w, server, "user0", "later")]
    before = news(first)     # until its verdict there is one more
    others += [typed(w, server, "user%d" % n, "later") for n in range(1, 6)]
    wait(lambda: any(map(news, others)), "another to come in")
    check(news(first) > before, "no news while a verdict was out")
    for client in others:
        gets_news(client)
    server.stop()


@test
def later_gone_before_the_verdict(w):
    server = w.sample("later", "0", w.path("host_key"), "1000")
    client = typed(w, server, "hasty", "later")
    client.send_signal(signal.SIGKILL)
    client.wait_exit()
    gets_news(typed(w, server, "patient", "later"))
    server.stop()


@test
def later_says_good_bye(w):
    for number in (signal.SIGINT, signal.SIGTERM):
        server = w.sample("later", "0", w.path("host_key"), "0")
        server.stop(number)                  # nobody there

        server = w.sample("later", "0", w.path("host_key"), "0")
        clients = [typed(w, server, "user%d" % n, "later") for n in range(3)]
        for client in clients:
            gets_news(client)
        gone = typed(w, server, "gone", "later")
        gets_news(gone)
        gone.send_signal(signal.SIGKILL)
        stopped = typed(w, server, "stopped", "later")
        gets_news(stopped)
        stopped.send_signal(signal.SIGSTOP)
        waits = Terminal(w.ssh.command(server.port, "waits", batch=False),
                         w.env, controlling=True)
        wait(lambda: "password:" in waits.screen.row(), "the prompt")
        idle = socket.create_connection(("127.0.0.1", server.port))
        server.stop(number)
        for client in clients:
            client.expect("that was the news")
            same(client.wait_exit(), 0, "exit status of ssh")
        stopped.send_signal(signal.SIGCONT)
        idle.close()


@test
def later_comes_and_goes(w):
    """Sessions end while the thread sends to them."""
    server = w.sample("later", "0", w.path("host_key"), "0")
    stays = typed(w, server, "stays", "later")
    for n in range(8):
        client = typed(w, server, "goes", "later", ["-T"] if n % 2 else [])
        gets_news(client)
        client.send_signal(signal.SIGKILL if n % 3 else signal.SIGTERM)
        client.wait_exit()
    gets_news(stays, news(stays) + 1)
    server.stop()


@test
def later_commands_are_refused(w):
    server = w.sample("later", "0", w.path("host_key"), "0")
    client = Terminal(w.ssh.command(server.port, "me", batch=False,
                                    arguments=["ls"]), w.env, controlling=True)
    wait(lambda: "password:" in client.screen.row(), "the prompt")
    client.type("later\r")
    check(client.wait_exit() != 0, "a command was taken")
    keyed = w.plain(server, "me", key=w.key())
    same(keyed.wait_exit(), 255, "exit status of ssh")
    check("Permission denied (password)" in keyed.err, keyed.err)
    server.stop()


@test
def later_says_what_is_wrong(w):
    for arguments, status in ((["x"], 2), (["0", "k", "-1"], 2),
                              (["0", "k", "60001"], 2),
                              (["0", w.path("no", "folder")], 1)):
        program = Program([os.path.join(w.bin, "later")] + arguments, w.env,
                          w.home)
        same(program.wait_exit(), status, "exit status")
        check(program.err.count("\n") == 1, "%r" % program.err)
