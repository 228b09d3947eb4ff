// node_client.js: the client of node_peer.js and its actions.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const net = require('net');

const {
  algorithms, cannot, Checker, EXIT, failed, guard, LARGE, leave, load, make,
  negotiated, note, rekeyer, send, sha256, wrong,
} = require('./node_shared.js');

// ---- a client's channel -----------------------------------------------------

class Client {
  constructor(o) {
    this.o = o;
    this.exchanges = -1;
    this.ssh = new (load('ssh2').Client)();
    this.moving = () => {};
    this.leaving = false;
  }

  connect(ready) {
    const { o, ssh } = this;
    const sock = net.connect(o.port, o.host);
    this.sock = sock;
    guard(sock, o.patience, () => leave(EXIT.timeout, 'timeout: no progress'));
    ssh.on('error', (error) => this.broken(error.message));
    ssh.on('close', () => this.broken('the connection is lost'));
    ssh.on('handshake', (got) => {
      this.first = this.first || got;
      this.exchanges++;
    });
    ssh.on('ready', () => {
      negotiated(this.first);
      this.moving = rekeyer(sock, o['rekey-bytes'], () => this.rekey());
      ready();
    });
    make(() => ssh.connect({
      sock, username: o.user, password: o.key ? undefined : o.password,
      privateKey: o.key ? fs.readFileSync(o.key) : undefined,
      readyTimeout: 0, algorithms: algorithms(o),
      hostVerifier: (key) => this.known(key),
    }));
  }

  broken(why) {
    if (!this.leaving)
      failed(why);
  }

  known(key) {
    const got = crypto.createHash('sha256').update(key).digest('base64')
      .replace(/=+$/, '');
    if (`SHA256:${got}` !== this.o.known)
      failed(`the host key is SHA256:${got}`);
    return true;
  }

  rekey() {
    if (!this.ssh._protocol || !this.ssh._protocol.rekey)
      cannot('start an exchange with this ssh2');
    this.ssh._protocol.rekey();
  }

  // Calls back with the channel once the request is answered.
  open(kind, text, ready) {
    const opened = (error, stream) => {
      if (error)
        failed(error.message);
      if (this.o.rekey) {
        this.o.rekey = false;
        this.rekey();
      }
      stream.on('exit', (code, signal) => {
        stream.code = code;
        stream.signal = signal;
      });
      ready(stream);
    };
    if (kind === 'exec')
      this.ssh.exec(text, opened);
    else if (kind === 'shell')
      this.ssh.shell(false, opened);
    else
      this.ssh.subsys(text, opened);
  }

  // Waits until the channel is closed; it must have ended like this.
  expect(stream, status, done) {
    stream.stderr.resume();
    stream.on('close', () => {
      if (stream.code !== status || stream.signal)
        wrong(`exit status ${stream.code} ${stream.signal || ''}, ` +
              `not ${status}`);
      done();
    });
  }

  end(code) {
    this.leaving = true;
    note(`exchanges ${this.exchanges}`);
    this.sock.on('close', () => process.exit(code));
    setTimeout(() => process.exit(code), 2000);
    this.ssh.end();
  }
}

// exec, shell and subsystem: with our own stdin and stdout.
function attended(client, kind, text) {
  client.open(kind, text, (stream) => {
    process.stdin.pipe(stream);
    stream.pipe(process.stdout);
    stream.stderr.pipe(process.stderr);
    stream.on('close', () => {
      process.stdin.destroy();
      if (stream.signal) {
        note(`signal ${stream.signal.replace(/^SIG/, '')}`);
        client.end(EXIT.signal);
      } else if (typeof stream.code === 'number') {
        client.end(stream.code & 255);
      } else if (client.sock.destroyed) {
        failed('the connection is lost');
      } else if (kind === 'exec') {
        note('no status');
        client.end(EXIT.signal);
      } else {
        client.end(0);
      }
    });
  });
}

