#!/usr/bin/env python3
"""The limits in SECURITY.md are those of the code: each setting with its
default, each fixed bound with its value, and none is left out."""
import re

import report

PAGE = "SECURITY.md"
COMMENT = re.compile(r"/\*.*?\*/", re.S)
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "ms": 1, "s": 1000,
         "min": 60 * 1000, "h": 3600 * 1000}

# Named like a bound, and none that a peer could run into: sizes of our own
# buffers, of algorithms, of what is handed to the system.
OWN = {
    "base/slot.c SLOTS_MAX": "a table's largest size",
    "conn/open_kinds.c PORT_MAX": "the largest number of a port",
    "crypto/algo.c LIST_MAX": "room for a list of our own names",
    "crypto/cipher_chacha.c DIRECT_MAX": "where another way is quicker",
    "crypto/cipher_chacha.c TAIL_MAX": "padding, by its definition",
    "crypto/crypto.h HASH_SIZE_MAX": "the longest hash",
    "crypto/crypto.h PREFS_MAX": "room for a list of our own names",
    "crypto/keys.c TAG_MAX": "the longest tag",
    "desk/config_check.c MS_MAX": "the largest time that may be set",
    "desk/config_check.c PENALTIES_MAX": "the largest setting",
    "desk/request.c TEXT_MAX": "room for a text of our own",
    "key/ecdsa.c POINT_MAX": "the longest point",
    "key/ecdsa.c SCALAR_MAX": "the longest number of a curve",
    "key/key.c LIST_MAX": "room for a list of our own names",
    "loop/attach.c ROUNDS_MAX": "how often a turn goes round",
    "loop/known_hosts_file.c PATH_MAX_BYTES": "a path of the user's",
    "loop/loops.c LOOPS_MAX": "the largest count that may be asked for",
    "loop/file.c PATH_MAX_BYTES": "a path of the user's",
    "files/known_hosts.c NAME_MAX_BYTES": "HOST_TEXT_MAX and its port",
    "transport/kex.c MATERIAL_MAX": "the longest key",
    "transport/kexinit.c FAILURE_MAX": "room for a text of our own",
    "transport/kexinit.c TOLD_MAX": "so much of a list is told",
}


def answer(broken):
    if broken:
        report.failed("\n".join(broken))


def told(text):
    """ "35 000", "2^31", "256 KiB" as a number."""
    m = re.fullmatch(r"([\d ]*\d)(?:\^(\d+))?(?: ([A-Za-z]+))?", text.strip())
    if m is None or m.group(3) not in (None, *UNITS):
        report.failed(f"{PAGE}: {text!r} is no number")
    value = int(m.group(1).replace(" ", "")) ** int(m.group(2) or 1)
    return value * UNITS.get(m.group(3), 1)


def computed(text, names):
    """The value of an expression of C that holds numbers, + * << ( ), and
    names with a value; None: it is something else."""
    text = re.sub(r"\((?:uint64_t|uint32_t|unsigned|size_t)\)", "", text)
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)
    for _ in range(9):
        text = re.sub(r"\b[A-Z]\w*\b", lambda m: f"({names[m.group()]})"
                      if m.group() in names else m.group(), text)
        text = re.sub(r"\((?:uint64_t|uint32_t|unsigned|size_t)\)", "", text)
    if not re.fullmatch(r"[\d\s+*()<x]+", text):
        return None
    return eval(text, {"__builtins__": {}})  # nothing but numbers is left


def library():
    """path below lib/ or include/, text without comments."""
    for path in report.files("lib", "include", ends=(".c", ".h")):
        if not path.startswith(("lib/test/", "include/uvssh/test.h")):
            yield re.sub(r"^(?:lib|include/uvssh)/", "", path), COMMENT.sub(
                "", report.read(path))


def constants():
    """ "file NAME": the expression it stands for."""
    found = {}
    for path, text in library():
        for name, value in re.findall(r"^#define ([A-Z]\w*)[ \t]+(.+)$", text,
                                      re.M):
            found[f"{path} {name}"] = value.strip()
        for body in re.findall(r"\benum(?: \w+)? \{(.*?)\}", text, re.S):
            for name, value in re.findall(r"\b([A-Z]\w*)\s*=\s*([^,]+)", body):
                found[f"{path} {name}"] = value.strip()
    return found


def section(name):
    return re.search(rf"^### {name}$(.*?)(?=^##|\Z)", report.read(PAGE),
                     re.M | re.S).group(1)


def settings():
    """Numbers of uvssh_config_t, in its order, with their defaults."""
    struct = re.search(r"typedef struct \{(.*?)\} uvssh_config_t;",
                       COMMENT.sub("", report.read("include/uvssh/config.h")),
                       re.S).group(1)
    fields = re.findall(r"\b(?:unsigned|uint\d+_t) (\w+);", struct)
    text = COMMENT.sub("", report.read("lib/desk/config.c"))
    names = {name.split()[1]: value for name, value in constants().items()
             if name.startswith("desk/config.c ")}
    init = re.search(r"defaults = \{(.*?)\};", text, re.S).group(1)
    values = dict(re.findall(r"\.(\w+) = ([^,]+),", init))
    return [(name, computed(values.get(name, "0"), names)) for name in fields
            if name not in ("auth_methods",)]  # which is no bound


def settings_have_their_defaults():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section("Settings"), re.M)
    want = dict(settings())
    have = [name for name, _ in rows]
    broken = [f"{PAGE}: no row for {name}" for name in want
              if name not in have]
    broken += [f"{PAGE}: {name} is no setting" for name in have
               if name not in want]
    if not broken and have != list(want):
        broken.append(f"{PAGE}: not in the order of config.h")
    broken += [f"{PAGE}: {name} is {text}; the code says {want[name]}"
               for name, text in rows
               if name in want and told(text) != want[name]]
    answer(broken)


def fixed():
    return {f"{path} {name}": value for value, path, name in re.findall(
        r"^\| [^|]+ \| ([^|]+) \| `([\w./]+)` `(\w+)` \|$", section("Fixed"),
        re.M)}


def fixed_bounds_have_their_values():
    known = constants()
    names = {key.split()[1]: value for key, value in known.items()}
    broken = []
    for key, text in fixed().items():
        if key not in known:
            broken.append(f"{PAGE}: there is no {key}")
        elif computed(known[key], names) != told(text):
            broken.append(f"{PAGE}: {key} is {text}; the code says "
                          f"{known[key]}")
    rows = re.findall(r"^\| .*`.*$", section("Fixed"), re.M)
    if len(rows) != len(fixed()):
        broken.append(f"{PAGE}: {len(rows)} rows, {len(fixed())} understood")
    answer(broken)


def no_bound_is_left_out():
    """What is named like one is in the table, or said here to be none."""
    table = fixed()
    named = [key for key in constants()
             if re.search(r"_MAX(?:_BYTES)?$", key) and "UVSSH_" not in key]
    broken = [f"{key}: neither in {PAGE} nor said to be our own"
              for key in named if key not in table and key not in OWN]
    broken += [f"{key}: is not there" for key in OWN if key not in named]
    broken += [f"{key}: in {PAGE} and said to be none" for key in OWN
               if key in table]
    answer(broken)


for rule in (settings_have_their_defaults, fixed_bounds_have_their_values,
             no_bound_is_left_out):
    report.run(rule.__name__, rule)
report.end()
