"""chat: every key of the line that is typed on a terminal."""

import os

import term
from term import check, same, wait
from world import test


@test
def chat_editing(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    bob = w.enter_plain(server, "bob")
    alice.expect("* bob joined")

    alice.type("helo")
    alice.expect_row("alice> helo")
    alice.type("\x7flo wrld")                # DEL
    alice.expect_row("alice> hello wrld")
    alice.type("\b\b\borld")                 # BS
    alice.expect_row("alice> hello world")
    alice.type("\x17")                       # ^W
    alice.expect_row("alice> hello")
    same(alice.screen.x, len("alice> hello "), "column of the cursor")
    alice.type("you  \x17\x17")
    alice.expect_row("alice>")
    alice.type("\x17\x7f\x7f")               # nothing there to erase
    alice.type("all this goes\x15kept")      # ^U
    alice.expect_row("alice> kept")
    alice.type("\r")
    bob.expect("alice: kept\n")

    alice.type("not this\x03")               # ^C
    alice.expect_row("alice>")
    alice.type("but this\r")
    bob.expect("alice: but this\n")
    alice.type("\x03")
    alice.expect("* ^D or /quit leaves")
    alice.type("still here\x04")             # ^D on a line that is not empty
    alice.type("!\r")
    bob.expect("alice: still here!\n")

    # arrows, Home, F1, F5, Alt-x, a colour report; a tab is a space
    alice.type("a\x1b[A\x1b[1;5Cb\x1b[H\x1bOPc\x1b[15~\x1bxd\x1b[?1;2ce\tf")
    alice.expect_row("alice> abcde f")
    alice.type("\x00\x01\x0b\x1d")           # keys without a meaning
    alice.type("\r\n\r\nafter empty lines\n")
    bob.expect("alice: abcde f\nalice: after empty lines\n")

    alice.type("half\x1b\r")                 # ESC swallows no Enter
    bob.expect("alice: half\n")
    alice.type("typed \x0c")                 # ^L
    wait(lambda: alice.screen.clears == 1, "a clear screen")
    alice.expect_row("alice> typed")
    same(alice.screen.text()[-24:][0], "alice> typed", "first row")
    alice.type("on\r")
    bob.expect("alice: typed on\n")

    alice.type("\x04")                       # ^D on an empty one
    same(alice.wait_exit(), 0, "exit status of ssh")
    bob.expect("* alice left\n")
    same(alice.screen.strange, [], "escape sequences")
    same(alice.screen.bells, 0, "bells")
    server.stop()


@test
def chat_utf8(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    bob = w.enter_plain(server, "bob")
    prompt = len("alice> ")
    for text, columns in (("né", 2), ("naïve ñ", 7), ("日本", 4), ("a😀", 3),
                          ("e\u0301", 1), ("Ελλάδα", 6), ("п", 1)):
        alice.type(text)
        alice.expect_row("alice> " + text)
        same(alice.screen.x, prompt + columns, "column after %r" % text)
        while text:
            # one character with the marks over it
            text = text[:-2] if text[-1] == "\u0301" else text[:-1]
            alice.type("\x7f")
            alice.expect_row(("alice> " + text).rstrip())
        same(alice.screen.x, prompt, "column of the empty line")
    for byte in "日é😀\r".encode():           # bytes that come one by one
        os.write(alice.master, bytes([byte]))
        term.pump(0.01)
    bob.expect("alice: 日é😀\n")
    os.write(alice.master, b"bad \xff\xc3( \xe6\x97\r")
    bob.expect("alice: bad ")
    bob.expect("\n")
    bob.data.decode()                        # well formed
    alice.type("日本 語\x17\r")
    bob.expect("alice: 日本 \n")
    same(alice.screen.strange, [], "escape sequences")
    server.stop()


@test
def chat_lines_of_others_while_typing(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    bob = w.enter_plain(server, "bob")
    alice.expect("* bob joined")
    alice.type("I am still ty")
    alice.expect_row("alice> I am still ty")
    bob.write("me first\nand again\n")
    alice.expect("bob: me first")
    alice.expect("bob: and again")
    alice.expect_row("alice> I am still ty")
    bob.write("x" * 200 + "\n")              # three rows
    alice.expect("x" * 45)
    alice.expect_row("alice> I am still ty")
    alice.type("ping\r")
    bob.expect("alice: I am still typing\n")
    alice.expect("alice: I am still typing")
    alice.expect_row("alice>")

    long = "0123456789" * 20                 # longer than the row
    alice.type(long)
    alice.expect_row("alice> " + long[-(80 - 1 - len("alice> ")):])
    bob.write("meanwhile\n")
    alice.expect("bob: meanwhile")
    alice.expect_row("alice> " + long[-72:])
    bob.end_input()
    alice.expect("* bob left")
    alice.expect_row("alice> " + long[-72:])
    text = alice.screen.text()
    same(sum(long[-20:] in line for line in text), 1, "rows with the line")
    same(sum("still ty" in line for line in text), 1, "rows with the first")
    same(alice.screen.strange, [], "escape sequences")
    server.stop()


@test
def chat_resize(w):
    server = w.chat()
    alice = w.enter(server, "alice", 60)
    line = "abcdefghijklmnopqrstuvwxyz" * 2
    alice.type(line)
    alice.expect_row("alice> " + line)
    alice.resize(50)
    alice.expect_row("alice> " + line[-42:])
    alice.resize(30)
    alice.expect_row("> " + line[-27:])
    alice.resize(100)
    alice.expect_row("alice> " + line)
    alice.type("\r")
    alice.expect("alice: " + line)
    wide = "日本語" * 10                      # 60 columns of two each
    alice.resize(50)
    alice.type(wide)
    alice.expect_row("alice> " + wide[-21:])
    same(alice.screen.strange, [], "escape sequences")
    bob = w.enter(server, "bob", 20)
    bob.type("narrow")
    bob.expect_row("> narrow")
    server.stop()


@test
def chat_long_lines(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    bob = w.enter_plain(server, "bob")
    bob.write("x" * 1000 + "\n")
    alice.expect("bob: " + "x" * 75)
    bob.write("é" * 1001 + "\nfence\n")
    bob.expect("* not sent: a line holds at most 1000 characters\n")
    alice.expect("bob: fence")
    check("é" not in "".join(alice.screen.text()), "a line too long was sent")
    bob.write("x" * 3000000 + "\nfence 2\n")
    bob.expect("* not sent: a line holds at most 1000 characters\n")
    alice.expect("bob: fence 2")

    alice.type("y" * 1005)
    alice.expect("* a line holds at most 1000 characters, the rest is not "
                 "taken")
    same(alice.screen.bells, 1, "bells")
    alice.expect_row("alice> " + "y" * 72)
    alice.type("\x7fz\r")
    bob.expect("alice: " + "y" * 999 + "z\n")
    alice.type("short\r")
    bob.expect("alice: short\n")
    server.stop()
