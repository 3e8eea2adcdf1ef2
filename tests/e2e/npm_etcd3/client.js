// SPDX-License-Identifier: Apache-2.0
// One part of what npm's etcd3 does with an empty server of etcd's API. What it saw is printed as JSON.
// node client.js HOST:PORT PART      node finds etcd3 by NODE_PATH.
'use strict';

const { once, EventEmitter } = require('node:events');
const { Etcd3 } = require('etcd3');

const hosts = process.argv[2];
const TTL = 1000;

// Events in the order they came; next() waits for one.
class Events {
  constructor(emitter, ...names) {
    this.waiting = [];
    this.arrival = new EventEmitter();
    for (const name of names) {
      emitter.on(name, (...values) => {
        this.waiting.push([name, ...values]);
        this.arrival.emit('one');
      });
    }
  }

  async next() {
    while (this.waiting.length === 0) {
      await once(this.arrival, 'one');
    }
    return this.waiting.shift();
  }

  // An event of a watcher: put or delete, key, value, and what was there before.
  async nextOfKey() {
    const [name, kv, before] = await this.next();
    return [name, kv.key.toString(), kv.value.toString(), kv.mod_revision, before ? before.value.toString() : null];
  }
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return [error.constructor.name, error.message];
  }
  return null;
}

async function keys(client) {
  await client.put('a/1').value('one');
  await client.put('a/2').value('two');
  await client.put('b').value(Buffer.from([0, 255, 10]));
  const before = await client.put('a/1').value('1').getPrevious();
  const response = await client.get('a/1').exec();
  return {
    before: before.value.toString(),
    string: await client.get('a/1').string(),
    number: await client.get('a/1').number(),
    bytes: [...await client.get('b').buffer()],
    none: await client.get('none').string(),
    exists: [await client.get('b').exists(), await client.get('none').exists()],
    revisions: [response.header.revision, response.kvs[0].create_revision, response.kvs[0].mod_revision, response.kvs[0].version],
    earlier: await client.get('a/1').revision(2).string(),
    all: await client.getAll().prefix('a/').strings(),
    keys: await client.getAll().keys(),
    descending: await client.getAll().sort('Key', 'Descend').limit(2).keys(),
    count: await client.getAll().prefix('a/').count(),
    range: await client.getAll().inRange({ start: 'a/2', end: 'c' }).keys(),
    deleted: (await client.delete().key('b').exec()).deleted,
    deletedBefore: (await client.delete().prefix('a/').getPrevious()).map(kv => kv.value.toString()),
    rest: await client.getAll().count(),
    emptyKey: await errorOf(client.put('').value('x')),
    future: await errorOf(client.get('b').revision(1000000)),
  };
}

async function watches(client) {
  const one = await client.watch().key('w/one').create();
  const all = await client.watch().prefix('w/').withPreviousKV().create();
  const deletions = await client.watch().prefix('w/').only('delete').create();
  const ofOne = new Events(one, 'put', 'delete');
  const ofAll = new Events(all, 'put', 'delete');
  const ofDeletions = new Events(deletions, 'put', 'delete');
  await client.put('w/one').value('1');
  await client.put('w/two').value('2');
  await client.put('w/one').value('3');
  await client.delete().all();
  const seen = { one: [], all: [], deletions: [] };
  for (let i = 0; i < 3; i++) {
    seen.one.push(await ofOne.nextOfKey());
  }
  for (let i = 0; i < 5; i++) {
    seen.all.push(await ofAll.nextOfKey());
  }
  for (let i = 0; i < 2; i++) {
    seen.deletions.push(await ofDeletions.nextOfKey());
  }
  await one.cancel();
  await client.put('w/one').value('4');
  seen.all.push(await ofAll.nextOfKey());
  seen.afterCancel = ofOne.waiting.length;
  const first = seen.one[0][3];
  const past = await client.watch().key('w/two').startRevision(first).create();
  const ofPast = new Events(past, 'put', 'delete');
  seen.past = [await ofPast.nextOfKey(), await ofPast.nextOfKey()];
  await Promise.all([all.cancel(), deletions.cancel(), past.cancel()]);
  return seen;
}

