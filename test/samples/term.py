"""Programs, ssh clients and terminals for the tests of the samples.

Everything runs in one thread: pump() reads from whatever has something to say,
and wait() pumps until a condition holds. No test sleeps for a time.

  Sample    a sample program that was started, with its port
  Plain     an ssh client without a terminal
  Terminal  an ssh client with one; what it shows is in .screen
  Screen    the few escape sequences that the samples may send, and no other
"""

import codecs
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
import unicodedata

DEADLINE = 90           # seconds; only ever reached when a test fails

alive = []              # everything that pump() reads from


class Failed(Exception):
    pass


def pump(timeout=0.05, writer=None):
    """Reads what has come. True: writer may be written to."""
    owners = {fd: owner for owner in alive for fd in owner.fds()}
    readable, writable, _ = select.select(
        list(owners), [writer] if writer is not None else [], [], timeout)
    for fd in readable:
        try:
            data = os.read(fd, 65536)
        except OSError:             # a terminal whose other side has gone
            data = b""
        owners[fd].got(fd, data)
    return bool(writable)


def wait(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise Failed("waited in vain for " + (what if isinstance(what, str)
                                                  else what()))
        pump()


def check(condition, text):
    if not condition:
        raise Failed(text)


def same(got, wanted, what):
    check(got == wanted, "%s is %r, not %r" % (what, got, wanted))


def clean_env(home, **more):
    env = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm",
           "XDG_STATE_HOME": os.path.join(home, "state"), "LC_ALL": "C.UTF-8"}
    for name, value in os.environ.items():
        if name.endswith("SAN_OPTIONS") or name == "LD_LIBRARY_PATH":
            env[name] = value
    env.update(more)
    return env


