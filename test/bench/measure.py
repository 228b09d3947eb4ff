#!/usr/bin/env python3
"""Runs the measuring programs in turn and keeps what they say: scripts/bench
calls this, and says what the options mean.

Every repetition does all there is once, so that a machine that drifts does so
for everybody. A line of results.jsonl is what one program said in one
repetition, with "set" (micro, limits, ours, peers), "rep" and, where both sides
were pinned to one processor, "cpus".
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

import bench_report
from bench_figures import CHACHA, GCM, json_lines, pick
from bench_programs import (
    Broken, Server, Steps, alone, conditions, minutes, say)

SETS = ("micro", "limits", "ours", "peers")
OTHERS = "openssh,libssh,go,ssh2-node,asyncssh,dropbear"
BEST_OTHERS = "libssh,go"
X25519, MLKEM = "curve25519-sha256", "mlkem768x25519-sha256"
SIDES = ("server", "client")
IDLE_WANTED = 15000


class Bench:
    def __init__(self, a):
        self.a = a
        self.out = a.out
        self.results = os.path.join(self.out, "results.jsonl")
        self.scratch = os.path.join(tempfile.gettempdir(),
                                    f"uvssh-bench.{os.getpid()}")
        self.host_key = os.path.join(self.scratch, "host_key")
        self.user_key = os.path.join(self.scratch, "user_key")
        self.peers_port = 23000
        self.failed = []                 # (step, why)
        self.notes = []                  # what the peers' harness said

    def __enter__(self):
        os.makedirs(self.out, exist_ok=True)
        os.mkdir(self.scratch, 0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        self.user_key], check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def program(self, name):
        return os.path.join(self.a.build, "test", "bench", name)

    def keep(self, what, rep, records, **more):
        with open(self.results, "a", encoding="utf-8") as f:
            for r in records:
                f.write(json.dumps(dict(r, set=what, rep=rep,
                                        load=os.getloadavg()[0], **more))
                        + "\n")

    # ---- sets ------------------------------------------------------------

    def micro(self, steps, rep):
        ms = 30 if self.a.quick else 100
        for name, rows in (("micro-seal", 45), ("micro-message", 36),
                           ("micro-kex", 9)):
            def run(name=name):
                self.keep("micro", rep, json_lines(
                    alone([self.program(name), "--json", "--ms", str(ms)])))
            steps.add(f"micro: {name}", 1 + rows * ms * 1.3 / 1000, run)

    def limits(self, steps, rep):
        words = ["--json", "--reps", "1"] + ["--quick"] * self.a.quick

        def run(cpus=None, *more):
            self.keep("limits", rep, json_lines(
                alone([self.program("bench-limits"), *words, *more],
                      cpus=cpus)), **({"cpus": cpus} if cpus else {}))
        steps.add("limits: libuv alone", 3 if self.a.quick else 12, run)
        steps.add("limits: echo on one processor", 2,
                  lambda: run("0", "echo"))

    def ours(self, steps, rep):
        quick = self.a.quick
        size = "128M" if quick else "1G"

        def bulk(cipher, packet="32768"):
            with Server(self, "--held", "--primitive", packet) as s:
                lines = []
                for way in ("up", "down"):
                    lines += s.client(way, "-c", cipher, "--bytes", size)
            told = [dict(r, held_in="bulk") for r in s.told]
            self.keep("ours", rep, lines + told)
        for cipher in (CHACHA, GCM):
            steps.add(f"ours: bulk, {cipher}", 1 if quick else 4,
                      lambda cipher=cipher: bulk(cipher))

        def client(words, held=(), cpus=None):
            with Server(self, *held, cpus=cpus) as s:
                lines = s.client(*words)
            told = [dict(r, held_in=" ".join(words)) for r in s.told if held]
            self.keep("ours", rep, lines + told,
                      **({"cpus": cpus} if cpus else {}))

        def add(words, seconds, **more):
            steps.add("ours: " + " ".join(words)
                      + (", on one processor" if "cpus" in more else ""),
                      seconds, lambda: client(words, **more))
        def logins(count, flight):
            """The server takes the primitives off what it has used."""
            with Server(self, "--login-primitive") as s:
                lines = s.client("login", "--count", str(count),
                                 "--in-flight", str(flight), "--kex", X25519)
            own = pick(s.told, bench="logins")
            if not own:
                raise Broken("bench-server measured no login")
            self.keep("ours", rep, [{**r, **own[0]} for r in lines])

        def hybrid(count):
            """A login with the hybrid exchange beside one without it."""
            cpu = {}
            for kex in (X25519, MLKEM):
                with Server(self) as s:
                    line = s.client("login", "--count", str(count),
                                    "--in-flight", "32", "--kex", kex)[0]
                for side in SIDES:
                    cpu[kex, side] = line[f"{side}_cpu_ms"]
            self.keep("ours", rep, [{
                "bench": "hybrid", "side": side,
                "login_ms": cpu[MLKEM, side], "beside_ms": cpu[X25519, side]}
                for side in SIDES] + [{
                    "bench": "hybrid", "side": "both",
                    "login_ms": sum(cpu[MLKEM, s] for s in SIDES),
                    "beside_ms": sum(cpu[X25519, s] for s in SIDES)}])

        few = 10 if quick else 1
        steps.add("ours: login, mlkem768x25519", 2 + 2 / few,
                  lambda: hybrid(4000 // few))
        for count, flight in ((2000, 1), (4000, 8), (4000, 32), (4000, 256)):
            steps.add(f"ours: login, {flight} in flight", 1 + 2 / few,
                      lambda x=(count // few, flight): logins(*x))
        add(["login", "--count", str(2000 // few), "--kex", X25519],
            1 + 2 / few, cpus="0")
        add(["login", "--count", str(max(4000 // few, 1000)), "--in-flight",
             "256", "--echo", "--kex", X25519], 2, held=["--held"])
        for cpus in (None, "0"):
            more = {"cpus": cpus} if cpus else {}
            add(["echo", "--count", str(20000 // few)], 1 + 2 / few, **more)
            add(["echo", "--connections", "32", "--count",
                 str(2000 // few)], 1 + 1 / few, **more)
        add(["relay", "--lines", "500"], 1)
        add(["relay", "--lines", "50" if quick else "250", "--rate", "50"],
            1 if quick else 5)
        self.held(steps, rep)
        self.memory(steps, rep)
        self.loops(steps, rep)
        steps.add("ours: a round trip of 100 ms",
                  12 if quick else 22, lambda: self.far(rep))

    def held(self, steps, rep):
        """How long each callback takes, where a look at the clock for each
        would spoil the figures, or which are for that alone."""
        few = 10 if self.a.quick else 1
        size = f"{1024 // few}M"

        def run(words):
            with Server(self, "--held") as s:
                s.client(*words)
            self.keep("ours", rep,
                      [dict(r, held_in=" ".join(words)) for r in s.told])
        for words in (
                ["up", "--connections", "6", "--bytes", size],
                ["down", "--connections", "6", "--bytes", size],
                ["up", "--connections", "64", "--bytes", size],
                ["down", "--connections", "64", "--bytes", size],
                ["down", "-c", "aes256-ctr", "--bytes", f"{256 // few}M"],
                ["login", "--count", str(2000 // few), "--in-flight", "32"],
                ["echo", "--connections", "32", "--count", str(2000 // few)],
                ["echo", "--connections", "32", "--count", str(5000 // few),
                 "--in-flight", "50"],
                ["relay", "--lines", str(2000 // few)],
                ["relay", "--lines", "50", "--rate", "50"]):
            steps.add("ours: held: " + " ".join(words), 1 + 1 / few,
                      lambda words=words: run(words))
        for silence in ("silent", "ident") if rep == 0 else ():
            count = self.most_idle() // few
            steps.add(f"ours: held: {count} that do not log in ({silence})",
                      1 + count / 4000,
                      lambda silence=silence, count=count:
                      run(["idle", "--no-login", silence, "--count",
                           str(count), "--sources", "16", "--seconds", "1"]))

    def loops(self, steps, rep):
        """One loop and two, under two clients at the same time: what a thing
        costs, and who did it."""
        few = 10 if self.a.quick else 1
        size = f"{512 // few}M"
        for what, words, count, unit in (
                ("login", ["login", "--count", str(2000 // few), "--in-flight",
                           "16"], "sessions", 1e3),
                ("up", ["up", "-c", CHACHA, "--connections", "32", "--bytes",
                        size], "bytes_in", 2**30),
                ("down", ["down", "-c", CHACHA, "--connections", "32",
                          "--bytes", size], "bytes_out", 2**30)):
            for loops in (1, 2):
                steps.add(f"ours: {what}, loops: {loops}",
                          1 + 4 / few,
                          lambda x=(what, loops, words, count, unit):
                          self.busy_loops(rep, *x))

    def busy_loops(self, rep, what, loops, words, count, unit):
        with Server(self, "--loops", str(loops)) as s:
            clients = [subprocess.Popen(s.argv(*words), text=True,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
                       for _ in range(2)]
            said = [c.communicate(timeout=300)[1] for c in clients]
        if any(c.returncode != 0 for c in clients):
            raise Broken(f"bench-client: {' '.join(said).strip()[-300:]}")
        each = pick(s.told, bench="server-loop")
        whole = pick(s.told, bench="server")[0]
        cpu = whole["cpu_user_s"] + whole["cpu_system_s"]
        self.keep("ours", rep, [{
            "bench": "loops", "work": what, "loops": loops,
            "server_cpu": cpu * unit / whole[count],
            "least_sessions": min(r["sessions"] for r in each)
            / whole["sessions"],
            "least_cpu": min(r["cpu_s"] for r in each)
            / sum(r["cpu_s"] for r in each)}])

    def far(self, rep):
        """Through a proxy that holds everything back for 50 ms each way."""
        delay, quick = self.program("bench-delay"), self.a.quick
        told = alone([delay, "--bare", "128" if quick else "512", "50"])
        rates = re.findall(r"([\d.]+) MiB/s", told)
        if not rates:
            raise Broken(f"bench-delay --bare says: {told.strip()}")
        lines = [{"bench": "far", "window": "none", "way": way,
                  "mib_s": float(rates[-1])} for way in ("up", "down")]
        for window, most, size in (("fixed", "0", 24 if quick else 48),
                                   ("growing", "32", 128 if quick else 512)):
            with Server(self, "--window-most", most) as s:
                proxy = subprocess.Popen([delay, "0", str(s.port), "50"],
                                         stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
                try:
                    port = int(proxy.stdout.readline().split()[-1])
                    for way in ("up", "down"):
                        r, = s.client(way, "--bytes", f"{size}M",
                                      "--window-most", most, port=port)
                        lines.append({"bench": "far", "window": window,
                                      "way": way, "mib_s": r["mib_s"]})
                finally:
                    proxy.terminate()
                    proxy.wait()
        self.keep("ours", rep, lines)

    @staticmethod
    def most_idle():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard == resource.RLIM_INFINITY:
            return IDLE_WANTED
        return min(IDLE_WANTED, hard * 9 // 10)

    def memory(self, steps, rep):
        """Many at once are no matter of repetitions, and take long."""
        most = self.most_idle()
        counts = (200, 1000) if self.a.quick else (1000, most)
        if rep != 0:
            counts = counts[:1]
        for count in counts:
            steps.add(f"ours: {count} idle sessions", 14 + count / 600,
                      lambda count=count: self.idle(rep, count))
        steps.add("ours: connections that do not log in", 4,
                  lambda: self.silent(rep, counts[0]))

    def idle(self, rep, count):
        """What they take, and then whether one more login costs more while
        they are there."""
        words = ["idle", "--count", str(count), "--sources", "16"]
        logins = ["login", "--count", "200"]
        with Server(self, "--held") as s:
            lines = s.client(*words, "--seconds", "3")
            before = s.client(*logins)
            process = subprocess.Popen(
                s.argv(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True)
            try:
                ready = process.stdout.readline()
                beside = s.client(*logins) if ready else []
                process.communicate("", timeout=120)
            finally:
                process.kill()
        if process.returncode != 0:
            raise Broken(f"idle: {count} sessions, the second time: "
                         f"bench-client ended with {process.returncode}")
        if not self.a.quick:
            lines = [dict(r, wanted=self.most_idle()) for r in lines]
        self.keep("ours", rep, lines
                  + [dict(r, held_in=f"idle {count}") for r in s.told]
                  + [dict(r, beside=0, of=count) for r in before]
                  + [dict(r, beside=count, of=count) for r in beside])

    def silent(self, rep, count):
        with Server(self) as s:
            lines = s.client("idle", "--no-login", "ident", "--count",
                             str(count), "--seconds", "2")
        self.keep("ours", rep, lines)

    def echo_share(self, rep):
        """What an echo of the peers' row costs the kernel: once more under the
        same driver, so that as many packets come, as far apart. The server
        makes one read and one send for a message, which is the least. It is
        the whole life of a server that does nothing else; the logins are a
        hundredth of it."""
        count = "400" if self.a.quick else "4000"
        with Server(self) as s:
            n = json_lines(alone(
                [os.path.join(self.a.peers_build, "sshdrive"), "echo", "-addr",
                 f"127.0.0.1:{s.port}", "-key", self.user_key, "-size", "100",
                 "-n", count, "-c", "32"]))
        whole = pick(s.told, bench="server")
        if not n or not whole:
            raise Broken("sshdrive or bench-server said nothing")
        user, system = (whole[0][f"cpu_{part}_s"] * 1e6 / n[0]["n"]
                        for part in ("user", "system"))
        self.keep("peers", rep, [{"bench": "echo-share", "connections": 32,
                                  "cpu_us": user + system,
                                  "kernel_us": system}])

    def peers(self, steps, rep):
        a = self.a
        quick = a.quick
        names = a.peers.split(",")

        def run(workloads, cpus=None):
            out = os.path.join(self.out, "peers.jsonl")
            if os.path.exists(out):
                os.remove(out)
            argv = ["python3", os.path.join(a.peers_dir, "run.py"), "--build",
                    a.peers_build, "--tmp", os.path.join(self.scratch, "peers"),
                    "--out", out, "--workloads", workloads, "--reps", "1",
                    "--servers", a.peers, "--ciphers",
                    ",".join((CHACHA, GCM, "aes256-ctr")[:3 if a.ctr else 2]),
                    "--bytes", "256M" if quick else "1G", "--seconds",
                    "0.5" if quick else "3", "--idle",
                    "100" if quick else "500", "--port", str(self.peers_port),
                    "--add", f"uvssh={self.program('bench-server')} {{port}} "
                    "{hostkey} {authkeys}"]
            self.peers_port += 200
            if self.peers_port > 30000:
                self.peers_port = 23000
            log_name = os.path.join(self.out, "peers.log")
            with open(log_name, "a+", encoding="utf-8") as log:
                before = log.tell()
                process = subprocess.Popen(
                    argv + (["--cpus", cpus] if cpus else []), stdout=log,
                    stderr=log, stdin=subprocess.DEVNULL)
                try:
                    code = process.wait()
                except BaseException:
                    process.terminate()
                    process.wait()
                    raise
                log.seek(before)
                self.notes += [line[2:].strip() for line in log
                               if line.startswith("##")
                               and not line.startswith("###")]
            if os.path.exists(out):
                with open(out, encoding="utf-8") as f:
                    self.keep("peers", rep, json_lines(f.read()))
            if code != 0:
                raise Broken(f"run.py ended with {code}; see {log_name}")

        each = len(names) + 1
        bulk = 2 * (1 if quick else 4) * each
        for words, seconds in (
                ("up", bulk), ("down", bulk),
                ("hs", (4 if quick else 11) * each),
                ("echo", 3 * each), ("relay", (9 if quick else 12) * each),
                ("idle", (8 if quick else 12) * each)):
            steps.add(f"peers: {words}, {each} servers", seconds,
                      lambda words=words: run(words))
            if words == "echo":          # in the same minute
                steps.add("peers: echo, the kernel's share", 1 if quick else 4,
                          lambda: self.echo_share(rep))
        for words, seconds in (("hs", (4 if quick else 11) * each),
                               ("echo", 3 * each)):
            steps.add(f"peers: {words} on one processor", seconds,
                      lambda words=words: run(words, "0"))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--build-options", default="")
    p.add_argument("--out", required=True)
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", default=",".join(SETS))
    p.add_argument("--peers-dir")
    p.add_argument("--peers-build")
    p.add_argument("--peers")
    p.add_argument("--ctr", action="store_true")
    p.add_argument("--command", default="")
    p.add_argument("--plan", action="store_true")
    a = p.parse_args()
    a.peers = a.peers or (BEST_OTHERS if a.quick else OTHERS)
    bench, steps = Bench(a), Steps()
    for rep in range(a.reps):
        for name in SETS:
            if name in a.only.split(",") and (name != "peers" or a.peers_dir):
                getattr(bench, name)(steps, rep)
    say(f"{len(steps.steps)} steps, about {minutes(steps.seconds())}; results "
        f"go to {os.path.relpath(a.out)}")
    if not a.plan:
        with bench:
            run(bench, steps, conditions(a))
    sys.exit(1 if bench.failed else 0)


def write(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, indent=1)


def interrupted(*_):
    raise KeyboardInterrupt


def run(bench, steps, about):
    """What was measured is reported, however this ends."""
    signal.signal(signal.SIGTERM, interrupted)
    path = os.path.join(bench.out, "conditions.json")
    write(path, about)
    try:
        steps.run(bench.failed)
    except KeyboardInterrupt:
        bench.failed.append(("all of it", "interrupted; what comes before it "
                             "was measured"))
    write(path, dict(about, failed=bench.failed, notes=bench.notes))
    say(f"the report is {os.path.relpath(bench_report.write(bench.out))}")


if __name__ == "__main__":
    main()
