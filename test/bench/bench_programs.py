"""bench_programs.py: steps that are run one after the other, a program that is
run to its end, a bench-server that is there meanwhile; and what all this was
measured with."""
import datetime
import os
import platform
import shlex
import signal
import subprocess
import sys

from bench_figures import json_lines

HERE = os.path.dirname(os.path.abspath(__file__))


class Broken(Exception):
    """A program that ended otherwise than well; its last words, and its
    standard output."""

    def __init__(self, text, out=""):
        super().__init__(text)
        self.out = out


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Steps:
    """What there is to do, and how far it has come."""

    def __init__(self):
        self.steps = []

    def add(self, name, seconds, run):
        self.steps.append((name, seconds, run))

    def seconds(self):
        return sum(s for _, s, _ in self.steps)

    def run(self, failed):
        left = self.seconds()
        for i, (name, seconds, run) in enumerate(self.steps, 1):
            say(f"{i} of {len(self.steps)}, about {minutes(left)} left: {name}")
            try:
                run()
            except Broken as e:
                say(f"FAILED {name}: {e}")
                failed.append((name, str(e)))
            left -= seconds


def minutes(seconds):
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def alone(argv, cpus=None, timeout=900, **options):
    """Its standard output; what it says on stderr is shown when it fails."""
    def pin():
        if cpus is not None:
            os.sched_setaffinity(0, {int(x) for x in cpus.split(",")})
    process = subprocess.Popen(argv, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               preexec_fn=pin, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Broken(f"nothing within {timeout} s: {shlex.join(argv)}") \
            from None
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        words = err.strip().splitlines()[-1:] or [f"status "
                                                  f"{process.returncode}"]
        raise Broken(f"{words[0]} ({shlex.join(argv)})", out)
    return out


class Server:
    """One bench-server. Leaving it ends it; `told` is what it said then."""

    def __init__(self, bench, *options, cpus=None):
        self.bench, self.told = bench, []
        self.options, self.cpus = options, cpus

    def __enter__(self):
        def pin():
            if self.cpus is not None:
                os.sched_setaffinity(0, {int(x) for x in self.cpus.split(",")})
        b = self.bench
        self.process = subprocess.Popen(
            [b.program("bench-server"), *self.options, "--json", "0",
             b.host_key, b.user_key + ".pub"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=pin)
        line = self.process.stdout.readline()
        try:
            self.port = int(line.split()[-1])
        except (IndexError, ValueError):
            self.process.kill()
            raise Broken("bench-server does not start: "
                         + self.process.communicate()[1].strip()) from None
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            out, err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        self.told = json_lines(out + err)
        if not any(r.get("bench") == "server" for r in self.told):
            self.bench.failed.append(("bench-server",
                                      "it said nothing at its end"))
        if self.process.returncode != 0:
            say(f"bench-server ended with {self.process.returncode}: "
                f"{err.strip()[-300:]}")

    def argv(self, *words, port=None):
        return [self.bench.program("bench-client"), *words, "-p",
                str(port or self.port), "-i", self.bench.user_key, "--json",
                "--server-pid", str(self.process.pid)]

    def client(self, *words, port=None, timeout=300):
        """What it says, also where that is that something went wrong."""
        try:
            out = alone(self.argv(*words, port=port), cpus=self.cpus,
                        timeout=timeout)
        except Broken as e:
            if not json_lines(e.out):
                raise
            self.bench.failed.append((" ".join(words), str(e)))
            say(f"FAILED {e}")
            out = e.out
        return json_lines(out)


# ---- what this was measured with --------------------------------------------

def first_line(*argv):
    try:
        done = subprocess.run(argv, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=10)
        return (done.stdout.strip().splitlines() or [""])[0]
    except (OSError, subprocess.TimeoutExpired):
        return ""


def field(path, name):
    try:
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.startswith(name):
                    return line.split(":" if ":" in line else "=", 1)[1] \
                        .strip().strip('"')
    except OSError:
        pass
    return ""


def conditions(a):
    root = os.path.dirname(os.path.dirname(HERE))
    memory = field("/proc/meminfo", "MemTotal").split()
    return {
        "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"),
        "command": a.command,
        "uvssh": first_line("git", "-C", root, "describe", "--always",
                            "--dirty"),
        "system": f"{field('/etc/os-release', 'PRETTY_NAME')}, "
                  f"{platform.system()} {platform.release()}",
        "processor": f"{os.cpu_count()} x "
                     f"{field('/proc/cpuinfo', 'model name')}",
        "memory": f"{round(int(memory[0]) / 2**20)} GiB" if memory else "",
        "compiler": first_line("cc", "--version"),
        "options": a.build_options,
        "libraries": ", ".join(
            f"{n} {first_line('pkg-config', '--modversion', n)}"
            for n in ("libuv", "libsodium")),
        "reps": a.reps, "quick": a.quick,
        "load": f"{os.getloadavg()[0]:.2f}",
    }
