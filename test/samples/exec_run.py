"""exec: a command on a real sshd and on our own servers, through pipes."""

import hashlib
import os
import re
import signal
import socket

import term
from hosts import Rubbish, Sshd, mark_of
from term import check, same, wait
from world import test


def ends(client, status, err=""):
    """This exit status; on stderr nothing, or one line that matches err."""
    same(client.wait_exit(), status, "exit status of exec, stderr %r,"
         % client.err)
    if err == "":
        same(client.err, "", "stderr of exec")
    else:
        check(client.err.count("\n") == 1 and client.err.startswith("exec: "),
              "not one line: %r" % client.err)
        check(re.search(err, client.err), "no %r in %r" % (err, client.err))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- who looks for a fault -------------------------------------------------


@test
def exec_shows_each_packet(w):
    host = Sshd(w)
    client = w.exec("-v", *host.arguments("127.0.0.1", "echo hello"))
    same(client.wait_exit(), 0, "exit status of exec")
    same(client.data, b"hello\n", "stdout of exec")
    lines = client.err.splitlines()
    for line in lines:
        check(re.fullmatch(r"exec: (?:(?:in |out) #\d+ \d+ [A-Z_0-9]+(?: \d+ "
                           r"bytes)?|OpenSSH_\S.*: .*, ssh-ed25519, in .*)",
                           line), "what is %r?" % line)
    check(lines[0].startswith("exec: out #0 20 KEXINIT "), lines[0])
    logins = [line for line in lines if " USERAUTH_" in line]
    check(len(logins) > 1 and not any("bytes" in line for line in logins),
          "the size of a login: %r" % logins)
    check(any(re.match(r"exec: in  #\d+ 94 CHANNEL_DATA 15 bytes", line)
              for line in lines), "no data in %r" % lines)


@test
def exec_key_log(w):
    host = Sshd(w)
    path = w.path("keys.log")
    host_again = host.arguments("127.0.0.1", "true")
    w.env["SSHKEYLOGFILE"] = path
    ends(w.exec(*host_again), 0)
    check(not os.path.exists(path), "a variable alone made a key log")
    for count in (1, 2):                    # it is appended to
        ends(w.exec("-K", *host_again), 0)
        with open(path, encoding="ascii") as file:
            lines = file.read().split("\n")
        same(len(lines), count + 1, "lines of the key log")
        for line in lines[:-1]:
            check(re.fullmatch("[0-9a-f]{32} SHARED_SECRET (?:[0-9a-f]{2})+",
                               line), "what is %r?" % line)
    check(lines[0][:32] != lines[1][:32], "the same cookie twice")
    same(os.stat(path).st_mode & 0o777, 0o600, "mode of the key log")
    w.env["SSHKEYLOGFILE"] = w.path("no", "such", "folder")
    ends(w.exec("-K", *host_again), 255, "SSHKEYLOGFILE=.*No such file")
    del w.env["SSHKEYLOGFILE"]
    ends(w.exec("-K", *host_again), 255, "-K: no file; name it")


# ---- what is carried -------------------------------------------------------


@test
def exec_status(w):
    host = Sshd(w)
    for status in (0, 1, 42, 255):
        client = host.run("echo", "out;", "echo err >&2;", "exit",
                          str(status))
        same(client.wait_exit(), status, "exit status of exec")
        same(client.data, b"out\n", "stdout of exec")
        same(client.err, "err\n", "stderr of exec")


@test
def exec_user_at_host(w):
    host = Sshd(w)
    os.makedirs(w.path(".ssh"))
    os.link(host.user_key, w.path(".ssh", "id_ed25519"))
    client = w.exec("-p", str(host.port), "-F", host.fingerprint(),
                    host.user + "@127.0.0.1", "echo  two   words")
    ends(client, 0)
    same(client.data, b"two words\n", "stdout of exec")


