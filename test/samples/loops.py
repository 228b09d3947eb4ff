"""loops: one port, several loops."""

import os
import re
import signal
import socket

from term import Program, check, same, wait
from world import test

LINE = re.compile(r"loop (\d+): session (\d+)\r\n")


def came(w, server, user, key):
    """Somebody who is in, and what he was told: the loop, the how-many'th."""
    client = w.plain(server, user, key=key)
    wait(lambda: LINE.search(client.err),
         lambda: "to be told the loop\n" + client.describe())
    return client, tuple(map(int, LINE.search(client.err).groups()))


@test
def loops_all_get_some(w):
    """Each counts its own sessions; none is told twice, none is left out."""
    server = w.sample("loops", "0", w.path("host_key"), "2")
    check("loops: 2 of them" in server.out, server.out)
    key = w.key()
    told = set()
    while {loop for loop, _ in told} != {0, 1}:
        check(len(told) < 64, "one of them gets nobody")
        client, said = came(w, server, "user%d" % len(told), key)
        check(said not in told, "loop %d: session %d twice" % said)
        told.add(said)
        client.write("and back")
        client.expect("and back")
        client.end_input()
        same(client.wait_exit(), 0, "exit status of ssh")
    for loop in (0, 1):
        numbers = sorted(n for at, n in told if at == loop)
        same(numbers, list(range(1, len(numbers) + 1)), "its sessions")
    server.stop()


@test
def loops_end_in_peace(w):
    key = w.key()
    for number in (signal.SIGINT, signal.SIGTERM):
        server = w.sample("loops", "0", w.path("host_key"), "3")
        server.stop(number)                  # nobody there
        server = w.sample("loops", "0", w.path("host_key"), "3")
        clients = [came(w, server, "alice", key)[0] for _ in range(4)]
        idle = socket.create_connection(("127.0.0.1", server.port))
        server.send_signal(number)
        server.send_signal(number)           # does not wait, maybe
        same(server.wait_exit(), 0, "exit status of loops")
        for client in clients:
            client.wait_exit()
        idle.close()


@test
def loops_say_what_is_wrong(w):
    first = w.sample("loops", "0", w.path("host_key"))
    for arguments, status, wanted in (
            (["x"], 2, "usage: "), (["65536"], 2, "usage: "),
            (["0", "k", "0"], 2, "usage: "), (["0", "k", "65"], 2, "usage: "),
            (["0", w.path("no", "folder")], 1, "no such file"),
            (["0", w.file("garbage", "no key\n")], 1, "unreadable key"),
            ([str(first.port), w.path("host_key")], 1, "in use")):
        program = Program([os.path.join(w.bin, "loops")] + arguments, w.env,
                          w.home)
        same(program.wait_exit(), status, "exit status")
        check(wanted in program.err and program.err.count("\n") == 1,
              "%r" % program.err)
    first.stop()
