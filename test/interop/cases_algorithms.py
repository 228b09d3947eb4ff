"""Each algorithm that a partner and we have, in as few connections as there can
be: a connection uses one of each list, and the lists go round until the longest
is through. In each, keys are changed once by us, and messages come and go whose
sizes lie around the borders of blocks, packets and windows."""
import random

import offer
import peers
from servers import Skipped, same

LISTS = ("kex", "hostkey", "userkey", "cipher", "mac", "compression")
AEAD = ("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com",
        "aes128-gcm@openssh.com")
GROUPS = "diffie-hellman-group-exchange-sha256"
SIZES = (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257, 32767, 32768,
         32769, 65535, 65536, 65537, 1, 15, 16, 17)
LIMIT = 3 * 65536                  # of these bytes once, either way


# ---- who has what -----------------------------------------------------------

def listed(argv):
    """kex, hostkey, cipher, mac and compression, by `PROGRAM list`."""
    text = peers.make(*argv, "list")
    return {words[0]: words[1].split(",") for words in
            (line.split() for line in text.splitlines()) if len(words) == 2}


def of_openssh(partner, run):
    ask = run.ssh.split()
    names = {"kex": "kex", "hostkey": "HostKeyAlgorithms", "cipher": "cipher",
             "mac": "mac", "compression": "compression"}
    return {what: peers.make(*ask, "-Q", name).split()
            for what, name in names.items()}


def of_class(peer_class):
    """Of a client that cannot list it."""
    def algorithms(partner, run):
        return offer.of_client(run, peer_class(run))
    return algorithms


def of_server(peer_class):
    """Of a server that cannot list it: it tells but the host keys that it has;
    its client tells all."""
    def algorithms(partner, run):
        told = offer.of_client(run, peer_class(run))
        try:
            server = partner.server(run, {})
        except Skipped:
            return told            # its cases say why
        try:
            return dict(offer.of_server(run, server.port),
                        hostkey=told["hostkey"])
        finally:
            server.stop()
    return algorithms


def key_type(algorithm):
    """Of the keys that sign with it."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def key_types(algorithms):
    return list(dict.fromkeys(map(key_type, algorithms)))


# ---- what is used together --------------------------------------------------

def seals(ciphers, macs):
    """(cipher, mac); an AEAD cipher has no mac."""
    plain = [c for c in ciphers if c not in AEAD] if macs else []
    count = max(len(plain), len(macs)) if plain else 0
    return [(c, None) for c in ciphers if c in AEAD] + [
        (plain[i % len(plain)], macs[i % len(macs)]) for i in range(count)]


def rows(common):
    """Of the lists of what is common: {list: name} of each connection."""
    sealing = seals(common["cipher"], common["mac"])
    lists = (common["kex"], common["hostkey"], sealing, common["compression"])
    made = []
    for i in range(max(map(len, lists)) if all(lists) else 0):
        kex, hostkey, (cipher, mac), compression = (
            names[i % len(names)] for names in lists)
        made.append({"kex": kex, "hostkey": hostkey,
                     "userkey": user_key(hostkey, common["userkey"]),
                     "cipher": cipher, "mac": mac, "compression": compression})
    cheapen(made)
    return made


def user_key(hostkey, types):
    """Of the host key's type, so that a partner's server starts once a type."""
    kind = key_type(hostkey)
    return kind if kind in types else types[0]


def cheapen(made):
    """A group is asked for that is as strong as the cipher. One of 3072 bits
    says as much about a partner as one of 8192, which takes seconds."""
    groups = [row for row in made if row["kex"] == GROUPS]
    lighter = [row for row in made if row["cipher"].startswith("aes128-gcm")]
    for row, other in zip(groups, lighter):
        for what in ("cipher", "mac"):
            row[what], other[what] = other[what], row[what]


def title(row):
    return "algorithms " + " ".join(name for what, name in row.items()
                                    if name and what != "userkey")


# ---- a connection -----------------------------------------------------------

def pieces():
    """Some of them can be compressed."""
    chance = random.Random(1)
    return [bytes(size) if size in (16, 256, 32768) else chance.randbytes(size)
            for size in SIZES]


def sides(pair, row):
    """The options of our side, and of the partner's."""
    run, agreed = pair.run, {what: row[what] for what in LISTS
                             if row[what] and what != "userkey"}
    key = {"key": run.user_keys[row["userkey"]],
           "known": run.fingerprints[key_type(row["hostkey"])]}
    ours = dict(agreed, rekey_bytes=LIMIT)
    if pair.role == "client":
        return dict(ours, host_keys=tuple(run.host_keys.values())[1:],
                    user_keys=tuple(run.user_keys.values())[1:]), \
            dict(agreed, **key)
    theirs = {what: ",".join(pair.common[what])
              for what in ("kex", "cipher", "mac", "compression")}
    return dict(ours, **key), dict(
        theirs, host_key=run.host_keys[key_type(row["hostkey"])],
        authorized=key["key"] + ".pub")


def run_row(pair, row):
    """Our side knows these only, so they are what was agreed."""
    ours, theirs = sides(pair, row)
    seen = pair.use(lambda c, s, o: c.converse(s, pieces(), **o), ours, theirs)
    agreed = {what: row[what] or "" for what in LISTS if what != "userkey"}
    same({what: seen[what] for what in agreed}, agreed, "what was agreed")
    same(seen["exchanges"] > 0, True, "whether there was an exchange")
