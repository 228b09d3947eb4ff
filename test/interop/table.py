"""docs/interop.md: made of what the tests saw.

What they saw is kept in table.json beside this file, a section for each
userland: {section: {"Peer, role": {"version": .., "kex": [..], "hostkey": [..],
.., "lacks": {"kex NAME": why}, "exec": "yes", "signal": "no: why", ..}}}. The
page is that, and the words below. Nothing in it depends on when or how fast it ran."""
import json
import os

from cases_algorithms import LISTS
from cases_matrix import COLUMNS, all_partners

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "table.json")
PAGE = os.path.join(HERE, "..", "..", "docs", "interop.md")
HEADS = {"exec": "exec", "shell": "shell", "subsystem": "sub-system",
         "stderr": "stderr", "status": "status", "signal": "signal",
         "up": "up", "down": "down", "rekey-us": "us", "rekey-peer": "peer",
         "rekey-both": "both", "close-client-first": "client",
         "close-server-first": "server", "close-both": "both",
         "close-eof-first": "EOF", "close-disconnect": "DISCONNECT",
         "close-abort": "reset"}
CHANNEL = ("exec", "shell", "subsystem", "stderr", "status", "signal")
STREAM = tuple(c for c in COLUMNS if c not in CHANNEL)

INTRO = """# Interop

Who uvssh was seen to work with, in both roles. `test/interop/run.py --table` made this page of what it saw; a full run
of the suite `interop` fails when it sees something else, or tests something that has no row here.
[Testing](testing.md) says how to run it.

A row is a partner in the role that it has there; uvssh has the other one. Each algorithm that both have was used in a
connection that carried messages of 1 to 65537 bytes there and back, of sizes around the borders of blocks and packets, with
new keys in the middle. Everything else was done with the default algorithms and Ed25519 keys.

| column | what was done |
|---|---|
| (names of algorithms) | the connection above; host keys by signature, user keys by type |
| exec, shell, sub-system | a program, with input to its end and all of its output, by this request |
| stderr | both outputs, each where it belongs, and an exit status |
| status, signal | exit statuses 0, 7 and 200; the end by a signal |
| up, down | 64 MiB to the server and from it, compared by SHA-256 |
| us, peer, both | the same with new keys again and again, begun by us, by the peer; 64 MiB to the server and back at once, with new keys begun by both |
| client, server, both, EOF | closing a channel: the client first, the server first, both at once, the client's EOF first; each time the connection serves another channel afterwards, where the partner can open one |
| DISCONNECT, reset | the client ends the connection while data comes, with the message and without a word |

yes: it works. -: the partner does not have it. A number: the partner, or its program, cannot do it; the note under the tables
says why.
"""


SECTIONS = {
    "Debian 12": "In continuous integration.",
    "Debian 13": "By hand, in the userland that `scripts/debian13` makes."}


