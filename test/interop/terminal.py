"""A client with a terminal: type, expect, resize."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from servers import Failed, short


class Terminal:
    def __init__(self, argv, env, patience, cwd):
        self.patience, self.text = patience, ""
        self.master, slave = pty.openpty()
        self.resize(90, 33)

        def own():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
            start_new_session=True, preexec_fn=own)
        os.close(slave)

    def resize(self, cols, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, until):
        """False at the end of the output."""
        wait = max(0, until - time.monotonic())
        if not select.select([self.master], [], [], wait)[0]:
            raise Failed(f"nothing more came after {short(self.text)}")
        try:
            data = os.read(self.master, 65536)
        except OSError:            # EIO: the last slave is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern):
        """Wait for this output, and forget what came before its end."""
        until = time.monotonic() + self.patience
        while not (found := re.search(pattern, self.text)):
            if not self.read(until):
                raise Failed(f"no {pattern!r} in {short(self.text)}")
        self.text = self.text[found.end():]
        return found

    def wait(self):
        """Its exit code, once it has closed the terminal."""
        until = time.monotonic() + self.patience
        while self.read(until):
            pass
        return self.process.wait(self.patience)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
