"""How a client is run as a process: to its end with all of its input, or in
lockstep with the server; and who ends it when nothing moves any more."""
import collections
import os
import subprocess
import tempfile
import threading

from servers import Hangs, same

Done = collections.namedtuple("Done", "code out err")


def opened(stdin):
    """A file of it."""
    if isinstance(stdin, int):
        return open(stdin, "rb")
    if not isinstance(stdin, bytes):
        return open(stdin, "rb")
    typed = tempfile.TemporaryFile()
    typed.write(stdin)
    typed.seek(0)
    return typed


class Guard:
    """Kills a process once it has moved nothing for so long: no byte read or
    written by it, and no step in its input."""

    def __init__(self, process, typed, patience):
        self.process, self.typed, self.patience = process, typed, patience
        self.hung, self.done = False, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _moved(self):
        try:
            with open(f"/proc/{self.process.pid}/io") as f:
                text = f.read()
        except OSError:
            text = ""
        try:
            return text, os.lseek(self.typed.fileno(), 0, os.SEEK_CUR)
        except OSError:
            return text

    def _watch(self):
        step = min(1.0, self.patience / 4)
        last, still = None, 0.0
        while not self.done.wait(step):
            now = self._moved()
            still = still + step if now == last else 0.0
            last = now
            if still >= self.patience:
                self.hung = True
                self.process.kill()
                return

    def stop(self):
        self.done.set()
        self.thread.join()


def patience_of(run, peer):
    return min(run.patience, peer.stays or run.patience)


def attended(run, peer, argv, process, guarded, err, talk):
    """talk(process), and what the process ends with."""
    guard = Guard(process, guarded, patience_of(run, peer))
    try:
        out = talk(process)
        code = process.wait()
    finally:
        guard.stop()
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
    err.seek(0)
    text = err.read().decode(errors="replace")
    if guard.hung:
        raise Hangs(f"hangs: {' '.join(argv[:1])} {text[-600:]}")
    return Done(code, out, text)


def call(run, peer, argv, stdin=b"", sink=None, **login):
    """Run to the end. stdin: bytes, the name of a file, or a descriptor, which
    is closed; sink: called with each piece of stdout, which then is not
    kept."""
    out = []
    sink = sink or out.append

    def talk(process):
        for piece in iter(lambda: process.stdout.read1(1 << 20), b""):
            sink(piece)
        return b"".join(out)

    with tempfile.TemporaryFile() as err, opened(stdin) as typed:
        process = run.popen(peer, argv, typed, subprocess.PIPE, err, **login)
        return attended(run, peer, argv, process, typed, err, talk)


def converse(run, peer, argv, pieces):
    """Run a client of `cat`: each piece goes in one write once the one before
    has come back, so that it is a message of its own where it fits one."""
    def send(process, piece):
        try:
            while piece:
                piece = piece[os.write(process.stdin.fileno(), piece):]
        except BrokenPipeError:
            pass                   # what it said on stderr is told

    def talk(process):
        for piece in pieces:
            sender = threading.Thread(target=send, args=(process, piece))
            sender.start()
            got = process.stdout.read(len(piece))
            if got != piece:
                process.kill()     # the sender waits for it, perhaps
            sender.join()
            if got != piece:
                return got
        process.stdin.close()
        return process.stdout.read()

    with tempfile.TemporaryFile() as err:
        process = run.popen(peer, argv, subprocess.PIPE, subprocess.PIPE, err)
        done = attended(run, peer, argv, process, err, err, talk)
    same((done.code, done.out), (0, b""),
         f"exit status, and what came that was not sent ({done.err[-400:]})")
    return done
