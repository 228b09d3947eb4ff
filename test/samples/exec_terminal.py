"""exec on a terminal: -t, passwords, and the terminal as it was, always."""

import os
import re
import signal

from hosts import Rubbish, Sshd, mark_of
from term import check, same, wait
from world import test


def ended(client, status, *texts):
    """This status, these texts on the screen, and the terminal as before."""
    same(client.wait_exit(), status, "exit status of exec\n" +
         client.describe() + "\n")
    same(client.modes(), client.before, "modes of the terminal")
    shown = " ".join(client.screen.text())
    for text in texts:
        check(re.search(text, shown), "no %r in %r" % (text, shown))


def shell(host):
    client = host.terminal("exec", "env", "PS1='$ '", "sh")
    client.expect_row("$")
    return client


def enter(client, line, prompt="$"):
    client.expect_row(prompt)
    client.type(line + "\r")


# ---- a shell ---------------------------------------------------------------


@test
def exec_terminal_shell(w):
    host = Sshd(w)
    client = shell(host)
    enter(client, "tty > /dev/null && echo tt'y', $TERM")
    client.expect("tty, xterm")
    enter(client, "stty size")
    client.expect("24 80")
    client.resize(101, 33)
    enter(client, "stty size")
    client.expect("33 101")
    client.resize(40, 10)
    enter(client, "stty size")
    client.expect("10 40")
    enter(client, "exit 7")
    ended(client, 7)


@test
def exec_terminal_keys(w):
    """^C, ^\\ and ^D go to the other side."""
    host = Sshd(w)
    client = shell(host)
    enter(client, "echo re'ady'")
    client.expect("ready")
    for key in "\x03\x1c":
        enter(client, "sh -c 'echo up; exec sleep 1000'")
        client.expect("up")
        client.type(key)
    client.expect_row("$")
    client.type("\x04")
    check(client.wait_exit() >= 130, "exit status, of a command that was "
          "interrupted, is %d" % client.process.returncode)
    same(client.modes(), client.before, "modes of the terminal")


@test
def exec_terminal_modes(w):
    """The modes of this terminal are those of the other."""
    host = Sshd(w)
    client = w.exec_terminal(*host.arguments("-t", "127.0.0.1", "stty", "-a"))
    ended(client, 0, r" erase = \^\?;", r" icrnl", r" opost", r" echo ",
          "speed 38400")
    command = "stty erase ^H intr ^X kill undef -ixon iutf8 -onlcr; exec " + \
        " ".join([os.path.join(w.bin, "exec")] +
                 host.arguments("-t", "127.0.0.1", "stty", "-a"))
    client = w.on_terminal(["sh", "-c", command], 300)
    client.wait_exit()
    shown = " ".join(client.screen.text())
    for text in (r"erase = \^H;", r"intr = \^X;", r"kill = <undef>;", "-ixon",
                 r" iutf8", "-onlcr"):
        check(re.search(text, shown), "no %r in %r" % (text, shown))


@test
def exec_terminal_output_only(w):
    host = Sshd(w)
    client = w.exec_terminal(*host.arguments("127.0.0.1", "test", "-t", "0"))
    ended(client, 1)                         # without -t no terminal there
    client = w.exec_terminal(*host.arguments("127.0.0.1", "cat; exit 8"))
    client.type("typed\n\x04")               # here it edits and ends lines
    client.expect("typed")
    ended(client, 8, "typed +typed")


@test
def exec_terminal_with_our_servers(w):
    server = w.sample("echo", "0", w.path("host_key"))
    key = w.key()
    mark = mark_of(w.path("host_key"))
    client = w.exec_terminal("-t", "-p", str(server.port), "-F", mark, "-i",
                             key, "127.0.0.1")
    wait(client.is_raw, "a raw terminal")
    client.type("typed")
    client.expect_row("typed")
    server.send_signal(signal.SIGKILL)
    ended(client, 255, "exec: .*; the connection is lost; run it again")

    server = w.chat("--host-key", w.path("host_key"))
    client = w.exec_terminal("-t", "-p", str(server.port), "-F", mark, "-b",
                             "-l", "zoe", "127.0.0.1")
    client.expect_row("zoe>")
    client.resize(30)
    client.type("0123456789" * 4)
    client.expect_row("> " + ("0123456789" * 4)[-27:])
    client.type("\x15/quit\r")
    ended(client, 0)
    server.stop()


