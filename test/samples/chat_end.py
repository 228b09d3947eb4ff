"""chat: slow and broken clients, and the end."""

import os
import re
import signal
import socket

from term import check, same, wait
from world import test


def flood(bob, reader, count):
    """Lines that a reader surely keeps up with; each ends in its number."""
    for number in range(1, count + 1):
        bob.write("%s %d\n" % ("x" * 900, number))
        if number % 100 == 0:
            reader.expect(" %d\n" % number)


@test
def chat_slow_reader(w):
    server = w.chat()
    alice = w.enter_plain(server, "alice")
    bob = w.enter_plain(server, "bob")
    carol = w.enter_plain(server, "carol")
    dave = w.enter(server, "dave", 200)
    alice.expect("* dave joined\n")
    for slow in (carol, dave):
        slow.send_signal(signal.SIGSTOP)
    count = 4000
    flood(bob, alice, count)
    alice.write("has carol gone?\n")
    bob.expect("alice: has carol gone?\n")
    same(len(re.findall(rb"x (\d+)\n", alice.data)), count, "lines of alice")
    check(b"slow" not in alice.data, "alice was not slow")

    for slow in (carol, dave):
        slow.send_signal(signal.SIGCONT)
    carol.expect("* you were slow: ")
    carol.expect(" lines lost\n")
    alice.write("welcome back\n")
    carol.expect("alice: welcome back\n")
    lost = sum(int(n) for n in re.findall(r"slow: (\d+) lines? lost",
                                          carol.text()))
    got = len(re.findall(r"x \d+\n|gone\?\n|welcome back\n|\* dave joined\n",
                         carol.text()))
    same(lost + got, count + 3, "lines that carol got or lost")

    wait(lambda: any("* you were slow: " in line
                     for line in dave.screen.text()), "dave to be told")
    dave.expect("alice: welcome back")
    dave.expect_row("dave>")
    dave.type("sorry\r")
    carol.expect("dave: sorry\n")
    same(dave.screen.strange, [], "escape sequences")
    server.stop()


@test
def chat_broken_connection(w):
    server = w.chat()
    alice = w.enter_plain(server, "alice")
    bob = w.enter(server, "bob")
    alice.expect("* bob joined\n")
    bob.send_signal(signal.SIGKILL)
    alice.expect("* bob left\n")
    for data in (b"", b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n" + b"x" * 999):
        with socket.create_connection(("127.0.0.1", server.port)) as peer:
            peer.sendall(data)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            b"\1\0\0\0\0\0\0\0")       # resets on close
    carol = w.enter_plain(server, "carol")
    alice.expect("* carol joined\n")
    carol.write("all is well\n")
    alice.expect("carol: all is well\n")
    server.send_signal(signal.SIGTERM)
    same(server.wait_exit(), 0, "exit status")


@test
def chat_reset_while_written_to(w):
    """SIGPIPE is at its default: a peer's reset must not raise it."""
    server = w.chat()
    alice = w.enter_plain(server, "alice")
    bob = w.enter_plain(server, "bob")
    clients = [w.enter_plain(server, "c%d" % n) for n in range(4)]
    flood(bob, alice, 200)
    for client in clients:
        client.send_signal(signal.SIGKILL)
    flood(bob, alice, 200)
    for n in range(4):
        wait(lambda: b"* c%d left\n" % n in alice.data, "c%d to leave" % n)
    server.send_signal(signal.SIGTERM)
    same(server.wait_exit(), 0, "exit status")


@test
def chat_again_on_one_connection(w):
    """A connection that stays may join, leave and join: nothing is left over."""
    server = w.chat()
    bob = w.enter_plain(server, "bob")
    path = w.path("mux")
    master = w.plain(server, "alice", ["-N", "-M", "-S", path])
    wait(lambda: os.path.exists(path), "the connection")
    for n in range(1, 4):
        alice = w.plain(server, "alice", ["-S", path])
        alice.expect("* you are alice, one of 2 here")
        alice.write("/nick a%d\nunfinished" % n)
        bob.expect("* alice is now a%d\n" % n)
        alice.end_input()
        same(alice.wait_exit(), 0, "exit status of ssh")
        bob.expect("a%d: unfinished\n* a%d left\n" % (n, n))
    server.stop()
    master.wait_exit()


@test
def chat_signals(w):
    for number in (signal.SIGINT, signal.SIGTERM):
        server = w.chat()
        server.stop(number)                  # nobody there

        server = w.chat()
        alice = w.enter(server, "alice")
        bob = w.enter_plain(server, "bob")
        idle = w.plain(server, "idle", ["-N"])
        peer = socket.create_connection(("127.0.0.1", server.port))
        alice.type("half a li")
        alice.expect_row("alice> half a li")
        server.stop(number)
        alice.expect("* the room closes")
        bob.expect("* the room closes\n")
        for client in (alice, bob):
            same(client.wait_exit(), 0, "exit status of ssh")
        check("left" not in bob.text(), "good-byes of all to all")
        idle.wait_exit()
        peer.close()


@test
def chat_signal_with_stopped_client(w):
    server = w.chat()
    alice = w.enter_plain(server, "alice")
    alice.send_signal(signal.SIGSTOP)
    server.stop()                            # the deadline ends it
    alice.send_signal(signal.SIGCONT)

    server = w.chat()
    alice = w.enter_plain(server, "alice")
    bob = w.enter_plain(server, "bob")
    alice.send_signal(signal.SIGSTOP)
    server.send_signal(signal.SIGTERM)
    bob.expect("* the room closes\n")
    bob.wait_exit()
    server.stop()                            # the second does not wait
    alice.send_signal(signal.SIGCONT)