@test
def exec_shell_without_command(w):
    host = Sshd(w)
    client = host.run()
    client.write("echo $((40 + 2))\nexit 3\n")
    client.end_input()
    ends(client, 3)
    check(client.data.endswith(b"42\n"), "stdout is %r" % client.data)


@test
def exec_signal(w):
    host = Sshd(w)
    for name in ("TERM", "KILL", "USR1"):
        ends(host.run("kill -%s $$" % name), 255,
             "^exec: killed by signal %s\n$" % name)


@test
def exec_10_mib(w):
    """Through a pipe and from a file, there and back, by hash."""
    host = Sshd(w)
    data = os.urandom(10 << 20)
    client = host.run("sha256sum")
    client.write(data)
    client.end_input()
    ends(client, 0)
    same(client.text().split()[0], sha256(data), "hash of what was sent")

    with open(w.path("data"), "wb") as file:
        file.write(data)
    with open(w.path("data"), "rb") as file, open(w.path("back"), "wb") as back:
        client = host.run("cat", stdin=file, stdout=back)
        ends(client, 0)
    with open(w.path("back"), "rb") as back:
        same(sha256(back.read()), sha256(data), "hash of what came back")

    client = host.run("cat; cat /dev/null >&2")
    client.write(data)
    client.end_input()
    ends(client, 0)
    same(sha256(client.data), sha256(data), "hash of what came back")


@test
def exec_stderr_10_mib(w):
    host = Sshd(w)
    client = host.run("yes 0123456 | head -c 10485760 >&2; echo done")
    client.wait_exit()
    same(client.data, b"done\n", "stdout of exec")
    other = client.err.replace("0123456\n", "")
    check(len(client.err) == 10485760 and other == "",
          "%d bytes on stderr, others: %r" % (len(client.err), other[:200]))


@test
def exec_half_close(w):
    """The end of the input is told; the output goes on after it."""
    host = Sshd(w)
    client = host.run("cat; echo end; sleep 0.3; echo after")
    client.write("one\n")
    client.expect("one\n")
    client.end_input()
    client.expect("end\nafter\n")
    ends(client, 0)


@test
def exec_input_of_all_kinds(w):
    host = Sshd(w)
    count = "wc -c; exit 5"
    for kind, wanted in (("/dev/null", b"0\n"),
                         (w.file("file", "abc"), b"3\n")):
        with open(kind, "rb") as file:
            client = host.run(count, stdin=file)
            ends(client, 5)
            same(client.data, wanted, "stdout with stdin from " + kind)
    client = host.run(count, stdin=None, preexec_fn=lambda: os.close(0))
    ends(client, 5)
    same(client.data, b"0\n", "stdout with a closed stdin")
    client = host.run("echo lost", preexec_fn=lambda: os.close(1))
    ends(client, 0)
    directory = os.open(w.home, os.O_RDONLY)
    client = host.run(count, stdin=directory)
    os.close(directory)
    ends(client, 5)                          # cannot be read: it has ended
    ours, theirs = socket.socketpair()
    client = host.run(count, stdin=theirs)
    theirs.close()
    ours.sendall(b"12345")
    ours.close()
    ends(client, 5)
    same(client.data, b"5\n", "stdout with stdin from a socket")


@test
def exec_leaves_its_input_blocking(w):
    """The pipe is shared with whoever reads it after us."""
    host = Sshd(w)
    read_end, write_end = os.pipe()
    ends(host.run("true", stdin=read_end), 0)
    check(os.get_blocking(read_end), "the pipe was left non-blocking")
    os.close(read_end)
    os.close(write_end)


def peak_kib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1))


@test
def exec_waits_for_its_reader(w):
    """64 MiB that nobody reads for a while do not end in memory."""
    host = Sshd(w)
    client = host.run("head -c 67108864 /dev/zero")
    client.data = bytearray()                # grows in place
    client.reading = False
    for _ in range(40):
        term.pump()
    before = peak_kib(client.pid) if os.path.exists("/proc/self/status") else 0
    client.reading = True
    ends(client, 0)
    same(len(client.data), 67108864, "bytes that came")
    check(before < 64 * 1024, "%d KiB of memory" % before)


