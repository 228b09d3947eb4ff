"""relay and echo."""

import hashlib
import os
import signal
import socket

import term
from term import Program, check, same, wait
from world import test


# ---- relay -----------------------------------------------------------------


def introduce(clients):
    """Nothing says when somebody is in: until each has heard something."""
    rounds = 0
    while not all(client.data for client in clients):
        for client in clients:
            client.write(b"?")
        term.pump(0.1)
        rounds += 1
        check(rounds < 1000, "they do not hear each other")


@test
def relay_talk(w):
    server = w.sample("relay", "0", w.path("host_key"))
    key = w.key()
    alice, bob = (w.plain(server, user, key=key) for user in ("alice", "bob"))
    introduce([alice, bob])
    alice.write(b"\x00\xffbytes as they are\r\n")
    wait(lambda: b"\x00\xffbytes as they are\r\n" in bob.data, "the bytes")
    check(b"bytes as they are" not in alice.data, "alice hears herself")
    bob.end_input()
    same(bob.wait_exit(), 0, "exit status of ssh")

    carol = w.terminal(server, "carol", key=key)
    wait(carol.is_raw, "a raw terminal")
    carol.type("carol")
    alice.expect("carol")
    alice.write(b"alice")
    carol.expect_row("alice")                # the own letters do not come back
    server.stop()


@test
def relay_needs_a_key(w):
    server = w.sample("relay", "0", w.path("host_key"))
    client = w.plain(server, "alice")
    same(client.wait_exit(), 255, "exit status of ssh")
    check("Permission denied (publickey)" in client.err, client.err)
    client = w.plain(server, "alice", key=w.key(), arguments=["ls"])
    check(client.wait_exit() != 0, "a command was taken")
    server.stop()


# ---- echo ------------------------------------------------------------------


def echoed(w, server, data, key, arguments=()):
    """All is written before the first byte is read."""
    client = w.plain(server, "alice", key=key, arguments=arguments)
    client.reading = False
    client.write(data)
    client.end_input()
    client.reading = True
    same(client.wait_exit(), 0, "exit status of ssh")
    same(len(client.data), len(data), "length of what came back")
    same(hashlib.sha256(client.data).hexdigest(),
         hashlib.sha256(data).hexdigest(), "hash of what came back")


@test
def echo_8_mib_before_reading(w):
    server = w.sample("echo", "0", w.path("host_key"))
    data = os.urandom(8 << 20)
    echoed(w, server, data, w.key())                        # a shell
    echoed(w, server, data, w.path("id_ed25519"), ["any", "command"])
    server.stop()


@test
def echo_small(w):
    server = w.sample("echo", "0", w.path("host_key"))
    key = w.key()
    for data in (b"", b"x", b"\x00\xff\r\n" * 10):
        echoed(w, server, data, key)
    client = w.plain(server, "alice", key=key)
    for word in ("one", "two", "three"):
        client.write(word)
        client.expect(word)
    client.end_input()
    same(client.wait_exit(), 0, "exit status of ssh")
    screen = w.terminal(server, "bob", key=key)
    wait(screen.is_raw, "a raw terminal")
    screen.type("typed")
    screen.expect_row("typed")
    server.stop()


@test
def echo_reader_in_pieces(w):
    """The reader stops again and again; nothing is lost."""
    server = w.sample("echo", "0", w.path("host_key"))
    client = w.plain(server, "alice", key=w.key())
    data = os.urandom(6 << 20)
    client.reading = False
    client.write(data)
    client.end_input()
    while client.streams:
        client.reading = True
        term.pump()
        client.reading = False
        client.send_signal(signal.SIGSTOP)
        term.pump(0)
        client.send_signal(signal.SIGCONT)
    same(client.process.wait(), 0, "exit status of ssh")
    check(client.data == data, "other bytes came back")
    server.stop()


# ---- both ------------------------------------------------------------------


@test
def small_samples_end_in_peace(w):
    key = w.key()
    for name in ("relay", "echo"):
        for number in (signal.SIGINT, signal.SIGTERM):
            server = w.sample(name, "0", w.path("host_key"))
            server.stop(number)
            server = w.sample(name, "0", w.path("host_key"))
            client = w.plain(server, "alice", key=key)
            wait(lambda: client.process.poll() is None, "ssh")
            idle = socket.create_connection(("127.0.0.1", server.port))
            server.send_signal(number)
            same(server.wait_exit(), 0, "exit status of " + name)
            client.wait_exit()
            idle.close()


@test
def small_samples_say_what_is_wrong(w):
    garbage = w.file("garbage", "no key\n")
    for name in ("relay", "echo"):
        first = w.sample(name, "0", w.path("host_key"))
        for arguments, wanted in (
                (["0", garbage], "unreadable key"),
                (["0", w.path("no", "folder")], "no such file"),
                ([str(first.port), w.path("host_key")], "in use")):
            program = Program([os.path.join(w.bin, name)] + arguments, w.env,
                              w.home)
            same(program.wait_exit(), 1, "exit status")
            check(wanted in program.err and program.err.count("\n") == 1,
                  "%s: %r" % (name, program.err))
        for arguments in (["x"], ["-1"], ["65536"], [""], ["0", "a", "b"]):
            program = Program([os.path.join(w.bin, name)] + arguments, w.env,
                              w.home)
            same(program.wait_exit(), 2, "exit status")
            check(program.err.startswith("usage: ") and
                  program.err.count("\n") == 1, "%r" % program.err)
        first.stop()
