"""The clients: how each is started, and what it can do.

Every peer makes an argument list that behaves like `ssh host command`: stdin,
stdout, stderr and the exit code are the channel's. None of them reads or
writes the files of the user who runs the tests."""
import functools
import os
import shlex
import shutil
import subprocess

from servers import check

CHACHA, GCM, CTR = ("chacha20-poly1305@openssh.com",
                    "aes256-gcm@openssh.com", "aes256-ctr")
MAC, ETM = "hmac-sha2-256", "hmac-sha2-256-etm@openssh.com"
AEAD = [(CHACHA, ""), (GCM, "")]
HERE = os.path.dirname(os.path.abspath(__file__))


def make(*argv, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **more)
    check(done.returncode == 0, f"{argv[0]}: {done.stdout}")
    return done.stdout


class Peer:
    programs = ()
    package = ""
    ciphers = ()           # (cipher, mac) that it has in common with us
    signal_codes = ()      # its exit codes for exit-signal TERM
    change = False         # speaks the password change request
    both_rekey = True      # bears that both sides begin an exchange at once
    strict = True          # speaks the strict key exchange
    wants_reply = True     # asks whether its command was accepted
    says_goodbye = False   # sends DISCONNECT when it is ended by SIGTERM
    multiplexes = False    # several programs over one connection
    tells_end = True       # exits with non-zero when it is disconnected
    stays = 0              # seconds: sometimes does not end, though all is said

    def __init__(self, run):
        self.run = run

    @functools.lru_cache(maxsize=None)
    def missing(self):
        """Why it cannot be tested; None: it is here, and prepared."""
        for program in self.programs:
            if shutil.which(program) is None:
                return f"{program} is not here ({self.package})"
        self.prepare()
        return None

    def prepare(self):
        """Once, before its first test."""

    def env(self, password=None, new_password=None):
        return {"HOME": self.run.home, "PATH": os.environ["PATH"],
                "TERM": "vt220", "LC_ALL": "C"}

    def rekey(self, step, total):
        """How to make it start an exchange each `step` bytes of `total`."""
        return None

    def terminal(self):
        return ["-t"]


class OpenSSH(Peer):
    name = "openssh"
    package = "openssh-client"
    ciphers = AEAD + [(CTR, MAC), (CTR, ETM)]
    signal_codes = (255,)
    change = True
    says_goodbye = True
    multiplexes = True

    def __init__(self, run):
        super().__init__(run)
        self.programs = (shlex.split(run.ssh)[0],)

    def prepare(self):
        ask = os.path.join(self.run.work, "askpass")
        with open(ask, "w") as f:
            f.write('#!/bin/sh\ncase "$1" in\n'
                    '*[Nn]ew*) echo "$ASK_NEW";;\n*) echo "$ASK_OLD";;\nesac\n')
        os.chmod(ask, 0o755)
        with open(os.path.join(self.run.work, "known_hosts"), "w") as f:
            f.writelines(f"* {line}\n" for line in self.run.host_lines)

    def env(self, password=None, new_password=None):
        env = super().env()
        if password is not None:
            env.update(SSH_ASKPASS=self.path("askpass"), DISPLAY="none",
                       SSH_ASKPASS_REQUIRE="force", ASK_OLD=password,
                       ASK_NEW=new_password or "")
        return env

    def path(self, name):
        """As ssh sees it, which may live in a root of its own."""
        full = os.path.join(self.run.work, name)
        return full[len(self.run.root.rstrip("/")):]

    def argv(self, server, *what, key=True, methods=None, options=()):
        if methods is None:
            methods = "publickey" if key else "password"
        argv = shlex.split(self.run.ssh) + [
            "-F", "none", "-p", str(server.port), "-l", self.run.user]
        for option in (            # the first value of an option counts
                *options, "UserKnownHostsFile=" + self.path("known_hosts"),
                "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes",
                "IdentitiesOnly=yes", "IdentityAgent=none", "ControlPath=none",
                "NumberOfPasswordPrompts=1", "UpdateHostKeys=no",
                "PreferredAuthentications=" + methods):
            argv += ["-o", option]
        if key:
            name = self.run.key if key is True else key
            argv += ["-i", self.path(os.path.basename(name))]
        flags = [w for w in what if w.startswith("-")]
        words = [w for w in what if not w.startswith("-")]
        return argv + flags + ["127.0.0.1"] + words

    def rekey(self, step, total):
        return dict(options=[f"RekeyLimit={step}"])

    def terminal(self):
        return ["-tt"]


