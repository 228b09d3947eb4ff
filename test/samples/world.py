"""What every test gets: samples to start, clients to call them with, a home."""

import os
import subprocess

import term
from term import Plain, Program, Sample, Terminal

tests = []


class Skipped(Exception):
    pass


def test(function):
    tests.append(function)
    return function


class World:
    """What one test starts, in a home of its own."""

    def __init__(self, options, home):
        self.bin = options.bin
        self.home = home
        self.env = term.clean_env(home)
        self.ssh = term.Ssh(options.ssh, home)

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def file(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def key(self, name="id_ed25519", kind="ed25519", passphrase="", bits=()):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C",
                        "", *bits, "-f", self.path(name)], check=True)
        return self.path(name)

    def program(self, *arguments, **more):
        """chat, that is not expected to go on."""
        return Program([os.path.join(self.bin, "chat")] + list(arguments),
                       dict(self.env, **more), self.home)

    def sample(self, name, *arguments):
        return Sample(os.path.join(self.bin, name), list(arguments), self.env,
                      self.home)

    def chat(self, *arguments):
        return self.sample("chat", "--port", "0", *arguments)

    def exec(self, *arguments, **more):
        """The sample exec on pipes, or on what is given for them."""
        return Plain([os.path.join(self.bin, "exec")] + list(arguments),
                     self.env, cwd=self.home, **more)

    def exec_terminal(self, *arguments, cols=400):
        """The same on a terminal of its own."""
        return self.on_terminal([os.path.join(self.bin, "exec")] +
                                list(arguments), cols)

    def on_terminal(self, command, cols, **more):
        """Any command, as a user would type it."""
        return Terminal(command, dict(self.env, **more), cols,
                        controlling=True, cwd=self.home)

    def terminal(self, server, user, cols=80, **more):
        """In the room: the prompt is there."""
        client = Terminal(self.ssh.command(server.port, user, ["-tt"], **more),
                          self.env, cols)
        return client

    def plain(self, server, user, options=(), **more):
        return Plain(self.ssh.command(server.port, user,
                                      ["-T"] + list(options), **more), self.env)

    def enter(self, server, user, cols=80):
        client = self.terminal(server, user, cols)
        client.expect_row(user + ">" if cols >= 40 else ">")
        return client

    def enter_plain(self, server, user, **more):
        client = self.plain(server, user, **more)
        client.expect("* you are " + user)
        client.expect("\n")
        return client
