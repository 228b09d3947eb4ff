#!/usr/bin/env python3
"""Whatever lib/ calls of libuv, and can fail, does so in test/faults."""
import os
import re
import subprocess

import report

LIBRARY = os.path.join(os.environ["UVSSH_BUILD_DIR"], "lib", "libuvssh.a")

# Never an error, on POSIX and by libuv's documentation or source.
CANNOT_FAIL = {
    "uv_async_send": "aborts where it cannot wake",
    "uv_available_parallelism": "a number",
    "uv_buf_init": "a struct",
    "uv_check_init": "links the handle into the loop",
    "uv_check_start": "the same; with a callback",
    "uv_close": "no result",
    "uv_cond_broadcast": "no result",
    "uv_cond_destroy": "no result",
    "uv_cond_wait": "no result",
    "uv_freeaddrinfo": "no result",
    "uv_fs_req_cleanup": "no result",
    "uv_idle_init": "links the handle into the loop",
    "uv_hrtime": "a number",
    "uv_idle_start": "the same; with a callback",
    "uv_idle_stop": "the same",
    "uv_ip4_addr": "reads a text: what is wrong with it is tested in loop",
    "uv_ip6_addr": "the same",
    "uv_is_closing": "a flag",
    "uv_loop_close": "looked at: test-loop-loops.c leaves something open",
    "uv_mutex_destroy": "no result",
    "uv_mutex_lock": "no result",
    "uv_mutex_unlock": "no result",
    "uv_now": "a number",
    "uv_once": "no result",
    "uv_pipe_init": "links the handle into the loop",
    "uv_prepare_init": "links the handle into the loop",
    "uv_prepare_start": "the same; with a callback",
    "uv_read_stop": "takes the handle out of the loop",
    "uv_ref": "no result",
    "uv_run": "a number",
    "uv_stream_set_blocking": "FIONBIO of a descriptor that is open",
    "uv_thread_equal": "a flag",
    "uv_thread_join": "of a thread that is there, and another",
    "uv_thread_self": "a number",
    "uv_timer_init": "links the handle into the loop",
    "uv_timer_start": "the same; with a callback, and not closing",
    "uv_timer_stop": "the same",
    "uv_translate_sys_error": "a number",
    "uv_unref": "no result",
    "uv_walk": "no result",
}


def called():
    out = subprocess.run(["nm", "-u", LIBRARY], check=True, text=True,
                         capture_output=True).stdout
    return set(re.findall(r"\bU (uv_\w+)", out))


def listed(macro):
    text = report.read("test/faults/calls.h")
    block = re.search(rf"#define {macro}\(XX\)((?:.*\\\n)*.*)", text).group(1)
    return set(re.findall(r"XX\((\w+)\)", block))


def differ(what, have, want):
    broken = [f"{what}: {name} is missing" for name in sorted(want - have)]
    broken += [f"{what}: {name} is too much" for name in sorted(have - want)]
    if broken:
        report.failed("\n".join(broken))


def every_call_of_libuv_is_listed():
    differ("calls.h and CANNOT_FAIL of this file",
           listed("CALLS_UV") | set(CANNOT_FAIL), called())


def nothing_is_on_both_lists():
    both = listed("CALLS_UV") & set(CANNOT_FAIL)
    if both:
        report.failed(", ".join(sorted(both)))


def every_call_is_wrapped():
    build = report.read("test/faults/meson.build")
    block = re.search(r"wrapped = \[(.*?)\]", build, re.S).group(1)
    differ("meson.build", set(re.findall(r"'(\w+)'", block)),
           listed("CALLS_UV"))


def every_call_has_a_row():
    rows = set()
    for name in report.files("test/faults", ends=(".c",)):
        text = report.read(name)
        rows |= {"uv_" + m for m in re.findall(r"\bUV\((\w+), E", text)}
        rows |= set(re.findall(r"\bSYS\((\w+), [A-Z]", text))
    differ("rows", rows, listed("CALLS_UV") | listed("CALLS_SYSTEM"))


for rule in (every_call_of_libuv_is_listed, nothing_is_on_both_lists,
             every_call_is_wrapped, every_call_has_a_row):
    report.run(rule.__name__, rule)
report.end()
