#!/usr/bin/env python3
"""bench-client and bench-server: every workload, small; what they print; that
wrong use, and what goes wrong, is said."""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

import report

TIMES_US = ["p50_us", "p90_us", "p99_us", "max_us"]
TIMES_MS = ["p50_ms", "p90_ms", "p99_ms", "max_ms"]
COMMANDS = ["up", "down", "login", "idle", "echo", "relay"]
LINUX = sys.platform.startswith("linux")

# Arguments, and what the JSON says of them; then names of numbers that are
# there and not below 0.
WORKLOADS = [
    ("up --bytes 3M", {"workload": "up", "bytes": 3 << 20, "connections": 1,
                       "cipher": "chacha20-poly1305@openssh.com"},
     ["mib_s", "client_cpu_s_gib"]),
    ("up --bytes 1000001 --connections 3 -c aes256-ctr -m hmac-sha2-256",
     {"bytes": 1000001, "connections": 3, "cipher": "aes256-ctr",
      "mac": "hmac-sha2-256"}, []),
    ("down --bytes 3000001 --connections 2 -c aes256-gcm@openssh.com "
     "--kex curve25519-sha256",
     {"workload": "down", "bytes": 3000001, "cipher": "aes256-gcm@openssh.com",
      "mac": "", "kex": "curve25519-sha256"}, ["mib_s"]),
    ("down --bytes 1", {"bytes": 1}, []),
    ("login --count 20", {"workload": "login", "count": 20, "in_flight": 1,
                          "failed": 0}, TIMES_MS + ["rate"]),
    ("login --count 40 --in-flight 16 --sources 1 --echo",
     {"count": 40, "in_flight": 16, "failed": 0},
     ["echo_count", "echo_p50_ms", "echo_p99_ms", "client_cpu_ms"]),
    ("idle --count 20 --seconds 1 --in-flight 4",
     {"workload": "idle", "count": 20, "login": "yes", "failed": 0},
     ["setup_s", "idle_s"]),
    ("idle --count 20 --seconds 1 --no-login silent",
     {"count": 20, "login": "no, silent", "failed": 0}, []),
    ("idle --count 20 --seconds 1 --no-login ident",
     {"count": 20, "login": "no, ident only", "failed": 0}, []),
    ("echo --count 50 --size 1", {"workload": "echo", "count": 50, "size": 1,
                                  "connections": 1}, TIMES_US + ["rate"]),
    ("echo --count 20 --connections 8 --in-flight 5 --size 70001",
     {"count": 160, "connections": 8, "size": 70001}, TIMES_US),
    ("relay --receivers 5 --lines 300", {
        "workload": "relay", "receivers": 5, "lines": 300, "line_rate": 0,
        "delivered": 1500, "lost": 0}, TIMES_US + ["client_cpu_us"]),
    ("relay --receivers 2 --lines 20 --rate 1000 --size 4000",
     {"delivered": 40, "lost": 0, "size": 4000, "line_rate": 1000}, TIMES_US),
]

# Wrong use, and a word of what is said.
MISUSE = [
    ("", "-p PORT"), ("up", "-p PORT"), ("up -p 22", "-i FILE"),
    ("-p 22 -i key", "which command"), ("sideways -p 22 -i key", "sideways"),
    ("up -p 0 -i key", "from 1 to 65535"), ("up -p 65536 -i key", "-p 65536"),
    ("up -p 2x -i key", "-p 2x"), ("up -p -1 -i key", "number"),
    ("up -p", "needs a value"), ("up -p 22 -i key --bytes 17T", "number"),
    ("up -p 22 -i key --bytes 0", "from 1"),
    ("up -p 22 -i key --bytes 18446744073709551617", "number"),
    ("up -p 22 -i key --receivers 5", "not for up"),
    ("login -p 22 -i key --size 5", "not for login"),
    ("up -p 22 -i key --nonsense", "--nonsense"),
    ("up -p 22 -i key sink", "what is sink"),
    ("-p 22 -i key --json noop", "not for a single command"),
    ("up -p 22 -i key --commands fish", "native|shell"),
    ("idle -p 22 --no-login loud", "silent|ident"),
    ("relay -p 22 -i key --commands shell", "shell"),
    ("relay -p 22 -i key --size 39", "40 to 32768"),
    ("echo -p 22 -i key --size 7 --in-flight 2", "8 bytes"),
    ("down -p 22 -i key --bytes 3 --connections 4", "each connection"),
    ("login --help", "--help"),
]