@test
def exec_last_piece(w):
    """The command has ended, and what it said last is still being written."""
    host = Sshd(w)
    done = w.path("done")
    client = host.run("head -c 66000 /dev/zero; touch " + done)
    client.reading = False                   # a pipe holds 65536
    wait(lambda: os.path.exists(done), "the end of the command")
    for _ in range(20):
        term.pump()
    client.reading = True
    ends(client, 0)
    same(len(client.data), 66000, "bytes that came")


@test
def exec_waits_for_the_host(w):
    """Nor does what the command does not read."""
    host = Sshd(w)
    go = w.path("go")
    client = host.run("while ! test -e %s; do sleep 0.1; done; wc -c" % go)
    fd = client.process.stdin.fileno()
    os.set_blocking(fd, False)
    total = idle = 0
    while idle < 20:                         # until it takes no more
        try:
            total += os.write(fd, bytes(65536))
            idle = 0
        except BlockingIOError:
            idle += 1
        term.pump()
        check(total < 67108864, "64 MiB were taken for nobody")
    w.file("go", "")
    client.end_input()
    ends(client, 0)
    same(int(client.text()), total, "bytes that the command got")


@test
def exec_reader_goes(w):
    """SIGPIPE and a full disk."""
    host = Sshd(w)
    client = host.run("yes")
    client.expect("y\n")
    for fd, name in list(client.streams.items()):
        if name == "out":
            os.close(fd)
            del client.streams[fd]
    ends(client, 255)                        # in silence, as ssh

    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            ends(host.run("echo x", stdout=full), 255, "no space left")


# ---- our own servers -------------------------------------------------------


@test
def exec_with_our_servers(w):
    server = w.sample("echo", "0", w.path("host_key"))
    key = w.key()
    base = ["-p", str(server.port), "-F", mark_of(w.path("host_key")), "-i",
            key, "127.0.0.1"]
    data = os.urandom(4 << 20)
    for command in ([], ["any", "command"]):
        client = w.exec(*base, *command)
        client.write(data)
        client.end_input()
        ends(client, 0)
        check(client.data == data, "other bytes came back")
    server.stop()

    server = w.chat("--host-key", w.path("host_key"))
    base[1] = str(server.port)
    client = w.exec(*base, "ls")
    same(client.wait_exit(), 1, "exit status of exec")
    check("chat: nothing to run here" in client.err, client.err)
    client = w.exec(*base)
    client.expect("* you are ")
    client.write("/quit\n")
    ends(client, 0)
    server.stop()


@test
def exec_is_refused(w):
    """No command, no shell, no channel."""
    server = w.sample("relay", "0", w.path("host_key"))
    base = ["-p", str(server.port), "-F", mark_of(w.path("host_key")), "-i",
            w.key(), "127.0.0.1"]
    ends(w.exec(*base, "ls"), 255, "no such command: .*; ask")
    server.stop()
    host = Sshd(w, more="MaxSessions 0\nBanner %s\n" % w.file(
        "banner", "to everybody\nnews: \x1b[31mred\n"))
    client = host.run("true")
    same(client.wait_exit(), 255, "exit status of exec")
    lines = client.err.split("\n")
    same(lines[:2], ["to everybody", "news: \\x1b[31mred"], "the banner")
    check(re.match("exec: .* no channel: .*; ask", lines[2]), client.err)


# ---- host keys -------------------------------------------------------------