class Process:
    """A child whose outputs are read by pump()."""

    def __init__(self):
        self.streams = {}           # fd -> name
        self.process = None
        alive.append(self)

    def fds(self):
        return list(self.streams)

    def got(self, fd, data):
        if data:
            self.output(self.streams[fd], data)
        else:
            del self.streams[fd]
            os.close(fd)

    def output(self, name, data):
        raise NotImplementedError

    def take(self, file, name):
        """Our own copy of the descriptor, so that we close it alone."""
        self.streams[os.dup(file.fileno())] = name
        file.close()

    @property
    def pid(self):
        return self.process.pid

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait_exit(self):
        """The exit status, once all output is read; negative: a signal."""
        wait(lambda: self.process.poll() is not None and not self.streams,
             lambda: "the end of %s\n%s" % (self, self.describe()))
        return self.process.returncode

    def describe(self):
        return ""

    def destroy(self):
        """Only what we started, by its pid."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for fd in self.fds():
            os.close(fd)
        self.streams = {}
        if self in alive:
            alive.remove(self)


class Program(Process):
    """Any command; .out and .err are what it wrote."""

    def __init__(self, command, env, cwd, before=None):
        super().__init__()
        self.command = command
        self.out = ""
        self.err = ""
        # Popen puts SIGPIPE back to its default, which Python itself ignores.
        self.process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before)
        self.take(self.process.stdout, "out")
        self.take(self.process.stderr, "err")

    def output(self, name, data):
        text = data.decode("utf-8", "backslashreplace")
        setattr(self, name, getattr(self, name) + text)

    def __str__(self):
        return os.path.basename(self.command[0])

    def describe(self):
        return "stdout: %s\nstderr: %s" % (self.out, self.err)


class Sample(Program):
    """A sample that has begun to listen; .port says where."""

    def __init__(self, path, arguments, env, cwd):
        super().__init__([path] + arguments, env, cwd)
        wait(lambda: self.announced() or self.process.poll() is not None,
             lambda: "%s to start\n%s" % (self, self.describe()))
        if self.process.poll() is not None:
            self.wait_exit()
            raise Failed("%s has not started\n%s" % (self, self.describe()))
        self.port = int(self.announced().group(1))

    def announced(self):
        return re.search(r"ssh -p (\d+) \S+\n", self.out)

    def stop(self, number=signal.SIGTERM):
        """It drains, exits with 0, and had nothing to complain about."""
        self.send_signal(number)
        self.ended()

    def ended(self):
        same(self.wait_exit(), 0, "exit status of %s" % self)
        same(self.err, "", "stderr of %s" % self)


class Ssh:
    """How to call the client: options that keep it from the real home."""

    def __init__(self, command, home):
        self.base = shlex.split(command)
        self.home = home

    def command(self, port, user, options=(), arguments=(), key=None,
                host="127.0.0.1", batch=True):
        settings = [
            "BatchMode=" + ("yes" if batch else "no"), "LogLevel=ERROR",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null",
            "IdentityAgent=none", "IdentitiesOnly=yes",
            "IdentityFile=" + (key or "/dev/null"),
        ]
        command = self.base + ["-F", "/dev/null", "-p", str(port), "-l", user]
        for setting in settings:
            command += ["-o", setting]
        return command + list(options) + [host] + list(arguments)


class Plain(Process):
    """ssh -T: bytes in .data, what ssh says in .err."""

    def __init__(self, command, env, **more):
        super().__init__()
        self.command = command
        self.data = b""
        self.err = ""
        self.mark = 0
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout",
                                                    "stderr")}
        pipes.update(more)
        self.process = subprocess.Popen(command, env=env,
                                        start_new_session=True, **pipes)
        for name in ("out", "err"):
            if pipes["std" + name] == subprocess.PIPE:
                self.take(getattr(self.process, "std" + name), name)
        self.reading = True

    def fds(self):
        return [fd for fd in self.streams
                if self.reading or self.streams[fd] == "err"]

    def output(self, name, data):
        if name == "out":
            self.data += data
        else:
            self.err += data.decode("utf-8", "backslashreplace")

    def write(self, data):
        """All of it, while everybody is read (but this client if stopped)."""
        if isinstance(data, str):
            data = data.encode()
        fd = self.process.stdin.fileno()
        os.set_blocking(fd, False)
        view = memoryview(data)
        end = time.monotonic() + DEADLINE
        while view:
            if pump(writer=fd):
                try:
                    view = view[os.write(fd, view):]
                    end = time.monotonic() + DEADLINE
                except BlockingIOError:
                    pass
            check(time.monotonic() < end,
                  "%d bytes could not be written" % len(view))

    def end_input(self):
        self.process.stdin.close()

    def expect(self, text):
        """This text, after what was expected before."""
        wanted = text.encode()
        wait(lambda: wanted in self.data[self.mark:],
             lambda: "%r\n%s" % (text, self.describe()))
        self.mark = self.data.index(wanted, self.mark) + len(wanted)

    def text(self):
        return self.data.decode()

    def __str__(self):
        return os.path.basename(self.command[0])

    def describe(self):
        return "data: %r\nstderr: %s" % (self.data[-500:], self.err)

    def destroy(self):
        self.reading = True
        if self.process.stdin is not None and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except OSError:
                pass
        super().destroy()


def take_terminal():
    """Standard input becomes the controlling terminal: /dev/tty."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal(Process):
    """ssh -tt on a terminal of our own, in a session of its own; with
    `controlling`, one that ^C and /dev/tty work on."""

    def __init__(self, command, env, cols=80, rows=24, controlling=False,
                 cwd=None):
        super().__init__()
        self.command = command
        self.controlling = controlling
        self.screen = Screen(cols, rows)
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.mark = 0
        self.master, slave = pty.openpty()
        self.set_size(cols, rows)
        self.keeper = os.dup(self.master)    # tells the modes to the last
        self.before = self.modes()
        self.process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
            preexec_fn=take_terminal if controlling else None)
        os.close(slave)
        self.streams[self.master] = "tty"

    def set_size(self, cols, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, cols, rows=24):
        self.screen.cols, self.screen.rows = cols, rows
        self.set_size(cols, rows)
        if not self.controlling:             # else the kernel sends it
            self.send_signal(signal.SIGWINCH)

    def output(self, name, data):
        self.screen.feed(self.decoder.decode(data))

    def modes(self):
        return termios.tcgetattr(self.keeper)

    def is_raw(self):
        """ssh has logged in and takes every key as it is."""
        return not self.modes()[3] & termios.ICANON

    def is_silent(self):
        """A password is asked for."""
        return not self.modes()[3] & termios.ECHO

    def destroy(self):
        super().destroy()
        os.close(self.keeper)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def expect_row(self, text):
        """The row with the cursor shows just this."""
        wait(lambda: self.screen.row() == text,
             lambda: "row %r\n%s" % (text, self.describe()))

    def expect(self, text):
        """A whole row, below those that were expected before."""
        rows = self.screen.text
        wait(lambda: text in rows(self.mark),
             lambda: "line %r\n%s" % (text, self.describe()))
        self.mark += rows(self.mark).index(text) + 1

    def __str__(self):
        return os.path.basename(self.command[0]) + " on a terminal"

    def describe(self):
        return "screen:\n  " + "\n  ".join(self.screen.text()[-24:])


