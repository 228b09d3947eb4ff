#!/usr/bin/env python3
"""docs/lessons.md: each row has its tests, or says what it waits for, and each
test with a row's number in its name stands in that row. The gates that it
names are here, too: what the source must not hold."""
import fnmatch
import os
import re

import report

PAGE = "docs/lessons.md"
ROWS = 106
NUMBERED = re.compile(r"^lesson_((?:\d+_)+)")
MISNAMED = re.compile(r"^(?:sec|row|cve)_\d+_")


def answer(broken):
    if broken:
        report.failed("\n".join(broken))


def rows():
    """number: its third cell."""
    found = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", report.read(PAGE), re.M)
    return {int(number): cell for number, cell in found}


def named(text):
    """(file, test) of each test that a text names."""
    path, found = None, []
    for token in re.findall(r"`([^`]+)`", text):
        if "/" in token:
            path = token
        elif path:
            found.append((path, token))
    return found


def where(path):
    return os.path.normpath(os.path.join("test", path))


def tests_of(path):
    """The names of a file's tests. A macro's own part is any text."""
    text = report.read(path)
    if path.endswith(".c"):
        return [re.sub(r"##\w+##", "*", name)
                for name in re.findall(r"\bTEST\(([\w#]+)\)", text)] + \
            re.findall(r"\b(LLVMFuzzerTestOneInput)\(", text)
    if path.endswith(".py"):
        return re.findall(r"^def (\w+)\(", text, re.M)
    return re.findall(r"\w+", text)


def fits(name, pattern):
    return fnmatch.fnmatchcase(name, pattern) or \
        fnmatch.fnmatchcase(pattern, name)


def every_row_is_there():
    numbers = [int(n) for n in re.findall(r"^\| (\d+) \| ", report.read(PAGE),
                                          re.M)]
    answer([f"row {n}: {numbers.count(n)} times" for n in range(1, ROWS + 1)
            if numbers.count(n) != 1] +
           [f"row {n}: there is none" for n in numbers
            if not 1 <= n <= ROWS])


def every_row_says_something():
    answer([f"row {number}: no test, and it waits for nothing: {cell}"
            for number, cell in rows().items()
            if not named(cell) and "waits for:" not in cell
            and "no promise:" not in cell])


def every_test_exists():
    broken = []
    tables = re.findall(r"^\|.*\|$", report.read(PAGE), re.M)
    for path, name in named("\n".join(tables)):
        if not os.path.exists(os.path.join(report.ROOT, where(path))):
            broken.append(f"{path} is not there")
        elif not any(fits(test, name) for test in tests_of(where(path))):
            broken.append(f"{path} has no test {name}")
    answer(sorted(set(broken)))


def every_numbered_test_is_listed():
    listed = {number: named(cell) for number, cell in rows().items()}
    broken = []
    for path in report.files("test", ends=(".c", ".py")):
        for name in tests_of(path):
            if MISNAMED.match(name):
                broken.append(f"{path}: {name}: say lesson_...")
            numbers = NUMBERED.match(name)
            for number in numbers.group(1).split("_")[:-1] if numbers else ():
                if not any(where(file) == path and fits(name, pattern)
                           for file, pattern in listed.get(int(number), ())):
                    broken.append(f"{path}: {name}: not in row {number}")
    answer(broken)


# ---- gates ------------------------------------------------------------------

COMMENT = re.compile(r"/\*.*?\*/", re.S)


def code(*folders):
    """path, text without comments: of the library, without what tests get."""
    for path in report.files(*(folders or ("lib",)), ends=(".c", ".h")):
        if not path.startswith("lib/test/"):
            yield path, COMMENT.sub(lambda m: "\n" * m.group().count("\n"),
                                    report.read(path))


def only_in(pattern, allowed, *folders):
    broken = []
    for path, text in code(*folders):
        for m in re.finditer(pattern, text):
            if path not in allowed:
                line = text.count("\n", 0, m.start()) + 1
                broken.append(f"{path}:{line}: {m.group().strip()}")
    answer(broken)


def lesson_41_47_no_number_is_narrowed_silently():
    """-Wconversion for all that is compiled, and it is an error."""
    if "'-Wconversion'" not in report.read("meson.build"):
        report.failed("meson.build: no -Wconversion")
    only_in(r"#\s*pragma.*", ())
    stages = report.read("scripts/test")
    if stages.count("-Dwerror=true") < 4:
        report.failed("scripts/test: a stage without -Dwerror=true")


def lesson_67_one_source_of_randomness():
    names = (r"randombytes\w*|getrandom|getentropy|arc4random\w*|"
             r"s?rand(?:om)?|crypto_\w*(?<!seed_)keypair|"
             r"mbedtls_\w*drbg\w*|uv_random|RAND_bytes")
    only_in(rf"\b(?:{names})\s*\(|randombytes_buf|/dev/u?random",
            ("lib/crypto/random.c",))


# Answers of another kind: yes or no.
QUESTIONS = {"uvssh__key_fits"}


def lesson_70_results_cannot_be_ignored():
    """What a cryptographic function comes to has to be looked at."""
    broken, seen = [], 0
    for path, text in code("lib/crypto", "lib/key"):
        if path.endswith(".h"):
            for name, rest in re.findall(
                    r"^int (uvssh__\w+)\([^;{]*\)([^;{]*);", text, re.M):
                seen += 1
                if "MUST_CHECK" not in rest and name not in QUESTIONS:
                    broken.append(f"{path}: {name}: no MUST_CHECK")
    if seen < 10:
        broken.append(f"only {seen} functions were found")
    answer(broken)


def lesson_84_secrets_are_not_compared_with_memcmp():
    """Where secrets are, uvssh__equal() is the only comparison. str_eq() and
    memcmp() are for what is public."""
    only_in(r"(?<!sodium_)\bmemcmp\s*\(",
            ("lib/transport/ident.c", "lib/crypto/random.c"),
            "lib/crypto", "lib/auth", "lib/transport", "lib/session")


def lesson_99_no_signal_handlers():
    only_in(r"\b(?:sigaction|signal|sigset|bsd_signal|sysv_signal|signalfd|"
            r"uv_signal_\w+)\s*\(", ())


def lesson_105_one_shell_and_it_is_the_users():
    """The command that the user gave as a transport; nothing a peer said."""
    only_in(r"\b(?:system|popen|wordexp|exec[lv]\w*|posix_spawn\w*|uv_spawn)"
            r"\s*\(", ("lib/loop/command_posix.c", "lib/loop/command_win.c"))


for rule in (every_row_is_there, every_row_says_something, every_test_exists,
             every_numbered_test_is_listed,
             lesson_41_47_no_number_is_narrowed_silently,
             lesson_67_one_source_of_randomness,
             lesson_70_results_cannot_be_ignored,
             lesson_84_secrets_are_not_compared_with_memcmp,
             lesson_99_no_signal_handlers,
             lesson_105_one_shell_and_it_is_the_users):
    report.run(rule.__name__, rule)
report.end()
