#!/usr/bin/env python3
"""inside.h and inside_call.c leave nothing out: every callback of include/ has
a point, every function is called inside all of them."""
import re

import report

HEADERS = {path: report.read(path)
           for path in report.files("include", ends=(".h",))}
CODE = "".join(report.read(path)
               for path in report.files("test/loop", ends=(".c",))
               if "/inside" in path)

NO_POINT = {
    "uvssh_log_cb": "must not call the library, as config.h says",
    "uvssh_trace_cb": "the same",
    "uvssh_keylog_cb": "the same",
    "uvssh_loops_end_cb": "in a thread of its own: test-loop-loops.c",
}
NOT_CALLED = {
    "uvssh_replace_allocator": "before any other call",
    "uvssh_loops_start": "it blocks",
    "uvssh_loops_join": "it blocks",
    "uvssh_key_load": "it blocks",
    "uvssh_key_save": "it blocks",
    "uvssh_known_hosts_load": "it blocks",
    "uvssh_known_hosts_add": "it blocks",
    "uvssh_known_hosts_free": "of what only a call that blocks gives",
    "uvssh_server_add_key_file": "it blocks",
}
# Its peers need the clock of a test, which stands still: test-loop-kit*.c.
KIT = re.compile(r"uvssh_test_(?!pipe)")


def callbacks():
    names = set()
    for text in HEADERS.values():
        names |= set(re.findall(r"typedef void \(\*(\w+)\)", text))
        names |= set(re.findall(r"^ +(?:void|int) \(\*(\w+)\)\(", text, re.M))
    return names


def every_callback_has_a_point():
    points = set(re.findall(r'XX\(\w+, "(\w+)"\)',
                            report.read("test/loop/inside.h")))
    want = callbacks() - set(NO_POINT)
    broken = [f"{name}: no point in inside.h" for name in sorted(want - points)]
    broken += [f"{name}: not in include/" for name in sorted(points - want)
               if name != "release"]
    if broken:
        report.failed("\n".join(broken))


def every_point_is_used():
    names = re.findall(r"XX\((\w+), \"", report.read("test/loop/inside.h"))
    missing = [name for name in names if f"AT_{name}" not in CODE]
    if missing:
        report.failed("no at(): " + ", ".join(missing))


def every_function_is_called():
    names = set()
    for text in HEADERS.values():
        names |= set(re.findall(
            r"^UVSSH_EXTERN [^;(]*?\b(uvssh_\w+)\(", text, re.M))
    names = {name for name in names
             if name not in NOT_CALLED and not KIT.match(name)}
    missing = [name for name in sorted(names)
               if not re.search(rf"\b{name}\(", CODE)]
    if len(names) < 80 or missing:
        report.failed(f"of {len(names)}: " + ", ".join(missing))


for rule in (every_callback_has_a_point, every_point_is_used,
             every_function_is_called):
    report.run(rule.__name__, rule)
report.end()
