// node_shared.js: what the client and the server of node_peer.js share.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { Readable } = require('stream');

const EXIT = { wrong: 1, usage: 2, cannot: 77, timeout: 124, signal: 254,
               failed: 255 };
const LARGE = 64 << 20;
const PIECE = 1 << 16;

function leave(code, text) {
  fs.writeSync(2, `${text}\n`);
  process.exit(code);
}

const oneLine = (what) => String(what).replace(/\s*\n\s*/g, ' ');
const cannot = (what) => leave(EXIT.cannot, `cannot: ${oneLine(what)}`);
const failed = (what) => leave(EXIT.failed, `failed: ${oneLine(what)}`);
const wrong = (what) => leave(EXIT.wrong, `failed: ${oneLine(what)}`);
const note = (text) => fs.writeSync(2, `${text}\n`);

// ---- the library ------------------------------------------------------------

// Folders that may hold node_modules with ssh2; see README.md.
function folders() {
  const homes = [os.homedir()];
  try {
    homes.push(os.userInfo().homedir);         // whatever HOME says
  } catch {
    // no such user
  }
  const caches = homes.map((home) => path.join(home, '.cache'));
  if (process.env.XDG_CACHE_HOME)
    caches.unshift(process.env.XDG_CACHE_HOME);
  const found = caches.map((cache) => path.join(cache, 'uvssh', 'node'));
  const peers = process.env.UVSSH_PEERS;
  if (!peers || !fs.existsSync(peers))
    return found;
  const below = fs.readdirSync(peers, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(peers, entry.name));
  return [peers, ...below, ...found];
}

function load(name) {
  for (const place of [undefined, ...folders()]) {
    try {
      return require(place === undefined
        ? name : path.join(place, 'node_modules', name));
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND')
        throw error;
    }
  }
  return cannot(`find ${name}: npm install ssh2, see README.md`);
}

// ---- options ----------------------------------------------------------------

const NUMBERS = ['port', 'rekey-bytes', 'patience'];
const TEXTS = ['host', 'user', 'password', 'key', 'known', 'host-key',
               'authorized', 'kex', 'hostkey', 'cipher', 'mac', 'compression'];

function parse(words) {
  const o = { host: '127.0.0.1', patience: 60, 'rekey-bytes': 0, port: 0 };
  while (words.length && words[0].startsWith('--')) {
    const name = words.shift().slice(2);
    if (name === 'rekey') {
      o.rekey = true;
      continue;
    }
    const value = words.shift();
    if (value === undefined || !NUMBERS.includes(name) && !TEXTS.includes(name))
      leave(EXIT.usage, `--${name}: unknown option, or no value`);
    o[name] = NUMBERS.includes(name) ? Number(value) : value;
    if (Number.isNaN(o[name]))
      leave(EXIT.usage, `--${name} wants a number`);
  }
  return o;
}

function algorithms(o) {
  const of = { kex: 'kex', serverHostKey: 'hostkey', cipher: 'cipher',
               hmac: 'mac', compress: 'compression' };
  const chosen = {};
  for (const [theirs, ours] of Object.entries(of)) {
    if (o[ours])
      chosen[theirs] = o[ours].split(',');
  }
  return chosen;
}

// The library checks what it is told only here.
function make(what) {
  try {
    return what();
  } catch (error) {
    return /algorithm/i.test(error.message) ? cannot(error.message)
                                            : failed(error.message);
  }
}

function negotiated(got) {
  const both = (a, b) => (a === b ? a || '-' : `${a || '-'}/${b || '-'}`);
  note(`negotiated kex=${got.kex} hostkey=${got.serverHostKey} ` +
       `cipher=${both(got.cs.cipher, got.sc.cipher)} ` +
       `mac=${both(got.cs.mac, got.sc.mac)}`);
}

// ---- progress ---------------------------------------------------------------

const moved = (sock) => sock.bytesRead + sock.bytesWritten;

// Calls late() once nothing has moved for so long.
function guard(sock, patience, late) {
  let last = Date.now();
  let seen = 0;
  const timer = setInterval(() => {
    if (moved(sock) !== seen) {
      seen = moved(sock);
      last = Date.now();
    } else if (Date.now() - last > patience * 1000) {
      clearInterval(timer);
      late();
    }
  }, 200);
  sock.on('close', () => clearInterval(timer));
}

// A function that starts an exchange when that many bytes have moved since the
// last one; called wherever bytes move.
function rekeyer(sock, step, rekey) {
  let next = moved(sock) + step;
  const look = () => {
    if (step && moved(sock) >= next && !sock.destroyed) {
      next = moved(sock) + step;
      rekey();
    }
  };
  sock.on('data', look);
  return look;
}

// ---- the pattern ------------------------------------------------------------

function* pattern(size) {
  for (let at = 0; at < size; at += PIECE) {
    const words = new Uint32Array(PIECE / 4);
    for (let i = 0; i < words.length; i += 2) {
      const counter = (at + i * 4) / 8;
      words[i] = counter;
      words[i + 1] = Math.floor(counter / 2 ** 32);
    }
    const bytes = Buffer.from(words.buffer);
    if (os.endianness() === 'BE')
      bytes.swap32();
    yield bytes.subarray(0, Math.min(PIECE, size - at));
  }
}

const sha256 = () => crypto.createHash('sha256');

// Sends it, and EOF; done(hex) once all has been handed over.
function send(stream, size, moving, done) {
  const hash = sha256();
  const source = Readable.from(pattern(size));
  source.on('data', (piece) => hash.update(piece));
  source.on('data', moving);
  source.pipe(stream, { end: false });
  source.on('end', () => done(hash.digest('hex')));
}

// Takes what comes and compares it.
class Checker {
  constructor(size) {
    this.size = size;
    this.got = 0;
    this.hash = sha256();
    this.want = pattern(size);
    this.rest = Buffer.alloc(0);
    this.differs = false;
  }

  take(data) {
    this.hash.update(data);
    while (data.length && !this.differs) {
      if (!this.rest.length)
        this.rest = this.want.next().value || Buffer.alloc(0);
      const n = Math.min(data.length, this.rest.length);
      if (!n || data.compare(this.rest, 0, n, 0, n) !== 0) {
        this.differs = true;
        return;
      }
      this.got += n;
      this.rest = this.rest.subarray(n);
      data = data.subarray(n);
    }
  }

  finish() {
    if (this.differs || this.got !== this.size)
      wrong(`what came differs at byte ${this.got} of ${this.size}`);
    return this.hash.digest('hex');
  }
}

module.exports = {
  algorithms, cannot, Checker, EXIT, failed, guard, LARGE, leave, load, make,
  negotiated, note, oneLine, parse, rekeyer, send, sha256, wrong,
};