# ---- the terminal as it was ------------------------------------------------


@test
def exec_terminal_is_restored(w):
    host = Sshd(w)
    for number, status, text in (
            (signal.SIGTERM, 255, "exec: stopped by a signal"),
            (signal.SIGINT, 255, "exec: stopped by a signal"),
            (signal.SIGHUP, 255, "exec: stopped by a signal"),
            (signal.SIGABRT, -signal.SIGABRT, ""),
            (signal.SIGQUIT, -signal.SIGQUIT, ""),
            (signal.SIGSEGV, -signal.SIGSEGV, "")):
        client = shell(host)
        client.send_signal(number)
        if number == signal.SIGSEGV:         # a sanitizer has its own end
            client.wait_exit()
            status = client.process.returncode or status
        ended(client, status, text)


@test
def exec_terminal_is_restored_after_failures(w):
    host = Sshd(w)
    client = shell(host)
    host.kill()
    ended(client, 255, "exec: .*; the connection is lost; run it again")

    client = host.terminal("sleep 0.2; kill -TERM $$")
    ended(client, 255, "exec: killed by signal TERM")
    for arguments, text in (
            (["-p", str(host.port)], "is not known"),
            (["-p", str(host.port), "-F", "SHA256:" + "a" * 43],
             "HAS ANOTHER KEY")):
        client = w.exec_terminal(*arguments, "-t", "127.0.0.1")
        ended(client, 255, "exec: .*" + text)
    for data in (b"", b"HTTP/1.0 400 Bad Request\r\n\r\n",
                 b"SSH-2.0-x\r\n\xff"):
        rubbish = Rubbish(data)
        client = w.exec_terminal("-t", "-p", str(rubbish.port), "127.0.0.1")
        ended(client, 255, "exec: ")
        rubbish.destroy()
    client = w.exec_terminal("-t", "-p", str(rubbish.port), "127.0.0.1")
    ended(client, 255, "nothing listens there")


@test
def exec_terminal_is_refused(w):
    host = Sshd(w, more="PermitTTY no\n")
    client = w.exec_terminal(*host.arguments("-t", "127.0.0.1", "true"))
    ended(client, 255, "exec: .* no terminal: .*; try without -t")


@test
def exec_terminal_stops_and_goes_on(w):
    """SIGTSTP: the terminal is the shell's meanwhile."""
    host = Sshd(w)
    command = " ".join([os.path.join(w.bin, "exec")] + host.arguments(
        "-t", "127.0.0.1", "exec", "env", "PS1=remote:", "sh"))
    client = w.on_terminal(["bash", "--norc", "-i"], 400, PS1="local:")
    client.expect_row("local:")
    client.type("stty -a | grep -o .icanon; %s & echo pid $!; fg\r" % command)
    wait(client.is_raw, "a raw terminal")
    client.expect_row("remote:")
    pid = int(re.search(r"^pid (\d+)$", "\n".join(client.screen.text()),
                        re.M).group(1))
    os.kill(pid, signal.SIGTSTP)
    wait(lambda: client.screen.row() == "local:", "the local shell")
    client.type("stty -a | grep -o 'opost -olcuc'; fg\r")
    client.expect("opost -olcuc")
    wait(client.is_raw, "a raw terminal again")
    client.type("\r")
    enter(client, "echo ba'ck'", "remote:")
    client.expect("back")
    enter(client, "exit", "remote:")
    client.expect_row("local:")
    client.type("exit\r")
    client.wait_exit()
    same(client.modes(), client.before, "modes of the terminal")


# ---- passwords -------------------------------------------------------------


