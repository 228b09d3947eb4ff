#!/usr/bin/env python3
"""Which file breaks which rule of the layers (docs/design/layers.md).

Reads #include lines, and calls of libuv with comments and strings taken out.
"""
import os
import re

import report

# A folder may use itself and those before it.
ORDER = ["base", "wire", "crypto", "key", "files", "desk", "transport", "auth", "conn",
         "session", "loop", "test"]
# What users test with is a library of its own: it stands on what is exported,
# and on a copy of what is pure.
KIT = "test"
KIT_MAY_USE = ["base", "wire", "crypto", "key", KIT]
# Whoever may wait, and touch a loop.
RUNS = ["loop", KIT]
CRYPTO = ["crypto", "key"]
CRYPTO_HEADERS = ("sodium.h", "sodium/", "mbedtls/", "psa/")
ZLIB = "lib/crypto/compress_zlib.c"
# Sockets, files, clocks, signals: what is fed bytes and a time needs none.
SYSTEM_HEADERS = ("sys/", "netinet/", "arpa/", "netdb.h", "unistd.h",
                  "fcntl.h", "poll.h", "time.h", "pthread.h")
# libuv's functions that neither wait nor touch a loop; everything else of it
# belongs into loop/.
UV_HARMLESS = re.compile(
    r"uv_(once|key_\w+|mutex_\w+|rwlock_\w+|thread_self|thread_equal|buf_init"
    r"|err_name(_r)?|strerror(_r)?|translate_sys_error|inet_ntop|inet_pton"
    r"|ip[46]_addr|ip[46]_name|ip_name)$")
SYSTEM_CALL = re.compile(
    r"\b(time|clock|clock_gettime|gettimeofday|getrandom|fopen|signal"
    r"|sigaction)\s*\(")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
NOT_CODE = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

TEXTS = {path: report.read(path)
         for path in report.files("include", "lib", ends=(".c", ".h"))}


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def includes(path):
    """(line, quoted, name) of each."""
    text = TEXTS[path]
    return [(line_of(text, m.start(1)), m.group(1) == '"', m.group(2))
            for m in INCLUDE.finditer(text)]


def code(path):
    """Without comments and strings, with all its line ends."""
    return NOT_CODE.sub(lambda m: " " + "\n" * m.group(0).count("\n"),
                        TEXTS[path])


def folder(path):
    """ "crypto" of lib/crypto/hash.c; None: not in lib/."""
    parts = path.split("/")
    return parts[1] if parts[0] == "lib" and len(parts) > 2 else None


def in_lib():
    return [path for path in TEXTS if folder(path)]


def resolve(path, name):
    """The file of ours that a quoted include means, or None."""
    for place in ("include", "lib", os.path.dirname(path)):
        if f"{place}/{name}" in TEXTS:
            return f"{place}/{name}"
    return None


def answer(broken):
    if broken:
        report.failed("\n".join(broken))


def known_folders():
    answer([f"{path}: no folder of lib/ in the order of the layers"
            for path in TEXTS if path.startswith("lib/")
            and folder(path) not in ORDER])


def folder_order():
    broken = []
    for path in in_lib():
        mine = folder(path)
        for line, quoted, name in includes(path):
            other = name.split("/")[0]
            if quoted and mine in ORDER and other in ORDER and \
                    ORDER.index(other) > ORDER.index(mine):
                broken.append(f'{path}:{line}: {mine}/ may not use {other}/, '
                              f'which comes later in the order: "{name}"')
    answer(broken)


def kit_is_a_user():
    answer([f'{path}:{line}: {KIT}/ may not use {name.split("/")[0]}/: "{name}"'
            for path in in_lib() if folder(path) == KIT
            for line, quoted, name in includes(path)
            if quoted and name.split("/")[0] not in KIT_MAY_USE + ["uvssh"]])


def one_header_a_folder():
    answer([f"{path}: the only header of {folder(path)}/ is "
            f"{folder(path)}/{folder(path)}.h"
            for path in in_lib() if path.endswith(".h")
            and path != f"lib/{folder(path)}/{folder(path)}.h"])


