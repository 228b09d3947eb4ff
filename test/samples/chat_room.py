"""chat: talking, names, commands, and text that is not nice."""

from term import check, same, wait
from world import test


@test
def chat_talk(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    alice.expect("* you are alice, one of 1 here; /help says what you can type")
    bob = w.enter(server, "bob")
    bob.expect("* you are bob, one of 2 here; /help says what you can type")
    alice.expect("* bob joined")
    carol = w.enter_plain(server, "carol")
    alice.expect("* carol joined")
    bob.expect("* carol joined")

    alice.type("hello, all\r")
    for client in (alice, bob):
        client.expect("alice: hello, all")
    carol.expect("alice: hello, all\n")
    carol.write("hello, alice\n")
    for client in (alice, bob):
        client.expect("carol: hello, alice")
    bob.type("and me?\r")
    carol.expect("bob: and me?\n")
    alice.expect("bob: and me?")

    carol.end_input()
    same(carol.wait_exit(), 0, "exit status of ssh")
    check("carol:" not in carol.text(), "carol's own line came back")
    alice.expect("* carol left")
    bob.type("/quit\r")
    same(bob.wait_exit(), 0, "exit status of ssh")
    alice.expect("* bob left")
    for client in (alice, bob):
        same(client.screen.strange, [], "escape sequences")
    check(b"\r" not in carol.data, "CR to a client without a terminal")
    server.stop()
    same(alice.wait_exit(), 0, "exit status of ssh")


@test
def chat_forgets(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    alice.type("before anybody came\r")
    alice.expect("alice: before anybody came")
    bob = w.enter_plain(server, "bob")
    alice.type("now\r")
    bob.expect("alice: now\n")
    check(b"before" not in bob.data, "bob was told what was said before")
    server.stop()
    for word in ("alice", "bob", "before"):
        check(word not in server.out, "%s in the output of chat" % word)


@test
def chat_plain_lines(w):
    server = w.chat()
    alice = w.enter_plain(server, "alice")
    bob = w.enter_plain(server, "bob")
    alice.expect("* bob joined\n")
    bob.write("one\ntwo\r\n\n\r\nthree")
    alice.expect("bob: one\nbob: two\n")
    bob.write(" and a half\n/names\n/quit now or never\n")
    alice.expect("bob: three and a half\n* bob left\n")
    same(bob.wait_exit(), 0, "exit status of ssh")
    check(b"* 2 here: alice, bob\n" in bob.data or
          b"* 2 here: bob, alice\n" in bob.data, "no answer to /names")

    carol = w.enter_plain(server, "carol")
    carol.write("the last line has no end")
    carol.end_input()
    alice.expect("* carol joined\ncarol: the last line has no end\n"
                 "* carol left\n")
    same(carol.wait_exit(), 0, "exit status of ssh")
    server.stop()


@test
def chat_names_at_login(w):
    server = w.chat()
    watcher = w.enter_plain(server, "watcher")
    clients = []
    for user, nick in (("alice", "alice"), ("Alice", "Alice2"),
                       ("ALICE", "ALICE3"), ("bob smith", "bobsmith"),
                       ("b:o*b@home", "bobhome"), ("***", "guest"),
                       ("*", "guest2"), ("Zoë", "Zoë"), ("zoË", "zoË2"),
                       ("a_name.that-is_too.long", "a_name.that-is_t"),
                       ("a_name.that-is_too.long", "a_name.that-2")):
        clients.append(w.plain(server, user))
        clients[-1].expect("* you are %s, " % nick)
        watcher.expect("* %s joined\n" % nick)
    server.stop()
    for client in clients:
        same(client.wait_exit(), 0, "exit status of ssh")


@test
def chat_commands(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    bob = w.enter_plain(server, "bob")
    alice.expect("* bob joined")

    alice.type("/names\r")
    alice.expect("alice> /names")
    wait(lambda: any(line in alice.screen.text() for line in (
        "* 2 here: alice, bob", "* 2 here: bob, alice")), "/names")

    alice.type("/nick ally\r")
    alice.expect("* alice is now ally")
    alice.expect_row("ally>")
    bob.expect("* alice is now ally\n")
    for name in ("bob", "BOB", "Bob"):
        alice.type("/nick %s\r" % name)
        alice.expect("* the name bob is taken")
    for name in ("", "a b", "a:b", "*", "x" * 17, "a\u0301"):
        alice.type("/nick %s\r" % name)
        alice.expect("* a name is 1 to 16 letters, digits or - _ . without "
                     "spaces")
    alice.type("/nick   Ally\r")             # the own name, written otherwise
    alice.expect("* ally is now Ally")
    alice.type("/nick Jürgen_ß.名\r")
    alice.expect("* Ally is now Jürgen_ß.名")
    alice.expect_row("Jürgen_ß.名>")
    bob.write("/nick JÜRGEN_ß.名\n")
    bob.expect("* the name Jürgen_ß.名 is taken\n")
    bob.write("/nick " + "x" * 16 + "\n")
    alice.expect("* bob is now " + "x" * 16)

    alice.type("/help\r")
    for line in ("* /names      who is here",
                 "* /nick NAME  take another name",
                 "* /quit       leave (or ^D on an empty line)",
                 "* /help       this; //text says \"/text\""):
        alice.expect(line)
    for line in ("/nonsense with words", "/NAMES", "/"):
        alice.type(line + "\r")
        alice.expect("* there is no command %s; /help lists what there is"
                     % line.split(" ")[0])
    alice.type("//etc/passwd\r")
    bob.expect("Jürgen_ß.名: /etc/passwd\n")
    alice.expect("Jürgen_ß.名: /etc/passwd")
    check(b"nonsense" not in bob.data, "a command was said aloud")

    bob.write("/quit\n")
    same(bob.wait_exit(), 0, "exit status of ssh")
    alice.expect("* xxxxxxxxxxxxxxxx left")
    alice.type("/quit\r")
    same(alice.wait_exit(), 0, "exit status of ssh")
    server.stop()


@test
def chat_control_characters(w):
    server = w.chat()
    alice = w.enter(server, "alice")
    bob = w.enter_plain(server, "bob")
    alice.expect("* bob joined")
    for sent, shown in (
            (b"\x1b[2J\x1b[1;31mred", "\\x1b[2J\\x1b[1;31mred"),
            (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            (b"bell\x07 back\x08 del\x7f", "bell\\x07 back\\x08 del\\x7f"),
            (b"tab\tend", "tab\\tend"),
            (b"nul\x00end", "nul\ufffdend"),
            (b"\xff\xfe\x80 \xc3\xa9 \xe2\x82", "\ufffd\ufffd\ufffd é "),
            (b"a\rb", "ab"),
            (b"C:\\dir \\n \\x1b", "C:\\dir \\n \\x1b"),
            (b"\xc2\x9b31m", None), ("\u202egnp.exe".encode(), None)):
        before = len(bob.data)
        bob.write(sent + b"\nfence\n")
        if shown is not None:
            alice.expect(("bob: " + shown).rstrip())
        alice.expect("bob: fence")
        check(before <= len(bob.data), "bob lost something")
    text = "\n".join(alice.screen.text())
    same(alice.screen.strange, [], "escape sequences")
    same(alice.screen.bells, 0, "bells")
    for char in "\u202e\x9b\x1b\x07":
        check(char not in text, "%r was passed on" % char)
    for word in ("31m", "gnp.exe"):
        check(word in text, "%r was lost" % word)

    bob.write(b"/\x1b[31m\n/nick \x1b[31m\n")
    bob.expect("* there is no command /\\x1b[31m; ")
    bob.expect("* a name is 1 to ")
    server.stop()
