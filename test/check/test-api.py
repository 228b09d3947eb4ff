#!/usr/bin/env python3
"""The pages of docs/api: each exported function on exactly one of them, as it
is declared; each field of uvssh_config_t with its default. In all documents: no
name that the headers do not know, no file that is not there."""
import os
import re

import report

DECLARATION = re.compile(r"^UVSSH_EXTERN\s+([^;]+?\b(uvssh_\w+)\s*\([^;]*\));",
                         re.M | re.S)
HEADING = re.compile(r"^#{2,4} (uvssh_\w+)\(\)$\n\n```c\n(.*?)^```$",
                     re.M | re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def plain(text):
    """Without what only makes it look good."""
    return re.sub(r"\s+", " ", re.sub(r"\s*([(),;*])\s*", r"\1", text)).strip()


def headers():
    return "".join(report.read(path)
                   for path in report.files("include", ends=(".h",)))


def pages():
    return {path: report.read(path)
            for path in report.files("docs/api", ends=(".md",))}


def answer(broken):
    if broken:
        report.failed("\n".join(broken))


def one_page_a_function():
    found = {}
    for path, text in pages().items():
        for m in HEADING.finditer(text):
            found.setdefault(m.group(1), []).append(path)
    want = report.read("test/check/symbols.txt").split()
    want += [name for _, name in
             DECLARATION.findall(report.read("include/uvssh/test.h"))]
    broken = [f"{name}: on {len(found.get(name, []))} pages, not one: "
              f"{' '.join(found.get(name, []))}"
              for name in want if len(found.get(name, [])) != 1]
    broken += [f"{found[name][0]}: {name}() is not exported"
               for name in found if name not in want]
    answer(broken)


def as_declared():
    want = {name: plain(text) for text, name in
            DECLARATION.findall(COMMENT.sub("", headers()))}
    answer([f"{path}: {m.group(1)}() is declared as\n{want[m.group(1)]}"
            for path, text in pages().items() for m in HEADING.finditer(text)
            if m.group(1) in want
            and plain(m.group(2)).rstrip(";") != want[m.group(1)]])


def names_exist():
    """Functions, types and constants that a document names are declared."""
    text = headers() + report.read("include/uvssh/errno.h")
    known = set(re.findall(r"\b(?:uvssh|UVSSH)_\w+", text))
    known |= {"UVSSH_" + name for name in re.findall(r"XX\((\w+),", text)}
    broken = []
    for path in report.files(".", ends=(".md",)):
        for i, line in enumerate(report.read(path).splitlines(), 1):
            broken += [f"{path}:{i}: {name} is in no header"
                       for name in re.findall(
                           r"\b((?:uvssh|UVSSH)_(?!_)\w*[A-Za-z0-9])(?!\w)(?!\*)",
                           line)
                       if name not in known and name not in NOT_IN_HEADERS]
    answer(broken)


# The environment of the tests (docs/testing.md); how we say who we are.
NOT_IN_HEADERS = {"UVSSH_SOURCE_DIR", "UVSSH_BUILD_DIR", "UVSSH_VECTORS",
                  "UVSSH_PEERS", "UVSSH_PEERS_BUILD", "UVSSH_TEST_SHARE",
                  "UVSSH_TEST_RELEASE", "UVSSH_SOAK_SECONDS", "UVSSH_WALK_SEED",
                  "uvssh_0"}


def files_exist():
    """Paths in backticks: below the root, lib/ or test/."""
    broken = []
    for path in report.files("docs", ends=(".md",)) + ["README.md"]:
        for name in re.findall(r"`([\w./-]+/[\w.-]+\.(?:c|h|py|txt))`",
                               report.read(path)):
            if not any(os.path.exists(os.path.join(report.ROOT, place, name))
                       for place in ("", "lib", "test", "include")):
                broken.append(f"{path}: {name} is not there")
    answer(broken)


def number(text):
    """ "2 MiB", "10 s", "2^31", "300 ms" as the code has it; or as it is."""
    m = re.fullmatch(r"(\d+)(?:\^(\d+))?(?: (KiB|MiB|GiB|ms|s|h))?", text)
    if m is None:
        return text
    value = int(m.group(1)) ** int(m.group(2) or 1)
    return value * {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": 1000,
                    "h": 3600 * 1000}.get(m.group(3), 1)


def code_number(text):
    """ "60 * 1000", "(uint64_t) 1 << 30" as a number; None: it is none."""
    text = text.replace("(uint64_t)", "").replace("PACKETS_MAX", "1 << 31")
    if not re.fullmatch(r"\s*\d+(\s*(\*|<<)\s*\d+)*\s*", text):
        return None
    value = 1
    for sign, digits in re.findall(r"(\*|<<|^)\s*(\d+)", text.strip()):
        value = value << int(digits) if sign == "<<" else value * int(digits)
    return value


def config_table():
    """Every field, in the header's order, and the default that the code has."""
    struct = re.search(r"typedef struct \{(.*?)\} uvssh_config_t;",
                       COMMENT.sub("", report.read("include/uvssh/config.h")),
                       re.S).group(1)
    want = re.findall(r"(\w+);", struct)
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|",
                      report.read("docs/api/config.md"), re.M)
    have = [name for name, _ in rows]
    if have != want:
        report.failed(f"fields are\n{want}\nand the page has\n{have}")
    init = re.search(r"defaults = \{(.*?)\};", report.read("lib/desk/config.c"),
                     re.S).group(1)
    code = {name: code_number(value) for name, value in
            re.findall(r"\.(\w+) = ([^,]+),", init)}
    broken = []
    for name, text in rows:
        default = code.get(name, 0)
        told = number(text.strip().strip("`"))
        if isinstance(default, int) and isinstance(told, int) \
                and told != default:
            broken.append(f"{name}: the page says {text.strip()}, the code "
                          f"{default}")
    answer(broken)


for rule in (one_page_a_function, as_declared, names_exist, files_exist,
             config_table):
    report.run(rule.__name__, rule)
report.end()