def asked(w, server, *more):
    """exec, that asks for the password of the sample later."""
    mark = mark_of(w.path("host_key"))
    client = w.exec_terminal("-p", str(server.port), "-F", mark, "-l", "me",
                             *more, "127.0.0.1")
    wait(client.is_silent, lambda: "a prompt\n" + client.describe())
    wait(lambda: "assword:" in client.screen.row(), "the prompt")
    return client


@test
def exec_password(w):
    server = w.sample("later", "0", w.path("host_key"), "0")
    for more in ((), ("-t",)):
        client = asked(w, server, *more)
        check("me@127.0.0.1" in client.screen.row(), client.screen.row())
        client.type("later\r")
        wait(lambda: any("news at" in t for t in client.screen.text()), "news")
        client.type("\x04")
        ended(client, 0)
        check("later" not in " ".join(client.screen.text()), "it was shown")
    server.stop()


def wrong_passwords(client):
    """As often as it asks."""
    count = 0
    while client.process.poll() is None:
        rows = len(client.screen.lines)
        client.type("wrong\r")
        count += 1
        wait(lambda: len(client.screen.lines) > rows, "a new row")
        wait(lambda: client.process.poll() is not None or
             (client.is_silent() and "assword:" in client.screen.row()),
             "the end, or another prompt")
    check("wrong" not in " ".join(client.screen.text()), "it was shown")
    return count


@test
def exec_wrong_password(w):
    server = w.sample("later", "0", w.path("host_key"), "0")
    client = asked(w, server)
    same(wrong_passwords(client), 3, "number of prompts")
    ended(client, 255, "exec: 127.0.0.1 does not let me in, it takes passwords")
    server.stop()


@test
def exec_wrong_password_for_sshd(w):
    host = Sshd(w)
    client = w.exec_terminal("-t", "-p", str(host.port), "-F",
                             host.fingerprint(), "-l", host.user, "127.0.0.1")
    wait(lambda: "assword:" in client.screen.row(), "the prompt")
    check(wrong_passwords(client) in (1, 2, 3), "it asked too often")
    ended(client, 255, "exec: .*(does not let|disconnected)")


@test
def exec_no_password(w):
    server = w.sample("later", "0", w.path("host_key"), "0")
    for keys in ("\x04", "x" * 2000 + "\r"):
        client = asked(w, server)
        client.type(keys)
        ended(client, 255, "exec: 127.0.0.1 does not let me in")
    client = asked(w, server)
    client.type("half a pass\x03")           # ^C
    ended(client, 255, "exec: stopped by a signal")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):
        client = asked(w, server)
        client.send_signal(number)
        ended(client, 255 if number != signal.SIGABRT else -number)
    client = asked(w, server)
    server.send_signal(signal.SIGKILL)       # the host goes meanwhile
    ended(client, 255, "the connection is lost")


@test
def exec_password_is_nobodys_command(w):
    """What was not read of it does not go to the shell."""
    server = w.sample("later", "0", w.path("host_key"), "0")
    command = "%s -p %d -F %s 127.0.0.1; read rest; echo \"rest:$rest.\"" % (
        os.path.join(w.bin, "exec"), server.port, mark_of(w.path("host_key")))
    client = w.on_terminal(["sh", "-c", command], 300)
    wait(lambda: "assword:" in client.screen.row(), "the prompt")
    client.type("x" * 1500 + "\r")
    wait(lambda: any("not let" in t for t in client.screen.text()), "the end")
    client.type("\r")
    client.expect("rest:.")
    client.wait_exit()
    server.stop()


@test
def exec_batch_never_asks(w):
    server = w.sample("later", "0", w.path("host_key"), "0")
    mark = mark_of(w.path("host_key"))
    client = w.exec_terminal("-b", "-p", str(server.port), "-F", mark,
                             "127.0.0.1")
    ended(client, 255, "does not let .* in, it takes passwords")
    check("assword:" not in " ".join(client.screen.text()), "it has asked")
    server.stop()