class Screen:
    """A terminal that knows what the samples may send: CR, LF, BEL, erase to
    the end of the row, home, erase all. Anything else goes into .strange."""

    token = re.compile(r"\x1b\[([0-9;?]*)([@-~])|[\x00-\x1f\x7f-\x9f]|"
                       r"[^\x00-\x1f\x7f-\x9f]+")

    unfinished = re.compile(r"\x1b(\[[0-9;?]*)?\Z")

    def __init__(self, cols, rows):
        self.cols, self.rows = cols, rows
        self.rest = ""              # of an escape sequence that was cut
        self.lines = [[]]           # all that ever scrolled by; a cell is a str
        self.x = self.y = 0
        self.bells = 0
        self.clears = 0
        self.strange = []

    def text(self, start=0):
        return ["".join(line).rstrip() for line in self.lines[start:]]

    def row(self):
        return "".join(self.lines[self.y]).rstrip()

    def feed(self, text):
        text = self.rest + text
        cut = self.unfinished.search(text)
        self.rest = cut.group(0) if cut else ""
        text = text[:len(text) - len(self.rest)]
        for match in self.token.finditer(text):
            part = match.group(0)
            if part[0] >= " " and not "\x7f" <= part[0] <= "\x9f":
                for char in part:
                    self.put(char)
            elif match.group(2):
                self.escape(match.group(1) + match.group(2), part)
            else:
                self.control(part)

    def control(self, char):
        if char == "\r":
            self.x = 0
        elif char == "\n":
            self.down()
        elif char == "\a":
            self.bells += 1
        else:
            self.strange.append(char)

    def escape(self, code, part):
        top = max(0, len(self.lines) - self.rows)
        if code in ("K", "0K"):
            del self.lines[self.y][self.x:]
        elif code == "H":
            self.x, self.y = 0, top
        elif code == "2J":
            self.clears += 1
            self.lines[top:] = [[] for _ in self.lines[top:]]
        else:
            self.strange.append(part)

    def down(self):
        self.y += 1
        if self.y == len(self.lines):
            self.lines.append([])

    def put(self, char):
        line = self.lines[self.y]
        if unicodedata.category(char) in ("Mn", "Me", "Cf"):
            if line and self.x > 0:
                line[min(self.x, len(line)) - 1] += char
            return
        width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if self.x + width > self.cols:
            self.down()
            self.x = 0
            line = self.lines[self.y]
        line.extend(" " * (self.x - len(line)))
        line[self.x:self.x + width] = [char] + [""] * (width - 1)
        self.x += width
