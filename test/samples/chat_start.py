"""chat: options, the host key, addresses, and who may come in."""

import ctypes
import os
import re
import signal
import socket
import subprocess

from term import Program, check, same, wait
from world import Skipped, test


@test
def chat_start(w):
    server = w.chat()
    path = w.path("state", "uvssh", "chat_host_ed25519_key")
    same(oct(os.stat(path).st_mode & 0o7777), "0o600", "mode of the host key")
    same(oct(os.stat(os.path.dirname(path)).st_mode & 0o7777), "0o700",
         "mode of its folder")
    line = subprocess.run(["ssh-keygen", "-lf", path], check=True,
                          stdout=subprocess.PIPE).stdout.decode().split()
    check("host key:  %s\n" % line[1] in server.out, "no fingerprint")
    check(path in server.out, "the host key's file is not named")
    check("listening: 127.0.0.1" in server.out, "no address")
    server.stop()


@test
def chat_host_key_is_kept(w):
    prints = []
    for _ in range(2):
        server = w.chat()
        prints.append(re.search(r"SHA256:\S+", server.out).group(0))
        client = w.plain(server, "alice", [
            "-o", "UserKnownHostsFile=" + w.path("known_hosts"),
            "-o", "StrictHostKeyChecking=" + ("yes" if prints[1:] else
                                              "accept-new"),
            "-o", "HostKeyAlias=room"])
        client.expect("* you are alice")
        client.end_input()
        same(client.wait_exit(), 0, "exit status of ssh")
        server.stop()
    same(prints[0], prints[1], "fingerprint")


@test
def chat_state_in_home(w):
    del w.env["XDG_STATE_HOME"]
    server = w.chat()
    path = w.path(".local", "state", "uvssh")
    same(oct(os.stat(path).st_mode & 0o7777), "0o700", "mode of the folder")
    check(os.path.exists(os.path.join(path, "chat_host_ed25519_key")), "no key")
    server.stop()


@test
def chat_ipv6(w):
    server = w.chat()
    if "::1" not in server.out or "not ::1" in server.out:
        raise Skipped("no ::1 on this machine")
    check("ssh -p %d localhost\n" % server.port in server.out, "no ssh line")
    one = w.enter_plain(server, "six", host="::1")
    two = w.enter_plain(server, "four")
    two.write("over both\n")
    one.expect("four: over both\n")
    server.stop()


def without_ipv6():
    """A network of its own, where nothing but 127.0.0.1 is up."""
    newuser, newnet = 0x10000000, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(newuser | newnet) != 0 and libc.unshare(newnet) != 0:
        os._exit(77)
    try:
        with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w",
                  encoding="ascii") as file:
            file.write("1\n")
    except OSError:
        pass                        # a loopback that is down has no ::1 either


@test
def chat_without_ipv6(w):
    server = Program([os.path.join(w.bin, "chat"), "--port", "0"], w.env,
                     w.home, without_ipv6)
    wait(lambda: "join with" in server.out or server.process.poll() is not None,
         "the start")
    if server.process.poll() == 77:
        raise Skipped("no network of one's own here")
    check("(not ::1: " in server.out, "says nothing of ::1: " + server.out)
    check("127.0.0.1\n" in server.out, "no ssh line with 127.0.0.1")
    server.send_signal(signal.SIGTERM)
    same(server.wait_exit(), 0, "exit status")


@test
def chat_listen(w):
    server = w.chat("--listen", "127.0.0.2")
    check("listening: 127.0.0.2, port %d\n" % server.port in server.out,
          "no address")
    client = w.enter_plain(server, "alice", host="127.0.0.2")
    client.end_input()
    same(client.wait_exit(), 0, "exit status of ssh")
    server.stop()


@test
def chat_listen_warns(w):
    server = w.chat("--listen", "0.0.0.0")
    wait(lambda: "\n" in server.err, "the warning")
    same(server.err, "chat: 0.0.0.0 is open to the network: who reaches it can "
         "come in and read along\n", "stderr")
    server.send_signal(signal.SIGTERM)
    same(server.wait_exit(), 0, "exit status")


def refused(w, status, wanted, *arguments, **more):
    """One line on stderr that holds `wanted`, and this exit status."""
    program = w.program(*arguments, **more)
    same(program.wait_exit(), status, "exit status of chat %s, stderr %r, "
         % (" ".join(arguments), program.err))
    check(program.err.count("\n") == 1 and program.err.startswith("chat: "),
          "chat %s: not one line: %r" % (" ".join(arguments), program.err))
    check(wanted in program.err,
          "chat %s: no %r in %r" % (" ".join(arguments), wanted, program.err))