def includes_are_ours():
    """Quoted is what exists below include/ and lib/, by its whole path."""
    broken = []
    for path in TEXTS:
        for line, quoted, name in includes(path):
            target = resolve(path, name)
            if quoted and (target is None or not target.endswith("/" + name)
                           or "/" not in name and name != "uvssh.h"):
                broken.append(f'{path}:{line}: "{name}" is not a header of '
                              'include/ or lib/ by its path')
            elif not quoted and target is not None:
                broken.append(f"{path}:{line}: <{name}> is ours: in quotes")
    answer(broken)


def public_headers():
    """What users see needs nothing of lib/, and of others only uv.h and C."""
    allowed = {"uv.h", "stddef.h", "stdint.h", "stdarg.h"}
    broken = []
    for path in TEXTS:
        if not path.startswith("include/"):
            continue
        for line, quoted, name in includes(path):
            target = resolve(path, name) if quoted else None
            if quoted and not (target or "").startswith("include/"):
                broken.append(f'{path}:{line}: "{name}" is not public')
            elif not quoted and name not in allowed:
                broken.append(f"{path}:{line}: <{name}> in a public header")
    answer(broken)


def no_cycles():
    graph = {path: [resolve(path, name) for _, quoted, name in includes(path)
                    if quoted] for path in TEXTS}
    done, way, broken = set(), [], []

    def walk(path):
        if path in way:
            broken.append(" -> ".join(way[way.index(path):] + [path]))
        elif path is not None and path not in done:
            way.append(path)
            for target in graph[path]:
                walk(target)
            done.add(way.pop())

    for path in graph:
        walk(path)
    answer(broken)


def cryptography():
    answer([f"{path}:{line}: <{name}> only in crypto/ and key/"
            for path in TEXTS if folder(path) not in CRYPTO
            for line, _, name in includes(path)
            if name.startswith(CRYPTO_HEADERS)])


def compression():
    answer([f"{path}:{line}: <zlib.h> only in {ZLIB}"
            for path in TEXTS if path != ZLIB
            for line, _, name in includes(path) if name == "zlib.h"])


def libuv_io():
    broken = []
    for path in in_lib():
        if folder(path) in RUNS:
            continue
        text = code(path)
        for m in re.finditer(r"\b(uv_\w+)\s*\(", text):
            # A macro's or a cast's parenthesis stands behind a type, too.
            if not UV_HARMLESS.match(m.group(1)) and \
                    not m.group(1).endswith("_t"):
                broken.append(f"{path}:{line_of(text, m.start())}: "
                              f"{m.group(1)}() only in loop/")
    answer(broken)


def no_system():
    broken = []
    for path in in_lib():
        if folder(path) in RUNS:
            continue
        broken += [f"{path}:{line}: <{name}> only in loop/"
                   for line, _, name in includes(path)
                   if name.startswith(SYSTEM_HEADERS)]
        text = code(path)
        broken += [f"{path}:{line_of(text, m.start())}: {m.group(1)}() only in "
                   "loop/" for m in SYSTEM_CALL.finditer(text)]
    answer(broken)


def samples_are_users():
    """A sample includes uvssh.h, other parts of itself, and nothing of ours."""
    broken = []
    for path in report.files("samples", ends=(".c", ".h")):
        for m in INCLUDE.finditer(report.read(path)):
            name = m.group(2)
            if name.startswith("uvssh/") or m.group(1) == '"' \
                    and not os.path.exists(
                        os.path.join(report.ROOT, "samples", name)):
                broken.append(f'{path}: "{name}": samples include uvssh.h')
    answer(broken)


for rule in (known_folders, folder_order, kit_is_a_user, one_header_a_folder,
             includes_are_ours, public_headers, no_cycles, cryptography,
             compression, libuv_io, no_system, samples_are_users):
    report.run(rule.__name__, rule)
report.end()