# What bench-wrong does by this user, and what is said of it. Nobody in
# particular: nothing is wrong.
WRONG = [
    ("up --bytes 500000", "nobody", None),
    ("up --bytes 9M", "short", "bytes have moved, not 9437184"),
    ("up --bytes 500000", "long", "should swallow"),
    ("up --bytes 500000", "status", "is 3, not 0"),
    ("up --bytes 500000", "early", "the connection ended"),
    ("up --bytes 500000", "flip", "not what was sent"),
    ("up --bytes 500000", "still --timeout 1", "nothing has moved for 1 s"),
    ("down --bytes 50000", "nobody", None),
    ("down --bytes 50000", "short", "49999 bytes have moved, not 50000"),
    ("down --bytes 50000", "long", "50001 bytes have moved, not 50000"),
    ("down --bytes 50000", "flip", "neither zeros"),
    ("down --bytes 50000", "status", "is 3, not 0"),
    ("down --bytes 50000", "early", "the connection ended"),
    ("login --count 3", "nobody", None),
    ("login --count 3", "status", "noop: exit status 3"),
    ("login --count 3", "early", "a login failed: the connection ended"),
    ("login --count 300 --echo", "flip", "not what was sent"),
    ("echo --count 30", "nobody", None),
    ("echo --count 30", "flip", "not what was sent"),
    ("echo --count 30", "long", "not what was sent"),
    ("echo --count 30 --in-flight 9", "long", "not what was sent"),
    ("echo --count 30", "early", "the connection ended"),
    ("echo --count 30", "still --timeout 1", "nothing has moved for 1 s"),
    ("relay --receivers 3 --lines 9", "nobody", None),
    ("relay --receivers 3 --lines 9", "short", "1 of 27 deliveries were lost"),
    ("relay --receivers 3 --lines 9", "long", "line 3 came where line 4 was"),
    ("relay --receivers 3 --lines 9", "flip", "not a line that was sent"),
    ("relay --receivers 3 --lines 9", "back", "the sender has got 100 bytes"),
    ("relay --receivers 3 --lines 9", "early", "the connection ended"),
    ("idle --count 3 --seconds 1", "nobody", None),
]


def program(name):
    return os.path.join(report.build_dir(), "test", "bench", name)


def client(arguments, stdin=subprocess.DEVNULL, **options):
    return subprocess.run([program("bench-client"), *arguments], text=True,
                          capture_output=True, stdin=stdin, timeout=120,
                          **options)