@test
def chat_bad_arguments(w):
    for port in ("", "x", "22x", "-1", "65536", "99999999999999999999", " 22"):
        refused(w, 2, "--port " + port, "--port", port)
    refused(w, 2, "--listen localhost", "--listen", "localhost")
    refused(w, 2, "--port needs a value", "--port")
    refused(w, 2, "unknown option --prot", "--prot", "1")
    refused(w, 2, "unknown option -x", "-x")
    refused(w, 2, "unknown argument 2222", "2222")
    refused(w, 2, "at most", *["--listen", "127.0.0.1"] * 17)


@test
def chat_help_and_version(w):
    for argument, wanted in (("--help", "usage: chat"), ("--version", "0.1.0")):
        program = w.program(argument)
        same(program.wait_exit(), 0, "exit status of " + argument)
        check(wanted in program.out, "no %r in %r" % (wanted, program.out))
        same(program.err, "", "stderr")


@test
def chat_bad_host_key(w):
    def bad(wanted, path):
        refused(w, 1, wanted, "--port", "0", "--host-key", path)

    garbage = w.file("garbage", "no key at all\n")
    bad("garbage: unreadable key; ", garbage)
    bad("garbage: unreadable key; ", w.file("garbage", ""))
    good = w.key("good")
    with open(good, encoding="ascii") as file:
        text = file.read()
    bad("unreadable key", w.file("cut", text[:len(text) // 2]))
    bad("chmod 600", w.file("open", text, 0o644))
    bad("ssh-keygen -p", w.key("locked", passphrase="secret"))
    bad("give another --host-key",
        w.key("small", kind="rsa", bits=("-b", "1024")))
    bad("private key", w.file("half", open(good + ".pub").read()))
    bad("make its folder first", w.path("no", "folder", "key"))
    bad("--host-key", w.home)
    if os.geteuid() != 0:
        bad("may read and write", w.file("closed", text, 0o000))
    same(open(garbage).read(), "", "a file that is no key was written to;")


@test
def chat_no_home(w):
    del w.env["XDG_STATE_HOME"]
    refused(w, 1, "give --host-key FILE", HOME="")
    refused(w, 1, "give a", "--port", "0", HOME="/dev/null")


@test
def chat_port_in_use(w):
    server = w.chat()
    refused(w, 1, "give another --port", "--port", str(server.port))
    with socket.socket(socket.AF_INET) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused(w, 1, "in use", "--port", str(other.getsockname()[1]))
    refused(w, 1, "give another --listen", "--port", "0", "--listen",
            "203.0.113.1")
    server.stop()


# ---- chat: who may come in -------------------------------------------------


@test
def chat_with_and_without_key(w):
    server = w.chat()
    for key in (None, w.key()):
        for methods in ("none", "publickey", "password"):
            client = w.plain(server, "alice", [
                "-o", "PreferredAuthentications=" + methods], key=key)
            client.expect("* you are alice")
            client.end_input()
            same(client.wait_exit(), 0, "exit status of ssh")
    server.stop()


@test
def chat_keys(w):
    inside, outside = w.key("inside"), w.key("outside")
    with open(inside + ".pub", encoding="ascii") as file:
        line = file.read()
    keys = w.file("keys", "# friends\n\nrestrict " + line + "garbage\n" + line)
    server = w.chat("--keys", keys)
    wait(lambda: server.err.count("\n") == 2, "two lines about the file")
    check("line 3 is left out" in server.err and
          "line 4 is left out" in server.err, "stderr: " + server.err)

    for key in (None, outside):
        client = w.plain(server, "alice", key=key)
        same(client.wait_exit(), 255, "exit status of ssh")
        check("Permission denied (publickey)" in client.err, client.err)
    client = w.plain(server, "alice", key=inside)
    client.expect("* you are alice, one of 1 here")
    client.end_input()
    same(client.wait_exit(), 0, "exit status of ssh")
    server.send_signal(signal.SIGTERM)
    same(server.wait_exit(), 0, "exit status")


@test
def chat_bad_keys(w):
    refused(w, 1, "No such file", "--port", "0", "--keys", w.path("none"))
    refused(w, 1, "no key in it", "--port", "0", "--keys", w.file("keys", "#"))


@test
def chat_commands_are_refused(w):
    server = w.chat()
    for options, arguments in (((), ["ls"]), (("-s",), ["sftp"])):
        client = w.plain(server, "alice", options, arguments=arguments)
        same(client.wait_exit(), 1, "exit status of ssh")
        check("chat: nothing to run here" in client.err, client.err)
        same(client.data, b"", "stdout of ssh")
    client = w.plain(server, "alice", ["-W", "127.0.0.1:1"])
    check(client.wait_exit() != 0, "a forward was opened")
    server.stop()