async function leases(client) {
  const lease = client.lease(TTL);
  const id = await lease.grant();
  await lease.put('l/1').value('held');
  const kv = (await client.get('l/1').exec()).kvs[0];
  const renewed = await lease.keepaliveOnce();
  const left = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
  const listed = (await client.leaseClient.leaseLeases()).leases.map(one => one.ID === id);
  await lease.revoke();
  return {
    held: kv.lease === id,
    renewed: [renewed.ID === id, renewed.TTL],
    left: [left.ID === id, left.grantedTTL, Number(left.TTL) > TTL / 2, left.keys.map(String)],
    listed,
    gone: await client.get('l/1').string(),
    revoked: await errorOf(client.leaseClient.leaseRevoke({ ID: id })),
    put: await errorOf(client.put('l/1').value('x').lease(id)),
    renewedAfter: (await errorOf(lease.keepaliveOnce()))[0],
  };
}

// A lease that is kept alive in the background for longer than it lasts without.
async function keepsAlive(client) {
  const lease = client.lease(4);
  const renewals = new Events(lease, 'keepaliveSucceeded', 'lost');
  await lease.put('l/alive').value('yes');
  const names = [];
  for (let i = 0; i < 5; i++) {
    names.push((await renewals.next())[0]);
  }
  const alive = await client.get('l/alive').string();
  await lease.revoke();
  return { names, alive, gone: await client.get('l/alive').string() };
}

// A lease that nobody renews takes its keys along.
async function expires(client) {
  const watcher = await client.watch().key('l/short').only('delete').create();
  const events = new Events(watcher, 'delete');
  const lease = client.lease(1, { autoKeepAlive: false });
  await lease.put('l/short').value('brief');
  const event = (await events.nextOfKey()).slice(0, 2);
  await watcher.cancel();
  return event;
}

async function locks(client) {
  const first = client.lock('resource').ttl(TTL);
  await first.acquire();
  const refused = await errorOf(client.lock('resource').ttl(TTL).acquire());
  await first.release();
  const inside = await client.lock('resource').ttl(TTL).do(() => client.getAll().keys());
  return { refused, inside, after: await client.getAll().keys() };
}

async function transactions(client) {
  await client.put('t/1').value('1');
  const swap = expected => client
    .if('t/1', 'Value', '==', expected)
    .and('t/none', 'Create', '==', 0)
    .then(client.put('t/1').value('2'), client.get('t/1'), client.delete().key('t/none'))
    .else(client.get('t/1'))
    .commit();
  const won = await swap('1');
  const lost = await swap('1');
  const twice = await errorOf(client
    .if('t/1', 'Version', '>', 0)
    .then(client.put('t/1').value('x'), client.put('t/1').value('y'))
    .commit());
  const stm = await client.stm().transact(async txn => {
    const value = await txn.get('t/1').number();
    await txn.put('t/1').value(value + 40);
    return value;
  });
  return {
    won: [won.succeeded, won.responses.map(one => one.response), won.responses[1].response_range.kvs[0].value.toString()],
    lost: [lost.succeeded, lost.responses.map(one => one.response), lost.responses[0].response_range.kvs[0].value.toString()],
    twice,
    stm: [stm, await client.get('t/1').number()],
  };
}

async function namespaces(client) {
  const inner = client.namespace('n/');
  const watcher = await inner.watch().prefix('').create();
  const events = new Events(watcher, 'put');
  await inner.put('key').value('v');
  const event = await events.nextOfKey();
  await watcher.cancel();
  const seen = {
    inner: await inner.getAll().strings(), outer: await client.getAll().prefix('n/').keys(), event: event.slice(0, 3),
  };
  await inner.delete().all();
  return { ...seen, rest: await client.getAll().keys() };
}

