"""Everything with everybody, in both roles: the rows and columns of
docs/interop.md.

A pair is a partner in one role and us in the other. Its cases are the same
whoever is the client: each algorithm in common (cases_algorithms.py), what a
channel can do, many bytes by hash, with exchanges begun by either side and by
both, and the ends of channels and connections in every order."""
import functools
import os
import re
import shutil
import subprocess

import cases_algorithms
import partners
import peers
from cases_algorithms import listed, of_class, of_openssh, of_server
from servers import check, same

HERE = os.path.dirname(os.path.abspath(__file__))
ORDERS = ("client-first", "server-first", "both", "eof-first", "disconnect",
          "abort")
COLUMNS = {
    "exec": "exec", "shell": "shell", "subsystem": "subsystem",
    "stderr": "stderr", "status": "exit status", "signal": "exit signal",
    "up": "64 MiB up", "down": "64 MiB down",
    "rekey-us": "exchange by us", "rekey-peer": "exchange by the peer",
    "rekey-both": "exchange by both",
    **{f"close-{o}": "close: " + o.replace("-", " ") for o in ORDERS}}


# ---- who there is -----------------------------------------------------------

class Partner:
    """name: in tests and in the table; roles: what it is there; lacks: {role:
    {(list, algorithm): why}}, what it names and cannot do there."""

    def __init__(self, name, roles, package, program=None, algorithms=None,
                 script=None, command=None, client=None, server=None,
                 faults=(), versioned=None, lacks=None):
        self.name, self.roles, self.package = name, roles, package
        self.program, self.script, self.command = program, script, command
        self.client_class, self.server_function = client, server
        self.fixed, self.faults = algorithms, faults
        self.versioned = versioned     # the package, where it does not tell
        self.lacks = lacks or {}

    def argv(self, run):
        """Of a program by the contract."""
        if self.command:
            return [os.path.join(run.bin, "peers", self.command)]
        return [self.program, os.path.join(HERE, "peers", self.script)]

    @functools.lru_cache(maxsize=None)
    def missing(self, run):
        """Why it cannot be tested; None: it is here."""
        if self.client_class:
            return self.client(run).peer.missing()
        if self.server_function:
            return None if self.path() else f"no {self.program} here " \
                f"({self.package})"
        if self.command:
            there = os.path.exists(self.argv(run)[0])
            return None if there else f"not built here ({self.package})"
        try:
            done = subprocess.run(self.argv(run) + ["list"],
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            return f"no {self.program} here ({self.package})"
        return None if done.returncode == 0 else f"{self.package} is not here"

    def version(self, told):
        """What it calls itself on the wire, or the version of its package."""
        done = None
        if self.versioned and shutil.which("dpkg-query"):
            done = subprocess.run(
                ["dpkg-query", "-W", "-f", "${Version}", self.versioned],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                stderr=subprocess.DEVNULL)
        found = done and re.match(r"(?:\d+:)?([^-+]+)", done.stdout)
        return f"{told} {found.group(1)}" if found else told

    def path(self):
        return shutil.which(self.program, path=os.environ["PATH"] +
                            ":/usr/sbin:/usr/local/sbin")

    @functools.lru_cache(maxsize=None)
    def algorithms(self, run):
        return self.fixed(self, run) if self.fixed else \
            listed(self.argv(run))

    def client(self, run):
        if self.client_class:
            return partners.ProgramClient(run, self.client_class(run))
        return partners.ContractClient(run, *self.argv(run))

    def server(self, run, options):
        if self.server_function:
            return self.server_function(run, self.path(), options)
        return partners.ContractServer(run, self.argv(run), options)


# Faults of a partner: its version, the columns, what is seen then, and the note.
# The cases run all the same, some of them several times. A run in which such a
# fault does not show proves nothing: the page stays as it is.
DATA_IN_EXCHANGE = (
    r"AsyncSSH_2\.10\.1$", ("rekey-us", "rekey-peer", "rekey-both"),
    r"message not allowed now",
    "AsyncSSH 2.10.1, as Debian 12 has it, sends channel data behind its own "
    "KEXINIT, which RFC 4253 section 7.1 forbids; uvssh ends such a session")


CHANNEL_LOST = (
    r"dropbear_2022", ("close-client-first",), r"no exit status|refused",
    "Dropbear 2022.83 mostly loses a channel that is opened while the program "
    "of one that the client has closed still runs (seen with Paramiko too)")


DELAYED_ONLY = {("compression", "zlib"):
                "as a server it compresses only behind the login"}
GLUED = ("its server-sig-algs lacks a comma behind ecdsa-sha2-nistp521, so "
         "that neither that nor the name behind it is told; OpenSSH tries it "
         "all the same")
NODE_SERVER = {
    ("kex", cases_algorithms.GROUPS): "as a server it has no groups",
    ("userkey", "ecdsa-sha2-nistp521"): GLUED}


def all_partners():
    both = ("client", "server")
    return [
        Partner("OpenSSH", ("client",), "openssh-client", client=peers.OpenSSH,
                algorithms=of_openssh),
        Partner("OpenSSH", ("server",), "openssh-server", "sshd",
                server=partners.sshd, algorithms=of_openssh,
                lacks={"server": DELAYED_ONLY}),
        Partner("PuTTY", ("client",), "putty-tools", client=peers.Plink,
                algorithms=of_class(peers.Plink)),
        Partner("Dropbear", ("client",), "dropbear-bin", client=peers.Dropbear,
                algorithms=of_class(peers.Dropbear)),
        Partner("Dropbear", ("server",), "dropbear-bin", "dropbear",
                server=partners.dropbear, faults=[CHANNEL_LOST],
                algorithms=of_server(peers.Dropbear)),
        Partner("Paramiko", both, "python3-paramiko", "/usr/bin/python3",
                script="paramiko_peer.py"),
        Partner("AsyncSSH", both, "python3-asyncssh", "/usr/bin/python3",
                script="asyncssh_peer.py", faults=[DATA_IN_EXCHANGE]),
        Partner("libssh", both, "libssh-dev", command="libssh-peer"),
        Partner("libssh2", ("client",), "libssh2-1-dev",
                command="libssh2-peer"),
        Partner("Go x/crypto/ssh", both,
                "golang-go golang-golang-x-crypto-dev", command="go-peer",
                versioned="golang-golang-x-crypto-dev"),
        Partner("node ssh2", both, "nodejs, and ssh2 of npm", "node",
                script="node_peer.js",
                lacks={"server": NODE_SERVER}),
    ]


# ---- a pair -----------------------------------------------------------------

class Pair:
    """role: the partner's."""

    def __init__(self, run, partner, role):
        self.run, self.partner, self.role = run, partner, role
        self.row = f"{partner.name}, {role}"
        self.name = (f"{partner.name} -> uvssh" if role == "client" else
                     f"uvssh -> {partner.name}")
        self.ours = partners.ContractClient(
            run, os.path.join(run.bin, "interop-client"))
        self.servers = {}
        self.version = ""

    def missing(self):
        return self.partner.missing(self.run)

    @functools.cached_property
    def client(self):
        return self.partner.client(self.run) if self.role == "client" \
            else self.ours

    def ends(self, ours, theirs):
        """A server, which may have served before, and the client's options."""
        mine, options = (ours, theirs) if self.role == "client" else (theirs,
                                                                      ours)
        key = tuple(sorted(mine.items()))
        server = self.servers.get(key)
        if server is None or not server.alive():
            server = self.servers[key] = (
                partners.OurServer(self.run, mine) if self.role == "client"
                else self.partner.server(self.run, mine))
        return server, options

    def use(self, function, ours=None, theirs=None):
        """function(client, server, options); what our side saw."""
        server, options = self.ends(ours or {}, theirs or {})
        mark = server.mark()
        done = function(self.client, server, options)
        return self.seen(server, mark, done)

    def seen(self, server, mark, done):
        if self.role == "client":
            told = server.closed(mark)
            self.version = told.group(9)
            return {"exchanges": int(told.group(5)), "cipher": told.group(6),
                    "mac": told.group(7), "end": told.group(1),
                    "by_peer": told.group(3), "reason": told.group(4),
                    "kex": told.group(10), "hostkey": told.group(11),
                    "compression": told.group(12)}
        words = dict(w.split("=", 1) for line in done.err.splitlines()
                     if line.startswith("negotiated ")
                     for w in line.split()[1:] if "=" in w)
        self.version = words.get("peer", "")
        count = [line.split()[1] for line in done.err.splitlines()
                 if line.startswith("exchanges ")]
        return {"exchanges": int(count[0]) if count else 0,
                "mac": words.pop("mac", "-").strip("-"), **words}

    def known(self, column, text):
        """The note about this fault of the partner, or None."""
        for version, columns, what, why in self.partner.faults:
            if column in columns and re.search(version, self.version) and \
                    re.search(what, text):
                return why
        return None

    def fails_by_chance(self, column):
        """A fault of this version, which need not show in a run."""
        return any(column in columns and re.search(version, self.version)
                   for version, columns, _, _ in self.partner.faults)

    def times(self, column):
        faulty = any(column in columns for _, columns, _, _ in
                     self.partner.faults if column.startswith("close"))
        return 30 if faulty else 1

    def stop(self):
        """Our own servers must have nothing open."""
        for server in self.servers.values():
            server.stop()
        self.servers.clear()

    @functools.cached_property
    def common(self):
        """{list: names}, ours first."""
        ours = listed([os.path.join(self.run.bin, "interop-client")])
        theirs = self.partner.algorithms(self.run)
        for lists in (ours, theirs):
            lists["userkey"] = cases_algorithms.key_types(lists["hostkey"])
        return {what: [n for n in names if n in theirs[what] and
                       (what, n) not in self.lacks]
                for what, names in ours.items()}

    @property
    def lacks(self):
        return self.partner.lacks.get(self.role, {})


# ---- the cases --------------------------------------------------------------

def cases(pair):
    """(name, column, detail, function)"""
    simple = {"exec": run_exec, "shell": run_shell,
              "subsystem": run_subsystem, "stderr": run_stderr,
              "status": run_status, "signal": run_signal,
              "up": run_up, "down": run_down, "rekey-us": run_rekey_us,
              "rekey-peer": run_rekey_peer, "rekey-both": run_rekey_both}
    rows = cases_algorithms.rows(pair.common)
    for row in rows[::3] if pair.run.quick else rows:
        yield cases_algorithms.title(row), "algorithms", row, \
            functools.partial(cases_algorithms.run_row, pair, row)
    for column, function in simple.items():
        title = COLUMNS[column].replace("64", str(pair.run.size >> 20))
        yield title, column, None, functools.partial(function, pair)
    for how in ORDERS:
        column = f"close-{how}"
        yield COLUMNS[column], column, None, functools.partial(
            run_close, pair, how)


def run_exec(pair):
    data = bytes(range(256)) * 1200

    def act(c, s, o):
        done = c.exec(s, "cat", stdin=data)
        same((done.code, done.out), (0, data), f"cat ({done.err[-300:]})")
        return done
    pair.use(act)


def run_shell(pair):
    def act(c, s, o):
        done = c.shell(s, b"one\ntwo words\nexit\n")
        same((done.code, done.out), (0, b"shell\none\ntwo words\n"),
             f"the shell ({done.err[-300:]})")
        return done
    pair.use(act)


def run_subsystem(pair):
    def act(c, s, o):
        done = c.subsystem(s, s.subsystem, b"to and fro")
        same((done.code, done.out), (0, b"to and fro"),
             f"echo ({done.err[-300:]})")
        return done
    pair.use(act)


def run_stderr(pair):
    def act(c, s, o):
        done = c.exec(s, "stderr")
        same((done.code, done.out), (3, b"out\n"), f"stdout ({done.err})")
        check("err\n" in done.err and "out\n" not in done.err, repr(done.err))
        return done
    pair.use(act)


def run_status(pair):
    def act(c, s, o):
        for status in (0, 7, 200):
            done = c.exec(s, f"exit {status}")
            same((done.code, done.out), (status, b""), done.err[-300:])
        return done
    pair.use(act)


def run_signal(pair):
    pair.use(lambda c, s, o: c.signal(s, "TERM"))


def run_up(pair):
    pair.use(lambda c, s, o: c.transfer("up", s, pair.run.size))


def run_down(pair):
    pair.use(lambda c, s, o: c.transfer("down", s, pair.run.size))


def exchanging(pair, directions, **sides):
    """A side may have whole windows on their way meanwhile, so that there are
    fewer exchanges than limits in the size. We count both directions; a partner
    may count one, so it is all of them that counts."""
    size, total = max(pair.run.size, 8 << 20), 0
    for what in directions:
        seen = pair.use(lambda c, s, o: c.transfer(what, s, size, **o), **sides)
        total += seen["exchanges"]
        if "theirs" not in sides:
            check(seen["exchanges"] > 0, f"{what}: no exchange")
    least = max(1, size >> 23)
    check(total >= least, f"{total} exchanges, at least {least} expected")


def limit(pair):
    return max(pair.run.size // 64, 256 << 10)


def run_rekey_us(pair):
    exchanging(pair, ("up", "down"), ours=dict(rekey_bytes=limit(pair)))


def run_rekey_peer(pair):
    exchanging(pair, ("up", "down"), theirs=dict(rekey_bytes=limit(pair)))


def run_rekey_both(pair):
    exchanging(pair, ("both",), ours=dict(rekey_bytes=limit(pair)),
               theirs=dict(rekey_bytes=limit(pair)))


def run_close(pair, how):
    for _ in range(pair.times(f"close-{how}")):
        seen = pair.use(lambda c, s, o: c.close(s, how))
    if pair.role == "client" and how in ("disconnect", "abort"):
        # We are writing, and the partner does not read what has come: a reset
        # follows its DISCONNECT, and is seen first or keeps it from leaving.
        ends = ["UV_ECONNRESET", "UV_EPIPE", "UV_EOF"]
        if how == "disconnect":
            ends.append("UVSSH_EDISCONNECT")
        check(seen["end"] in ends and seen["by_peer"] == "1", seen)