class Plink(Peer):
    name = "plink"
    programs = ("plink", "puttygen")
    package = "putty-tools"
    ciphers = AEAD + [(CTR, MAC), (CTR, ETM)]
    signal_codes = (128, 128 + 15)
    change = True

    def prepare(self):
        for key in (*self.run.user_keys.values(), self.run.other_key):
            make("puttygen", key, "-o", key + ".ppk")

    EXCHANGES = ("ecdh,dh-gex-sha1,dh-group18-sha512,dh-group17-sha512,"
                 "dh-group16-sha512,dh-group15-sha512,dh-group14-sha1,"
                 "ntru-curve25519,mlkem-curve25519,mlkem-nist,rsa,"
                 "dh-group1-sha1,WARN")

    def known(self):
        return [word for one in self.run.fingerprints.values()
                for word in ("-hostkey", one)]

    def session(self, **settings):
        """A saved session of its own in the private home; its name."""
        name = os.path.basename(self.run.fresh("session"))
        folder = os.path.join(self.run.home, ".putty", "sessions")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "w") as f:
            f.write("".join(f"{k}={v}\n" for k, v in settings.items()))
        return name

    def argv(self, server, *what, key=True, password=None, batch=True,
             load=None, options=()):
        # This one warns about nothing, so all that it has may be used.
        name = self.session(Protocol="ssh", SSHLogOmitPasswords=1,
                            Cipher="chacha20,aesgcm,aes,3des,WARN",
                            KEX=self.EXCHANGES,
                            **(load or {}))
        argv = ["plink", "-load", name, "-ssh", "-noagent", "-P",
                str(server.port), "-l", self.run.user, *self.known(),
                "-no-antispoof",
                "-no-sanitise-stdout", "-no-sanitise-stderr", *options]
        if batch:
            argv.append("-batch")
        if key:
            argv += ["-i", (self.run.key if key is True else key) + ".ppk"]
        if password is not None:
            argv += ["-pw", password]
        flags = [w for w in what if w.startswith("-")]
        words = [w for w in what if not w.startswith("-")]
        if "-t" not in flags:
            flags.append("-T")
        return argv + flags + ["127.0.0.1"] + words

    def rekey(self, step, total):
        return dict(load=dict(RekeyBytes=step, RekeyTime=60))


class Dropbear(Peer):
    name = "dropbear"
    programs = ("dbclient", "dropbearconvert")
    package = "dropbear-bin"
    wants_reply = False
    tells_end = False
    # 2022.83, one run in some hundred: both CLOSE have passed, all that was
    # sent is out, and it waits in select() for ever.
    stays = 40
    ciphers = [(CHACHA, ""), (CTR, MAC)]

    def prepare(self):
        for key in (*self.run.user_keys.values(), self.run.other_key):
            make("dropbearconvert", "openssh", "dropbear", key, key + ".db")

    def env(self, password=None, new_password=None):
        env = super().env()
        if password is not None:
            env["DROPBEAR_PASSWORD"] = password
        return env

    def argv(self, server, *what, key=True):
        # -y -y: no host key check, and no known_hosts file is touched.
        # -K: without a keepalive it sleeps for hours, with sshd too, where its
        # last output leaves after the channel has closed.
        argv = ["dbclient", "-y", "-y", "-K", "1", "-p", str(server.port), "-l",
                self.run.user]
        if key:
            argv += ["-i", (self.run.key if key is True else key) + ".db"]
        flags = [w for w in what if w.startswith("-")]
        words = [w for w in what if not w.startswith("-")]
        if "-t" not in flags:
            flags.append("-T")
        return argv + flags + ["127.0.0.1"] + words


class Paramiko(Peer):
    name = "paramiko"
    package = "python3-paramiko"
    python = "/usr/bin/python3"    # Debian's, which has it
    ciphers = [(CTR, MAC), (CTR, ETM)]
    signal_codes = (255,)
    strict = False         # before 3.4
    both_rekey = False     # loses its own KEXINIT then

    @functools.lru_cache(maxsize=None)
    def missing(self):
        if not os.path.exists(self.python):
            return f"{self.python} is not here"
        done = subprocess.run([self.python, "-c", "import paramiko"],
                              stderr=subprocess.DEVNULL)
        return f"{self.package} is not here" if done.returncode else None

    def script(self, server, *words):
        return [self.python, os.path.join(HERE, "paramiko_client.py"),
                "--port", str(server.port), "--user", self.run.user,
                "--host-key", self.run.host_line, *map(str, words)]

    def argv(self, server, *what, key=True, password=None, options=()):
        argv = self.script(server)
        if key:
            argv += ["--key", self.run.key if key is True else key]
        if password is not None:
            argv += ["--password", password]
        what = ["--subsystem" if w == "-s" else "--pty" if w == "-t" else w
                for w in what]
        return argv + list(map(str, options)) + what

    def rekey(self, step, total):
        # It waits for itself when the channel's end meets an exchange that it
        # began, so it begins none when the last window may be on its way.
        return dict(options=["--rekey-bytes", step,
                             "--rekey-until", total - (3 << 20)])


PEERS = [OpenSSH, Plink, Dropbear, Paramiko]
