// SPDX-License-Identifier: Apache-2.0
// Does with npm's etcd3 what an application does, against a server without users. Usage: exercise.js HOST:PORT
// Prints one JSON object: the name of each step and what it saw.
'use strict';
const { Etcd3, EtcdLockFailedError, EtcdLeaseInvalidError } = require('etcd3');

const client = new Etcd3({ hosts: `http://${process.argv[2]}` });

// The first `count` values of an event.
function collect(emitter, event, count) {
  return new Promise((resolve, reject) => {
    const seen = [];
    emitter.on('error', reject);
    emitter.on(event, (...values) => {
      seen.push(values);
      if (seen.length === count) resolve(seen);
    });
  });
}

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return [error.constructor.name, error.message];
  }
  throw new Error('it was not refused');
}

const steps = {
  async keys() {
    const before = await client.get('a');
    await client.put('a').value('one');
    await client.put('n').value(42);
    return [before, await client.get('a').string(), await client.get('n').number(), await client.get('a').exists(),
      await client.get('b').exists(), (await client.get('a').buffer()).toString('hex')];
  },

  async ranges() {
    for (const key of ['p/b', 'p/a', 'p/c', 'q']) await client.put(key).value(key.toUpperCase());
    return [await client.getAll().prefix('p/').strings(), await client.getAll().prefix('p/').keys(),
      await client.getAll().prefix('p/').count(), await client.getAll().prefix('p/').sort('Create', 'Descend').limit(2).keys(),
      await client.getAll().inRange({ start: 'p/b', end: 'q' }).keys()];
  },

  async namespaces() {
    const inside = client.namespace('ns/');
    await inside.put('a').value('1');
    return [await inside.getAll().strings(), await client.get('ns/a')];
  },

  async deleting() {
    const one = await client.delete().key('q');
    const previous = await client.delete().prefix('p/').getPrevious();
    return [one.deleted, previous.map((kv) => kv.key.toString()), (await client.delete().key('nothing')).deleted];
  },

  async past() {
    const { header } = await client.put('old').value('1');
    await client.put('old').value('2');
    return [await client.get('old').revision(header.revision), await client.get('old')];
  },

  async previous() {
    return (await client.put('old').value('3').getPrevious()).value.toString();
  },

  async transactions() {
    await client.put('t').value('1');
    const yes = await client.if('t', 'Value', '==', '1').and('t', 'Version', '>', 0)
      .then(client.put('t').value('2'), client.get('t')).else(client.get('t')).commit();
    const no = await client.if('t', 'Value', '==', '1').then(client.delete().key('t')).else(client.get('t')).commit();
    return [yes.succeeded, yes.responses[1].response_range.kvs[0].value.toString(), no.succeeded,
      no.responses[0].response_range.kvs[0].value.toString()];
  },

  async memory() { // software transactional memory: reads and writes that hold together or are tried again
    await client.put('balance').value('1');
    await Promise.all(Array.from({ length: 5 }, () => client.stm({ retries: 100 }).transact(async (tx) => {
      await tx.put('balance').value((await tx.get('balance').number()) + 1);
    })));
    return client.get('balance').number();
  },

  async watching() {
    const one = await client.watch().key('w').withPreviousKV().create();
    const many = await client.watch().prefix('w').only('delete').create();
    const puts = collect(one, 'put', 2);
    const deletes = collect(many, 'delete', 2);
    await client.put('w').value('1');
    await client.put('w').value('2');
    await client.put('w2').value('3');
    await client.delete().prefix('w');
    const seen = [(await puts).map(([kv, old]) => [kv.value.toString(), old && old.value.toString()]),
      (await deletes).map(([kv]) => kv.key.toString()).sort()];
    await one.cancel();
    await many.cancel();
    return seen;
  },

  async watchingThePast() {
    const { header } = await client.put('h').value('1');
    await client.put('h').value('2');
    const watcher = await client.watch().key('h').startRevision(header.revision).create();
    const seen = (await collect(watcher, 'put', 2)).map(([kv]) => kv.value.toString());
    await watcher.cancel();
    return seen;
  },

  async leases() {
    const lease = client.lease(1000);
    await lease.put('l').value('1');
    const kept = await lease.keepaliveOnce();
    const there = await client.get('l');
    await lease.revoke();
    return [kept.TTL, there, await client.get('l'), await refused(lease.put('l').value('2').exec()).then(([name]) => name)];
  },

  async leaseThatIsLost() {
    const lease = client.lease(1000);
    const id = await lease.grant();
    const lost = new Promise((resolve) => lease.on('lost', (error) => resolve(error instanceof EtcdLeaseInvalidError)));
    await client.leaseClient.leaseRevoke({ ID: id });
    await lease.keepaliveOnce().catch(() => {});
    return lost;
  },

  async locks() {
    const held = await client.lock('lock').acquire();
    const other = await client.lock('lock').acquire().catch((error) => error instanceof EtcdLockFailedError);
    await held.release();
    return [other, await client.lock('lock').do(() => 'inside')];
  },

  async elections() {
    const election = client.election('office');
    const first = election.campaign('one');
    await new Promise((resolve, reject) => first.on('elected', resolve).on('error', reject));
    const observer = await election.observe();
    const before = observer.leader();
    await first.proclaim('still one');
    const second = election.campaign('two');
    const elected = new Promise((resolve, reject) => second.on('elected', resolve).on('error', reject));
    await second.getCampaignKey();
    await first.resign();
    await elected;
    const after = await election.leader();
    await observer.cancel();
    await second.resign();
    return [before, after];
  },

  async errors() {
    return [await refused(client.get('a').revision(1 << 30).exec()), await refused(client.put('').value('x').exec()),
      await refused(client.put('a').value('x').lease(99).exec()), await refused(client.cluster.memberRemove({ ID: 1 }))];
  },

  async node() {
    const status = await client.maintenance.status();
    const { members } = await client.cluster.memberList({});
    return [status.version.replace(/\d+$/, 'x'), members.length, status.leader === members[0].ID];
  },

  async users() { // the last step: others would have to log in
    await client.put('mine').value('1');
    await client.put('other').value('1');
    const role = await client.role('reader').create();
    await role.grant({ permission: 'Read', key: 'mine' });
    const permissions = (await role.permissions()).map((each) => each.permission);
    await (await client.user('someone').create('pw')).addRole('reader');
    await client.role('root').create();
    await (await client.user('root').create('secret')).addRole('root');
    await client.auth.authEnable();
    const login = (username, password) => new Etcd3({ hosts: `http://${process.argv[2]}`, auth: { username, password } });
    const someone = login('someone', 'pw');
    const wrong = login('someone', 'wrong');
    const root = login('root', 'secret');
    const seen = [permissions, await refused(client.get('mine').exec()), await someone.get('mine'),
      await refused(someone.get('other').exec()), await refused(someone.put('mine').value('2').exec()),
      (await refused(wrong.get('mine').exec()))[0], (await root.getUsers()).map((user) => user.name),
      (await root.getRoles()).map((each) => each.name)];
    await root.auth.authDisable();
    for (const each of [someone, wrong, root]) each.close();
    return seen;
  },
};

async function main() {
  const seen = {};
  for (const [name, step] of Object.entries(steps)) {
    try {
      seen[name] = await step();
    } catch (error) {
      seen[name] = `failed: ${error.stack}`;
    }
  }
  client.close();
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

main();
