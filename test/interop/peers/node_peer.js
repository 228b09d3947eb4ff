#!/usr/bin/env node
// node_peer.js: ssh2 for node as a client and a server, by the contract of
// README.md in this folder.
//
// What is not ssh2's public interface: a client's re-exchange
// (client._protocol.rekey()) and the list of all algorithms
// (ssh2/lib/protocol/constants.js). Without them it says "cannot".
'use strict';

const { runClient } = require('./node_client.js');
const { runServer } = require('./node_server.js');
const { EXIT, leave, load, parse } = require('./node_shared.js');

function list() {
  load('ssh2');
  const all = load('ssh2/lib/protocol/constants.js');
  const rows = { kex: all.SUPPORTED_KEX, hostkey: all.SUPPORTED_SERVER_HOST_KEY,
                 cipher: all.SUPPORTED_CIPHER, mac: all.SUPPORTED_MAC,
                 compression: all.SUPPORTED_COMPRESSION };
  for (const [kind, names] of Object.entries(rows)) {
    const known = names.filter((name) => !/^(kex-|ext-)/.test(name));
    console.log(kind, known.join());
  }
}

const [role, ...words] = process.argv.slice(2);
const options = parse(words);
if (role === 'client')
  runClient(options, words);
else if (role === 'server' && words.length === 0 && options['host-key'])
  runServer(options);
else if (role === 'list')
  list();
else
  leave(EXIT.usage, 'usage: node_peer.js client|server|list, see README.md');