class Server:
    """bench-server, or bench-wrong, on a port that the kernel chose."""

    def __init__(self, folder, *more, name="bench-server", options=()):
        self.key = os.path.join(folder, "host_key")
        first = ["0"] if name == "bench-server" else []
        self.process = subprocess.Popen(
            [program(name), *options, *first, self.key, *more], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        if "port " not in line:
            self.process.kill()
            report.failed(f"{name}: {line}" +
                          self.process.communicate()[1])
        self.port = line.split("port ")[1].split()[0]

    def asked(self, words, **options):
        """The client, logging in with the only key that is there."""
        words = words.split()
        first = words[:1] if words[0] in COMMANDS else []
        return client([*first, "-p", self.port, "-i", self.key,
                       *words[len(first):]], **options)

    def stop(self):
        self.process.terminate()
        said = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            report.failed(f"bench-server: {self.process.returncode} {said}")
        return said[1]


def right(done, status=0):
    if done.returncode != status:
        report.failed(f"exit status {done.returncode}, not {status}\n"
                      f"{done.stdout}{done.stderr}")
    return done.stdout


def workload(server, words, values, numbers):
    if LINUX:
        words += f" --server-pid {server.process.pid}"
    lines = [json.loads(line)
             for line in right(server.asked(words + " --json")).splitlines()]
    if words.startswith("idle"):
        ready = lines.pop(0)
        if ready.get("ready") != values["count"]:
            report.failed(f"ready: {ready}")
    if len(lines) != 1:
        report.failed(f"{len(lines)} results")
    got = lines[0]
    for name, value in values.items():
        if got.get(name) != value:
            report.failed(f"{name} is {got.get(name)}, not {value}: {got}")
    if LINUX and words.startswith("idle"):
        numbers = numbers + ["pss_kib", "rss_kib", "idle_cpu_s",
                             "after_pss_kib", "base_pss_mib"]
    for name in numbers:
        if not isinstance(got.get(name), (int, float)):
            report.failed(f"{name}: {got}")
    if LINUX and not words.startswith("idle") and \
            not [n for n, v in got.items()
                 if n.startswith("server_cpu_") and v > 0]:
        report.failed(f"no CPU of the server: {got}")


def table(server):
    """For people: a title, a figure a line, and no JSON."""
    text = right(server.asked("echo --count 10"))
    if not text.startswith("echo\n  messages ") or "{" in text or \
            " us/message" not in text:
        report.failed(text)


def ready(server):
    """idle says so, and stays until its standard input ends."""
    process = subprocess.Popen(
        [program("bench-client"), "idle", "--count", "3", "-p", server.port,
         "-i", server.key], text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    line = process.stdout.readline()
    told = process.poll()
    rest = process.communicate("")[0]
    if not line.startswith("READY 3 ") or told is not None or \
            "sessions" not in rest or process.returncode != 0:
        report.failed(f"{line} {told} {rest} {process.returncode}")


def single(server):
    """Without a workload it is what ssh is."""
    sent = "".join(f"{n}\n" for n in range(200000))
    with tempfile.TemporaryFile("w+") as file:
        file.write(sent)
        file.seek(0)
        if right(server.asked("-c aes256-ctr echo", stdin=file)) != sent:
            report.failed("a file came back wrong")
    done = subprocess.run(
        [program("bench-client"), "-p", server.port, "-i", server.key, "echo"],
        text=True, input=sent, capture_output=True, timeout=120)
    if right(done) != sent:
        report.failed("a pipe came back wrong")
    done = subprocess.run(
        [program("bench-client"), "-p", server.port, "-i", server.key,
         "source", "1000001"], capture_output=True, stdin=subprocess.DEVNULL,
        timeout=120)
    if right(done) != bytes(n % 256 for n in range(1000001)):
        report.failed(f"{len(done.stdout)} bytes came")
    right(server.asked("-l somebody noop"))
    says(server.asked("-l somebody dance"), 255, "refused")


def says(done, status, word):
    right(done, status)
    if word not in done.stderr or "bench-client: " not in done.stderr:
        report.failed(f"\"{word}\" is not in: {done.stderr}")
    if "{" in done.stdout or "nan" in done.stdout:
        report.failed(done.stdout)


def misuse(words, word):
    done = client(words.split())
    says(done, 2, word)
    if done.stdout or done.stderr.count("\n") != 1:
        report.failed(f"{done.stdout}{done.stderr}")


def wrong_server(server):
    """A shell is asked of one that has none; nobody is there."""
    for name in ("up", "down", "echo"):
        says(server.asked(name + " --commands shell"), 1, "refused")
    says(server.asked("login --count 5 --commands shell"), 1, "refused")
    says(server.asked("up --host localhost"), 1, "numbers")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        for name in ("up", "echo", "relay", "login --count 3",
                     "idle --count 3 --seconds 1"):
            says(client([*name.split(), "-p", str(port), "-i", server.key]), 1,
                 "connection refused")


def hang_up(listener, words):
    """Three connections: each is told this, or nothing, and ended."""
    for _ in range(3):
        connection = listener.accept()[0]
        connection.send(words)
        connection.close()


def no_server(words, said):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        port = str(listener.getsockname()[1])
        thread = threading.Thread(target=hang_up, args=(listener, words))
        thread.start()
        done = client(["idle", "--count", "3", "--seconds", "1", "--no-login",
                       "silent", "-p", port])
        thread.join()
    if done.returncode != 1 or said not in done.stderr or \
            not re.search(r"failed +3\n", done.stdout):
        report.failed(f"{done.returncode} {done.stdout}{done.stderr}")


def stuck_server(server):
    """One that takes connections and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        port = str(silent.getsockname()[1])
        says(client(["login", "-p", port, "-i", server.key, "--timeout", "1"]),
             1, "nothing has moved for 1 s")


def refused_key(folder):
    """Only a key that is not ours may log in."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
    keys = os.path.join(folder, "keys")
    with open(keys, "w", encoding="ascii") as f:
        f.write("ssh-ed25519 " + base64.b64encode(blob).decode() + "\n")
    server = Server(folder, keys)
    says(server.asked("up --bytes 1"), 1, "authentication refused")
    done = server.asked("login --count 5 --json")
    says_failed = json.loads(right(done, 1))
    if says_failed["failed"] != 5:
        report.failed(str(says_failed))
    server.stop()


def broken_key(server, folder):
    path = os.path.join(folder, "broken")
    with open(path, "w", encoding="ascii") as f:
        f.write("no key\n")
    says(client(["up", "-p", server.port, "-i", path]), 1, "unreadable key")
    says(client(["up", "-p", server.port, "-i", path + "2"]), 1, "no such file")


def wrong(server, words, user, word):
    done = server.asked(f"{words} -l {user}")
    if word is None:
        right(done)
    else:
        right(done, 1)
        if word not in done.stderr:
            report.failed(f"\"{word}\" is not in: {done.stderr}")


def logins_with_their_primitives(folder):
    """Every 16th login is measured; never how long it took."""
    server = Server(folder, options=["--login-primitive", "--json"])
    right(server.asked("login --count 64 --in-flight 8"))
    found = [json.loads(line) for line in server.stop().splitlines()]
    found = [r for r in found if r["bench"] == "logins"]
    if len(found) != 1 or found[0]["logins"] != 64 or found[0]["timed"] != 4:
        report.failed(f"64 logins, every 16th timed: {found}")
    elif found[0]["primitive_ms"] <= 0 or found[0]["server_cpu_ms"] <= 0:
        report.failed(f"nothing was measured: {found[0]}")


def several_loops(folder):
    """All of them serve, and each says what it did; the sum is the sum."""
    server = Server(folder, options=["--loops", "2", "--json"])
    right(server.asked("login --count 40 --in-flight 8"))
    right(server.asked("up --bytes 3M --connections 2"))
    lines = [json.loads(line) for line in server.stop().splitlines()]
    loops = [r for r in lines if r["bench"] == "server-loop"]
    whole = [r for r in lines if r["bench"] == "server"]
    if [r["loop"] for r in loops] != [0, 1] or len(whole) != 1:
        report.failed(str(lines))
    for name in ("sessions", "bytes_in", "turns"):
        if sum(r[name] for r in loops) != whole[0][name]:
            report.failed(f"{name} {lines}")
    if whole[0]["sessions"] < 42 or whole[0]["bytes_in"] != 3 << 20 or \
            LINUX and 0 in [r["sessions"] for r in loops]:
        report.failed(str(lines))


def held(folder, *options):
    """Each callback is seen, and only where that is asked for."""
    for more in (["--held"], []):
        server = Server(folder, options=[*options, *more, "--json"])
        right(server.asked("login --count 40"))
        right(server.asked("down --bytes 5M"))
        whole = [json.loads(line) for line in server.stop().splitlines()][-1]
        seen = whole.get("callbacks", {})
        if not more or not LINUX:
            if seen or "callback_ms" in whole:
                report.failed(str(whole))
            continue
        if seen.get("connection", [0])[0] != 41 or \
                seen.get("close", [0])[0] < 80 or \
                not {"alloc", "check", "prepare", "read"} <= set(seen) or \
                seen["read"][0] > seen["alloc"][0]:
            report.failed(str(whole))
        longest = max(seen, key=lambda kind: seen[kind][1])
        if seen[whole["callback"]][1] != seen[longest][1] or \
                not 0 < whole["callback_ms"] == seen[longest][1] <= \
                whole["held_cpu_ms"] + 0.1:
            report.failed(str(whole))


def help_text():
    text = right(client(["--help"]))
    for word in ("--receivers", "NOT checked", "Exit status", "usage:"):
        if word not in text:
            report.failed(f"{word} is not in --help")
    if max(map(len, text.splitlines())) > 80:
        report.failed("a line of --help is longer than 80")


def main():
    with tempfile.TemporaryDirectory(prefix="uvssh-bench-") as folder:
        server = Server(folder)
        for words, values, numbers in WORKLOADS:
            report.run("bench " + words, workload, server, words, values,
                       numbers)
        report.run("table", table, server)
        report.run("ready", ready, server)
        report.run("single command", single, server)
        report.run("wrong server", wrong_server, server)
        report.run("stuck server", stuck_server, server)
        report.run("a server that refuses", no_server, b"",
                   "a session did not come: the server closed it")
        report.run("a server that hangs up", no_server, b"SSH-2.0-x\r\n",
                   "a session did not stay: the server closed it")
        report.run("broken key", broken_key, server, folder)
        report.run("refused key", refused_key, folder)
        broken = Server(folder, name="bench-wrong")
        for words, user, word in WRONG:
            report.run(f"wrong {words} -l {user}", wrong, broken, words, user,
                       word)
        broken.process.kill()
        report.run("several loops", several_loops, folder)
        report.run("logins with their primitives",
                   logins_with_their_primitives, folder)
        report.run("held", held, folder)
        report.run("held, several loops", held, folder, "--loops", "2")
        report.run("help", help_text)
        for words, word in MISUSE:
            report.run(f"misuse {words or 'nothing'}", misuse, words, word)
        report.run("the server ends in peace", server.stop)
    report.end()


main()