@test
def exec_unknown_host(w):
    host = Sshd(w)
    base = ["-p", str(host.port), "-l", host.user, "-i", host.user_key]
    client = w.exec(*base, "127.0.0.1", "echo in")
    ends(client, 255, "is not known")
    same(client.data, b"", "stdout of exec")
    for text in (host.fingerprint(), w.path(".ssh", "known_hosts"),
                 " ".join(host.known_line().split()[:3])):
        check(text in client.err, "no %r in %r" % (text, client.err))

    line = re.search(r"\[127.0.0.1\]:\d+ ssh-ed25519 \S+", client.err).group(0)
    known = w.file("known", "# hosts\n" + line + "\n")
    ends(w.exec(*base, "-k", known, "127.0.0.1", "exit 4"), 4)
    os.makedirs(w.path(".ssh"))
    os.rename(known, w.path(".ssh", "known_hosts"))
    ends(w.exec(*base, "127.0.0.1", "exit 5"), 5)
    ends(w.exec(*base, "-F", host.fingerprint(), "127.0.0.1", "exit 6"), 6)


@test
def exec_changed_host(w):
    host = Sshd(w)
    base = ["-p", str(host.port), "-l", host.user, "-i", host.user_key]
    with open(w.key("other") + ".pub", encoding="ascii") as file:
        other = "[127.0.0.1]:%d %s" % (host.port, file.read())
    known = w.file("known", "# hosts\n\n" + other)
    client = w.exec(*base, "-k", known, "127.0.0.1", "echo in")
    ends(client, 255, "CHANGED.* line 3 of " + re.escape(known))
    check(host.fingerprint() in client.err, "no fingerprint: " + client.err)
    same(client.data, b"", "stdout of exec")

    w.file("known", "@revoked " + host.known_line() + "\n")
    ends(w.exec(*base, "-k", known, "127.0.0.1", "echo in"), 255,
         "host key refused.*@revoked")
    ends(w.exec(*base, "-F", "SHA256:" + "a" * 43, "127.0.0.1", "echo in"), 255,
         "ANOTHER KEY")


@test
def exec_known_hosts_cannot_be_read(w):
    ends(w.exec("-p", "1", "-k", w.home, "127.0.0.1"), 255,
         re.escape(w.home) + ".*; give -k FILE or -F")


# ---- what goes wrong -------------------------------------------------------


@test
def exec_refused_connection(w):
    host = Rubbish(b"")
    host.destroy()                           # nobody listens there any more
    ends(w.exec("-p", str(host.port), "127.0.0.1", "true"), 255,
         "refused.*nothing listens there; check the host and -p PORT")


@test
def exec_no_ssh_server(w):
    for data in (b"", b"\x00" * 100, b"HTTP/1.0 400 Bad Request\r\n\r\n",
                 b"220 mail ESMTP\r\n", b"SSH-1.5-old\r\n", b"SSH-2.0-x\r\n",
                 b"SSH-2.0-x\r\nrubbish\r\n" + b"\x80" * 500,
                 b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14" + b"\x00" * 100,
                 b"x" * 100000, b"SSH-2.0-" + b"y" * 300 + b"\r\n",
                 b"\x1b[2J\x1b[1;1H\r\n" * 30 + b"SSH-2.0-\x1b[31m\r\n"):
        host = Rubbish(data)
        client = w.exec("-p", str(host.port), "127.0.0.1", "true")
        ends(client, 255, "^exec: 127.0.0.1 port %d: .*; " % host.port)
        check("\x1b" not in client.err, "an escape sequence: %r" % client.err)
        host.destroy()


@test
def exec_lost_connection(w):
    host = Sshd(w)
    client = host.run("echo up; cat")
    client.expect("up\n")
    host.kill()
    ends(client, 255, "; the connection is lost; run it again\n")

    client = host.run("yes | head -c 8388608; echo up >&2; cat")
    client.reading = False                   # what has come is not lost with it
    for _ in range(20):
        term.pump()
    host.kill()
    client.reading = True
    ends(client, 255, "; the connection is lost; run it again\n")
    check(len(client.data) > 1048576, "%d bytes" % len(client.data))

    client = host.run("yes")
    client.reading = False
    for _ in range(20):
        term.pump()
    host.kill()
    client.send_signal(signal.SIGTERM)       # nobody has to read it
    wait(lambda: client.process.poll() is not None, "the end of exec")
    client.reading = True
    ends(client, 255, "stopped by a signal|the connection is lost")

    server = w.sample("echo", "0", w.path("host_key"))
    client = w.exec("-p", str(server.port), "-F", mark_of(w.path("host_key")),
                    "-i", host.user_key, "127.0.0.1")
    client.write("up\n")
    client.expect("up\n")
    server.send_signal(signal.SIGKILL)
    ends(client, 255, "; the connection is lost; run it again\n")


