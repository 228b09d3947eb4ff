#!/usr/bin/env python3
"""Installs the libraries into a scratch folder, and builds programs outside of
the tree against them with pkg-config alone: in C and in C++, shared and static.
"""
import glob
import os
import re
import shutil
import tempfile

import report

# A package, what is built with it, and what that says.
PROGRAMS = {
    "uvssh": ("outside.c", r"uvssh [\d.]+, SHA256:[\w+/]{43}\n"),
    "uvssh-test": ("outside-kit.c", r"all is well\n"),
}
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
LANGUAGES = {
    "gcc": ["-x", "c", "-std=gnu11"],
    "g++": ["-x", "c++", "-std=gnu++17"],
    "clang": ["-x", "c", "-std=gnu11"],
    "clang++": ["-x", "c++", "-std=gnu++17"],
}


def find(root, name):
    found = glob.glob(os.path.join(root, "**", name), recursive=True)
    if not found:
        report.failed(f"meson install installed no {name}")
    return found[0]


def move(root, into):
    """All .pc files below root say that it is there."""
    for package in PROGRAMS:
        pc = find(root, package + ".pc")
        with open(pc, encoding="utf-8") as f:
            text = f.read()
        with open(pc, "w", encoding="utf-8") as f:
            f.write(re.sub(r"^prefix=(.*)$", into, text, flags=re.M))


def install(root):
    """As below `prefix`."""
    report.command("meson", "install", "-C", report.build_dir(),
                   "--no-rebuild", "--destdir", root)
    move(root, rf"prefix={root}\1")


def only_static(root, copy):
    """The same folder where there is no shared library to be preferred."""
    shutil.copytree(root, copy, symlinks=True)
    move(copy, lambda m: m.group(0).replace(root, copy))
    for path in glob.glob(os.path.join(os.path.dirname(find(
            copy, "libuvssh.a")), "libuvssh.so*")):
        os.unlink(path)


def pkg_config(root, *arguments):
    path = os.path.dirname(find(root, "uvssh.pc"))
    return report.command("pkg-config", *arguments, env={
        **os.environ, "PKG_CONFIG_PATH":
        path + ":" + os.environ.get("PKG_CONFIG_PATH", "")}).split()


def builds_and_runs(compiler, root, package, static):
    kind = ["--static"] if static else []
    source, says = PROGRAMS[package]
    program = os.path.join(root, f"{package}-{compiler}")
    report.command(
        compiler, *LANGUAGES[compiler], *WARNINGS,
        *pkg_config(root, *kind, "--cflags", package),
        os.path.join(report.ROOT, "test/headers", source),
        "-o", program, *pkg_config(root, *kind, "--libs", package))
    where = os.path.dirname(find(root, "libuvssh.a"))
    environment = {**os.environ, "LD_LIBRARY_PATH": where}
    if static:
        del environment["LD_LIBRARY_PATH"]
    out = report.command(program, env=environment)
    if not re.fullmatch(says, out):
        report.failed(f"it says: {out}")


def headers_are_installed(root):
    top = os.path.dirname(find(root, "uvssh.h"))
    for path in report.files("include", ends=(".h",)):
        if not os.path.exists(os.path.join(root, top, os.path.relpath(
                path, "include"))):
            report.failed(f"{path} is not installed")


def requires(root):
    """libuv is in the public headers; what else there is, is private."""
    for line, want in (("Requires:", ["libuv"]),
                       ("Requires.private:", ["libsodium"])):
        with open(find(root, "uvssh.pc"), encoding="utf-8") as f:
            text = re.search(rf"^{re.escape(line)}(.*)$", f.read(), re.M)
        names = re.findall(r"[a-z]\w*", text.group(1)) if text else []
        if [n for n in names if n not in ("mbedcrypto", "zlib")] != want:
            report.failed(f"{line} {names}, not {want}")


def main(scratch):
    shared, static = (os.path.join(scratch, n) for n in ("shared", "static"))
    report.run("install", install, shared)
    report.run("headers_are_installed", headers_are_installed, shared)
    report.run("requires", requires, shared)
    report.run("only_static", only_static, shared, static)
    for compiler in LANGUAGES:
        if shutil.which(compiler) is None:
            report.run(compiler, report.tool, compiler)
            continue
        for package in PROGRAMS:
            report.run(f"{package} shared {compiler}", builds_and_runs,
                       compiler, shared, package, False)
            report.run(f"{package} static {compiler}", builds_and_runs,
                       compiler, static, package, True)


with tempfile.TemporaryDirectory() as folder:
    main(folder)
report.end()