def load():
    try:
        with open(DATA, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def rows():
    """What has to be there."""
    return [f"{p.name}, {role}" for p in all_partners() for role in p.roles]


def save(data):
    order = rows()
    data = {section: {row: data[section][row] for row in
                      sorted(data[section], key=lambda r: (
                          order.index(r) if r in order else len(order), r))}
            for section in sorted(data)}
    with open(DATA, "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1, ensure_ascii=False)
        f.write("\n")
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(render(data))


def line(cells):
    return "| " + " | ".join(cells) + " |\n"


def head(cells):
    return line(cells) + "|" + "---|" * len(cells) + "\n"


TABLES = (("kex",), ("hostkey",), ("userkey",), ("cipher",),
          ("mac", "compression"))
TITLES = {"kex": "Key exchange", "hostkey": "Host keys", "userkey": "User keys",
          "cipher": "Ciphers", "mac": "MACs and compression"}


class Notes(list):
    def number(self, why):
        if why not in self:
            self.append(why)
        return str(self.index(why) + 1)

    def cell(self, value):
        return value if value == "yes" else \
            self.number(value.partition(": ")[2])

    def algorithm(self, cells, what, name):
        why = cells["lacks"].get(f"{what} {name}")
        return "yes" if name in cells[what] else \
            self.number(why) if why else "-"


def with_names(row):
    return list(row.rsplit(", ", 1))


def names_in(data, what):
    """All that any row has, in our order: each row is a part of it."""
    left = [list(cells[what]) for found in data.values()
            for cells in found.values()]
    left += [[n.partition(" ")[2]] for found in data.values()
             for cells in found.values() for n in cells["lacks"]
             if n.startswith(what + " ")]
    names = []
    while left := [one for one in left if one]:
        first = next((one[0] for one in left if not any(
            one[0] in other[1:] for other in left)), left[0][0])
        names.append(first)
        left = [[n for n in one if n != first] for one in left]
    return [n for n in names if n != "none"]


def algorithms_of(data, section, notes):
    text = "| partner | role | version |\n|---|---|---|\n"
    for row, cells in data[section].items():
        text += line(with_names(row) + [cells["version"]])
    for table in TABLES:
        columns = [(what, name) for what in table
                   for name in names_in(data, what)]
        text += f"\n{TITLES[table[0]]}:\n\n" + head(
            ["partner", "role"] + [name for _, name in columns])
        for row, cells in data[section].items():
            text += line(with_names(row) + [
                notes.algorithm(cells, *column) for column in columns])
    return text


def render(data):
    text, notes = INTRO, Notes()
    for section, found in data.items():
        text += f"\n## {section}\n\n"
        if section in SECTIONS:
            text += SECTIONS[section] + "\n\n"
        text += algorithms_of(data, section, notes)
        for columns in (CHANNEL, STREAM):
            text += "\n" + head(["partner", "role"] +
                                [HEADS[c] for c in columns])
            for row, cells in found.items():
                text += line(with_names(row) + [notes.cell(cells[c])
                                                for c in columns])
    if notes:
        text += "\n## Notes\n\n"
        text += "".join(f"{i}. {why[0].upper()}{why[1:]}.\n"
                        for i, why in enumerate(notes, 1))
    return text


class Seen:
    """Collects what a run sees of one pair."""

    def __init__(self):
        self.lists = {}
        self.cells = {}

    def add(self, column, detail, passed, why=None):
        if column == "algorithms":
            for what in LISTS:
                names = self.lists.setdefault(what, set())
                if passed and detail[what]:
                    names.add(detail[what])
        else:
            self.cells[column] = ("yes" if passed else f"no: {why}" if why
                                  else "failed")

    def row(self, pair, before=None):
        """before: the row that is there, for what was not run now."""
        version = pair.partner.version(pair.version)
        if not before or before["version"] != version:
            before = {}
        new = {"version": version, "lacks": {
            " ".join(name): why for name, why in pair.lacks.items()}}
        for what in LISTS:
            new[what] = [n for n in pair.common[what] if n in self.lists[what]] \
                if what in self.lists else before.get(what, [])
        return dict(new, **{c: self.cells.get(c, before.get(c, "failed"))
                            for c in COLUMNS})

def problems(section):
    """Why the page is not what the tests make; an empty list: it is."""
    data, found = load(), []
    if section not in data:
        return [f"no section {section!r}: run.py --table makes it"]
    for name, got in data.items():
        unknown = [r for r in got if r not in rows()]
        found += [f"{name}: nothing tests {r!r}" for r in unknown]
        found += [f"{name}, {r}: the columns are others" for r, cells in
                  got.items() if set(cells) != {"version", "lacks", *LISTS,
                                                *COLUMNS}]
    found += [f"{section}: no row for {r!r}" for r in rows()
              if r not in data[section]]
    try:
        with open(PAGE, encoding="utf-8") as f:
            if not found and f.read() != render(data):
                found.append("docs/interop.md is not what table.json makes: "
                             "run.py --render")
    except FileNotFoundError:
        found.append("no docs/interop.md: run.py --render")
    return found