async function elections(client) {
  const election = client.election('job', TTL);
  const first = election.campaign('first');
  await first.wait();
  const observer = await election.observe();
  const changes = new Events(observer, 'change');
  const seen = [observer.leader()];
  await first.proclaim('first again');
  seen.push((await changes.next())[1]);

  const candidates = await client.watch().prefix('election/job/').only('put').create();
  const enrolled = new Events(candidates, 'put');
  const second = election.campaign('second');
  const elected = second.wait();
  await enrolled.next();
  const leaderBefore = await election.leader();
  await first.resign();
  await elected;
  seen.push((await changes.next())[1]);
  const leaderAfter = await election.leader();
  const proclaimed = await errorOf(first.proclaim('me'));
  await candidates.cancel();
  await second.resign();
  seen.push((await changes.next())[1] === undefined ? 'nobody' : 'somebody');
  await observer.cancel();
  return { seen, leaderBefore, leaderAfter, proclaimed, rest: await client.getAll().prefix('election/').count() };
}

async function compactions(client) {
  await client.put('c').value('1');
  const { header: { revision } } = await client.put('c').value('2');
  await client.kv.compact({ revision, physical: true });
  const watcher = client.watch().key('c').startRevision('1').watcher();
  const [error] = await once(watcher, 'error');
  return {
    value: await client.get('c').revision(revision).string(),
    read: await errorOf(client.get('c').revision(1)),
    twice: await errorOf(client.kv.compact({ revision })),
    watch: error.constructor.name,
  };
}

async function withUser(username, password, body) {
  const client = new Etcd3({ hosts, auth: { username, password } });
  try {
    return await body(client);
  } finally {
    client.close();
  }
}

async function accounts(client) {
  const role = await client.role('reader').create();
  await role.grant({ permission: 'Read', range: client.range({ prefix: 'u/' }) });
  await client.role('root').create();
  const user = await client.user('tom').create('secret');
  await user.addRole('reader');
  const root = await client.user('root').create('rootsecret');
  await root.addRole('root');
  const seen = {
    roles: (await client.getRoles()).map(one => one.name),
    users: (await client.getUsers()).map(one => one.name),
    ofTom: (await user.roles()).map(one => one.name),
    permissions: (await role.permissions()).map(one => [one.permission, one.range.start.toString(), one.range.end.toString()]),
    roleTwice: await errorOf(client.role('reader').create()),
    userTwice: await errorOf(client.user('tom').create('x')),
    noRole: await errorOf(client.role('none').delete()),
    noUser: await errorOf(client.user('none').delete()),
    notGranted: await errorOf(client.user('tom').removeRole('root')),
  };
  await client.put('u/1').value('readable');
  await client.auth.authEnable();
  seen.nobody = await errorOf(client.get('u/1').string());
  seen.wrong = await withUser('tom', 'wrong', one => errorOf(one.get('u/1').string()));
  seen.tom = await withUser('tom', 'secret', async one => ({
    read: await one.get('u/1').string(),
    write: await errorOf(one.put('u/1').value('x')),
    other: await errorOf(one.get('v').string()),
    manage: await errorOf(one.role('another').create()),
  }));
  await withUser('root', 'rootsecret', async one => {
    await one.put('u/1').value('written');
    await one.user('tom').setPassword('changed');
    seen.changed = await withUser('tom', 'changed', tom => tom.get('u/1').string());
    await one.auth.authDisable();
  });
  seen.after = await client.get('u/1').string();
  return seen;
}

const parts = {
  keys, watches, leases, keepsAlive, expires, locks, transactions, namespaces, elections, compactions, accounts,
};

async function main() {
  const client = new Etcd3({ hosts });
  const result = await parts[process.argv[3]](client);
  client.close();
  process.stdout.write(JSON.stringify(result));
}

main().catch(error => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
