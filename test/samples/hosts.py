"""Who exec connects to: a real sshd, and servers that are none."""

import os
import pwd
import shutil
import signal
import socket
import subprocess

import term
from world import Skipped

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" +
                    os.environ["PATH"])


def mark_of(path):
    """The fingerprint of a key file."""
    return subprocess.run(["ssh-keygen", "-lf", path], check=True,
                          stdout=subprocess.PIPE).stdout.decode().split()[1]


class Host:
    """Listens on a port of the kernel's choice; pump() accepts."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        term.alive.append(self)

    def fds(self):
        return [self.listener.fileno()]

    def got(self, fd, data):
        """It can be read from: somebody is there."""
        connection, _ = self.listener.accept()
        self.serve(connection)

    def serve(self, connection):
        raise NotImplementedError

    def destroy(self):
        self.listener.close()
        if self in term.alive:
            term.alive.remove(self)


class Rubbish(Host):
    """Says this to everybody, and closes unless told not to."""

    def __init__(self, data, close=True):
        super().__init__()
        self.data = data
        self.close = close
        self.open = []

    def serve(self, connection):
        try:
            connection.sendall(self.data)
        except OSError:
            pass                            # the client has had enough
        if self.close:
            connection.shutdown(socket.SHUT_WR)
        self.open.append(connection)

    def destroy(self):
        for connection in self.open:
            connection.close()
        super().destroy()


class Sshd(Host):
    """OpenSSH's server with a configuration of its own: one process for each
    connection, whose socket it gets. The user is who runs the tests."""

    def __init__(self, w, name="sshd", more=""):
        if SSHD is None:
            raise Skipped("no sshd here")
        if os.geteuid() == 0:               # where it lets go of its rights
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        super().__init__()
        self.w = w
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.host_key = w.key(name + "_host_key")
        self.user_key = w.key(name + "_user_key")
        self.processes = []
        self.log = w.path(name + "_log")
        self.config = w.file(name + "_config", (
            "HostKey %s\nAuthorizedKeysFile %s.pub\nUsePAM no\nStrictModes no\n"
            "PermitRootLogin yes\nPidFile none\nPrintMotd no\n"
            "PrintLastLog no\n%s"
        ) % (self.host_key, self.user_key, more))

    def serve(self, connection):
        self.processes.append(subprocess.Popen(
            [SSHD, "-i", "-f", self.config, "-E", self.log], stdin=connection,
            stdout=connection, stderr=subprocess.DEVNULL,
            start_new_session=True))
        connection.close()

    def fingerprint(self):
        return mark_of(self.host_key)

    def known_line(self):
        with open(self.host_key + ".pub", encoding="ascii") as file:
            return "[127.0.0.1]:%d %s" % (self.port, file.read().strip())

    def arguments(self, *more):
        """How exec gets in."""
        return ["-p", str(self.port), "-l", self.user, "-i", self.user_key,
                "-F", self.fingerprint()] + list(more)

    def run(self, *command, **more):
        return self.w.exec(*self.arguments("127.0.0.1", *command), **more)

    def terminal(self, *command):
        client = self.w.exec_terminal(
            *self.arguments("-t", "127.0.0.1", *command), cols=80)
        term.wait(client.is_raw, lambda: "a raw terminal\n" + client.describe())
        return client

    def kill(self):
        """All that serves a connection, at once; only groups of ours."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def destroy(self):
        self.kill()
        super().destroy()