function up(client, size) {
  client.open('exec', 'sink', (stream) => {
    let answer = '';
    let sent;
    stream.on('data', (data) => { answer += data; });
    client.expect(stream, 0, () => {
      if (answer.trim() !== sent)
        wrong(`the server got ${answer.slice(0, 80)}, not ${sent}`);
      console.log(sent);
      client.end(0);
    });
    send(stream, size, client.moving, (hex) => {
      sent = hex;
      stream.end();
    });
  });
}

function receive(client, stream, size) {
  const checker = new Checker(size);
  stream.on('data', (data) => checker.take(data));
  client.expect(stream, 0, () => {
    console.log(checker.finish());
    client.end(0);
  });
}

function down(client, size) {
  client.open('exec', `source ${size}`, (stream) => {
    receive(client, stream, size);
  });
}

function both(client, size) {
  client.open('exec', 'echo', (stream) => {
    receive(client, stream, size);
    send(stream, size, client.moving, () => stream.end());
  });
}

// ---- a client's closing -----------------------------------------------------

const ORDERS = {
  'client-first': (client, done) => client.open('exec', 'cat', (stream) => {
    let back = '';
    stream.on('data', (data) => {
      back += data;
      if (back === 'hello')
        stream.close();
    });
    stream.on('close', () => {
      if (back !== 'hello')
        wrong(`${back} came back`);
      done();
    });
    stream.write('hello');
  }),

  'server-first': (client, done) => client.open('exec', 'exit 7', (stream) => {
    stream.resume();
    client.expect(stream, 7, done);
  }),

  // The request's answer and the server's CLOSE may come in one piece: this is
  // called between the two.
  both: (client, done) => client.open('exec', 'noop', (stream) => {
    stream.resume();
    stream.stderr.resume();
    stream.on('close', done);
    stream.close();
  }),

  'eof-first': (client, done) => client.open('exec', 'sink', (stream) => {
    let answer = '';
    stream.on('data', (data) => { answer += data; });
    client.expect(stream, 0, () => {
      if (answer.trim() !== sha256().digest('hex'))
        wrong(`the server got ${answer.slice(0, 80)}, not nothing`);
      done();
    });
    stream.end();
  }),

  disconnect: (client, done) => busy(client, () => client.ssh.end(), done),
  abort: (client, done) => busy(client, () => client.sock.resetAndDestroy(),
                                done),
};

// Goes away while the channel is open and busy.
function busy(client, go, done) {
  client.open('exec', `source ${LARGE}`, (stream) => {
    stream.once('data', () => {
      client.leaving = true;
      client.sock.on('close', done);
      go();
    });
  });
}

function closing(client, how) {
  const closed = () => {
    console.log(`closed ${how}`);
    if (client.leaving)
      process.exit(0);
    client.end(0);
  };
  ORDERS[how](client, () => {
    if (client.leaving) {
      closed();
      return;
    }
    client.open('exec', 'noop', (stream) => {
      stream.resume();
      client.expect(stream, 0, closed);
    });
  });
}

// ---- the client -------------------------------------------------------------

function runClient(o, words) {
  const counts = { exec: 2, shell: 1, subsystem: 2, up: 2, down: 2, both: 2,
                   close: 2 };
  const [action, text] = words;
  const size = Number(text);
  if (counts[action] !== words.length ||
      action === 'close' && !ORDERS[text] ||
      ['up', 'down', 'both'].includes(action) && !(size >= 0))
    leave(EXIT.usage, 'usage: node_peer.js client ... ACTION, see README.md');
  if (text === 'abort' && !net.Socket.prototype.resetAndDestroy)
    cannot('reset a connection with this node');
  const client = new Client(o);
  client.connect(() => {
    const transfers = { up, down, both };
    if (transfers[action])
      transfers[action](client, size);
    else if (action === 'close')
      closing(client, text);
    else
      attended(client, action, text);
  });
}

module.exports = { runClient };
