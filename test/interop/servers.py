"""The test server as a process: its events, its memory, its end."""
import os
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time


class Failed(Exception):
    """What a test found."""


class Hangs(Failed):
    """A peer that did not end in time."""


class Skipped(Exception):
    """Why a test could not run here."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what))


def same(got, want, what):
    check(got == want, f"{what}: {short(got)}, not {short(want)}")


def short(value):
    text = repr(value)
    return text if len(text) <= 400 else text[:200] + " .. " + text[-200:]


class Server:
    """`with Server(run, "--auth", "none") as server:`. Ended by its pid; it
    must leave with 0, which it does only when its loop holds nothing more."""

    def __init__(self, run, *options, nofile=None):
        self.run = run
        self.events = []
        self.news = threading.Condition()
        self.closed = False
        self.log = tempfile.TemporaryFile("a+b")
        argv = [os.path.join(run.bin, "interop-server"),
                "--host-key", run.host_key, *map(str, options)]
        if "--auth" not in options:
            argv += ["--auth", "publickey", "--authorized", run.key + ".pub"]
        if run.log:
            argv += ["--log", run.log]

        def limit():
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, preexec_fn=limit, cwd=run.work)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self.port = int(self.wait(r"listening on (\d+)").group(1))
        except BaseException:
            self._end()
            raise

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(line.decode(errors="replace").rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def wait(self, pattern, count=1, after=0):
        """The count-th event that matches, from the index `after` on."""
        def look():
            found = [m for m in (re.search(pattern, e)
                                 for e in self.events[after:]) if m]
            return found[count - 1] if len(found) >= count else None
        with self.news:
            done = self.news.wait_for(lambda: look() or self.closed,
                                      self.run.patience)
            found = look()
        if found:
            return found
        raise Failed(f"the server never said {pattern!r} {count} times"
                     f"{' and has ended' if done else ''}: "
                     f"{short(self.events[-5:])} {self.stderr()}")

    def until(self, condition, what):
        """Something of the process that no event tells."""
        give_up = time.monotonic() + self.run.patience
        while not condition():
            check(self.alive() and time.monotonic() < give_up, what,
                  self.stderr())
            time.sleep(0.01)

    def mark(self):
        with self.news:
            return len(self.events)

    def logged(self, text):
        """How often its log, which --log begins, has said this."""
        self.log.seek(0)           # it appends, so that moves nobody's end
        return self.log.read().count(text.encode())

    def stderr(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:]

    def alive(self):
        return self.process.poll() is None

    def status(self, field):
        with open(f"/proc/{self.pid}/status") as f:
            for line in f:
                if line.startswith(field + ":"):
                    return line.split()[1]
        raise Failed(f"no {field} in /proc/{self.pid}/status")

    def memory(self):
        """Resident bytes that are its own."""
        return int(self.status("RssAnon")) * 1024

    def _end(self):
        if self.alive():
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def stop(self, sig=signal.SIGTERM):
        check(self.alive(), f"the server died: {self.process.poll()}",
              self.stderr())
        self.process.send_signal(sig)
        try:
            code = self.process.wait(self.run.patience)
        except subprocess.TimeoutExpired:
            raise Failed("the server does not end: " + self.stderr()) from None
        text = self.stderr()
        check(code == 0, f"the server ended with {code}:", text)
        check("runtime error:" not in text and "Sanitizer" not in text, text)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.alive():
                self.stop()
            elif not self.alive() and self.process.poll() != 0:
                raise Failed(f"{value or ''} (the server ended with "
                             f"{self.process.poll()}: {self.stderr()})")
        finally:
            if kind is not None and self.run.verbose:
                print(self.stderr(), *self.events, sep="\n")
            self._end()
            self.log.close()
