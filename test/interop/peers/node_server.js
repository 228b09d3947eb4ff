// node_server.js: the server of node_peer.js and its commands.
'use strict';

const fs = require('fs');
const net = require('net');

const {
  algorithms, cannot, EXIT, failed, guard, leave, load, make, negotiated,
  note, oneLine, rekeyer, send, sha256,
} = require('./node_shared.js');

function exit(channel, status) {
  channel.exit(status);
  channel.end();
}

const COMMANDS = {
  noop: (channel) => exit(channel, 0),
  exit: (channel, arg) => exit(channel, Number(arg)),
  signal: (channel, arg) => {
    channel.exit(arg, false, '');
    channel.end();
  },
  stderr: (channel) => {
    channel.write('out\n');
    channel.stderr.write('err\n');
    exit(channel, 3);
  },
  sink: (channel) => {
    const hash = sha256();
    channel.on('data', (data) => hash.update(data));
    channel.on('end', () => {
      if (channel.writable) {
        channel.write(`${hash.digest('hex')}\n`);
        exit(channel, 0);
      }
    });
  },
  // The status leaves when all bytes have: exit() does not wait for them.
  source: (channel, arg, moving) => {
    channel.resume();
    send(channel, Number(arg), moving, () => {
      channel.write('', () => exit(channel, 0));
    });
  },
  echo: (channel, arg, moving) => {
    channel.on('data', moving);
    channel.pipe(channel, { end: false });
    channel.on('end', () => {
      if (channel.writable)
        channel.write('', () => exit(channel, 0));
    });
  },
};
COMMANDS.cat = COMMANDS.echo;

function shell(channel) {
  let rest = '';
  channel.write('shell\n');
  channel.on('data', (data) => {
    rest += data.toString('latin1');
    for (let at; (at = rest.search(/[\r\n]/)) >= 0 && channel.writable;) {
      const line = rest.slice(0, at);
      rest = rest.slice(at + 1);
      if (line === 'exit')
        exit(channel, 0);
      else
        channel.write(Buffer.from(`${line}\n`, 'latin1'));
    }
  });
  channel.on('end', () => {
    if (channel.writable)
      exit(channel, 0);
  });
}

function serveSession(session, moving) {
  const begin = (accept, run, arg) => {
    const channel = accept();
    channel.on('error', () => {});
    channel.stderr.on('error', () => {});
    run(channel, arg, moving);
  };
  session.on('exec', (accept, reject, info) => {
    const [name, ...rest] = info.command.split(' ');
    const known = Object.hasOwn(COMMANDS, name);
    if (known)
      begin(accept, COMMANDS[name], rest.join(' '));
    else if (reject)
      reject();
  });
  session.on('shell', (accept) => begin(accept, shell));
  session.on('subsystem', (accept, reject, info) => {
    if (info.name === 'echo')
      begin(accept, COMMANDS.echo);
    else if (reject)
      reject();
  });
}

// Whether this attempt to log in is right.
function judge(o, authorized, ctx) {
  if (ctx.method === 'password')
    return o.password !== undefined && ctx.password === o.password;
  if (ctx.method !== 'publickey' || !authorized)
    return false;
  if (!ctx.key.data.equals(authorized.getPublicSSH()))
    return false;
  return !ctx.signature ||
    authorized.verify(ctx.blob, ctx.signature, ctx.hashAlgo) === true;
}

function serveConnection(o, authorized, ssh, sock) {
  const methods = [];
  if (authorized)
    methods.push('publickey');
  if (o.password !== undefined)
    methods.push('password');
  let login = '';
  let first;
  ssh.on('error', (error) => note(`failed: ${oneLine(error.message)}`));
  ssh.on('handshake', (got) => { first = first || got; });
  ssh.on('authentication', (ctx) => {
    if (judge(o, authorized, ctx)) {
      login = `login ${ctx.username} ${ctx.method}`;
      ctx.accept();
    } else {
      ctx.reject(methods);
    }
  });
  ssh.on('ready', () => {
    note(login);
    negotiated(first);
    const moving = rekeyer(sock, o['rekey-bytes'], () => ssh.rekey());
    ssh.on('session', (accept) => serveSession(accept(), moving));
  });
}

// ssh2 always offers its only key's type, whatever serverHostKey says.
function checkHostKey(o, ssh2, text) {
  const key = make(() => {
    const parsed = ssh2.utils.parseKey(text);
    if (parsed instanceof Error)
      throw parsed;
    return parsed;
  });
  if (o.hostkey && key.type !== 'ssh-rsa' &&
      !o.hostkey.split(',').includes(key.type))
    cannot(`offer hostkey ${o.hostkey} with this key`);
}

function runServer(o) {
  const ssh2 = load('ssh2');
  const hostKey = make(() => fs.readFileSync(o['host-key']));
  const authorized = o.authorized && make(
    () => ssh2.utils.parseKey(fs.readFileSync(o.authorized)));
  if (authorized instanceof Error)
    failed(authorized.message);
  checkHostKey(o, ssh2, hostKey);
  const server = make(() => new ssh2.Server(
    { hostKeys: [hostKey], algorithms: algorithms(o), keepaliveInterval: -1 }));
  const socks = new Map();
  server.on('connection', (ssh, info) => {
    serveConnection(o, authorized, ssh, socks.get(info.port));
  });
  const patience = 10 * o.patience * 1000;
  const lonely = setTimeout(
    () => leave(EXIT.timeout, 'timeout: nobody connects'), patience);
  const listener = net.createServer((sock) => {
    const port = sock.remotePort;
    lonely.refresh();
    socks.set(port, sock);
    sock.on('error', () => {});
    sock.on('close', () => socks.delete(port));
    guard(sock, o.patience, () => {
      note('timeout: a connection');
      sock.destroy();
    });
    server.injectSocket(sock);
  });
  process.on('SIGTERM', () => process.exit(0));
  listener.on('error', (error) => failed(error.message));
  listener.listen(o.port, o.host, () => {
    console.log(`listening ${listener.address().port}`);
  });
}

module.exports = { runServer };