@test
def exec_is_not_let_in(w):
    host = Sshd(w)
    base = ["-p", str(host.port), "-l", host.user, "-F", host.fingerprint()]
    ends(w.exec(*base, "-b", "-i", w.key("other"), "127.0.0.1", "true"), 255,
         "does not let %s in, it takes keys" % host.user)
    # no terminal: nobody can be asked
    ends(w.exec(*base, "127.0.0.1", "true"), 255, "does not let")
    for path, text in ((w.key("locked", passphrase="x"), "ssh-keygen -p"),
                       (w.key("small", kind="rsa", bits=("-b", "1024")),
                        "private keys of ssh-keygen"),
                       (host.user_key + ".pub", "private keys of ssh-keygen"),
                       (w.path("none"), "no such file")):
        ends(w.exec(*base, "-i", path, "127.0.0.1", "true"), 255, text)
    os.makedirs(w.path(".ssh"))
    w.key(os.path.join(".ssh", "id_ed25519"), passphrase="x")
    ends(w.exec(*base, "-b", "127.0.0.1", "true"), 255,
         "does not let.*left out.*ssh-keygen -p")


@test
def exec_is_stopped(w):
    host = Sshd(w)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        client = host.run("echo up; cat")
        client.expect("up\n")
        client.send_signal(number)
        ends(client, 255, "^exec: stopped by a signal")

        client = host.run("yes")             # also when nobody reads
        client.expect("y\n")
        client.reading = False
        for _ in range(5):
            term.pump()
        client.send_signal(number)
        wait(lambda: client.process.poll() is not None, "the end of exec")
        client.reading = True
        ends(client, 255, "^exec: stopped by a signal")

    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    client = host.run("cat", preexec_fn=ignore)            # nohup
    client.write("one\n")
    client.expect("one\n")
    client.send_signal(signal.SIGHUP)
    client.write("two\n")
    client.expect("two\n")
    client.end_input()
    ends(client, 0)


@test
def exec_while_connecting(w):
    host = Rubbish(b"", close=False)         # says nothing
    client = w.exec("-p", str(host.port), "127.0.0.1", "true")
    wait(lambda: host.open, "the connection")
    client.send_signal(signal.SIGTERM)
    ends(client, 255, "^exec: stopped by a signal")


@test
def exec_bad_arguments(w):
    for arguments, text in (
            ([], "which host"), (["-p"], "-p needs a value"),
            (["-p", "0", "h"], "-p 0: give a number"),
            (["-p", "65536", "h"], "65536"), (["-p", "", "h"], "a number"),
            (["-p", "2x", "h"], "2x"), (["-x", "h"], "unknown option -x"),
            (["-F", "md5", "h"], "-F md5: give SHA256:"),
            (["-F", "SHA256:short", "h"], "43 characters"),
            (["-F", "SHA256:" + "a" * 44, "h"], "43 characters"),
            (["-F", "SHA256:" + "a" * 43, "-k", "f", "h"], "one of them"),
            (["user@"], "there is no host"), (["@h"], "-l USER"),
            (["-t", "h"], "-t: standard input is no terminal"),
            (["-i", "f"] * 17 + ["h"], "at most 16")):
        ends(w.exec(*arguments), 255, re.escape(text))
    client = w.exec("-h")
    same(client.wait_exit(), 0, "exit status of exec -h")
    check(client.data.startswith(b"usage: exec "), "no usage")
