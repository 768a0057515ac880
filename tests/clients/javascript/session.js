// A session of the etcd3 client with the server whose endpoint is the first argument.
//
// Prints a line per part that did what it should and ends with a failing status at the first
// that did not. When it prints "restart", whoever runs it kills the server, starts it again in
// the same place, and answers with a line on the standard input.
'use strict';

const assert = require('node:assert/strict');
const { once, on } = require('node:events');
const etcd3 = require('etcd3');

// How many milliseconds the whole session may take.
const PATIENCE = 120_000;

const hosts = process.argv[2];

async function part(name, run, ...rest) {
  await run(...rest);
  console.log(`ok ${name}`);
}

function equal(what, got, want) {
  assert.deepEqual(got, want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

async function refused(kind, text, call) {
  const error = await Promise.resolve(call).then(
    () => assert.fail(`not refused: ${text}`),
    error => error,
  );
  assert.ok(error instanceof kind, `${error.stack}: not a ${kind.name}`);
  assert.ok(error.message.includes(text), `${error.message}: not ${text}`);
}

// A watcher, and a function that waits for its next answer.
async function watch(builder) {
  const watcher = builder.watcher();
  const answers = on(watcher, 'data');
  await once(watcher, 'connected');
  return [watcher, async () => (await answers.next()).value[0]];
}

const text = ({ type, kv }) => `${type} ${kv.key}=${kv.value}`;

async function keys(client) {
  const first = await client.put('keys/a').value('1');
  for (const key of ['b', 'c', 'd']) {
    await client.put(`keys/${key}`).value(key);
  }
  const previous = await client.put('keys/a').value('2').getPrevious();
  equal('previous', previous.value.toString(), '1');
  const all = () => client.getAll().prefix('keys/');
  equal('value', await client.get('keys/a').number(), 2);
  equal('nothing', await client.get('keys/e'), null);
  equal('exists', await client.get('keys/e').exists(), false);
  const old = client.get('keys/a').revision(first.header.revision);
  equal('old', await old.string(), '1');
  const page = await all().sort('Key', 'Ascend').limit(2).exec();
  equal('page', page.kvs.map(kv => `${kv.key}=${kv.value}`), ['keys/a=2', 'keys/b=b']);
  equal('more', [page.more, page.count], [true, '4']);
  equal('by change', await all().sort('Mod', 'Descend').keys(), [
    'keys/a', 'keys/d', 'keys/c', 'keys/b',
  ]);
  equal('changed later', await all().minModRevision(previous.header.revision).strings(), {
    'keys/a': '2',
  });
  equal('counted', await all().count(), 4);
  const deleted = await client.delete().inRange({ start: 'keys/b', end: 'keys/d' }).getPrevious();
  equal('deleted', deleted.map(kv => kv.value.toString()), ['b', 'c']);
  equal('all deleted', (await client.delete().prefix('keys/')).deleted, '2');
}

async function namespaces(client) {
  const tenant = client.namespace('tenant/');
  const [watcher, next] = await watch(tenant.watch().prefix(''));
  await tenant.put('a').value('1');
  equal('event', (await next()).events.map(text), ['Put a=1']);
  await watcher.cancel();
  equal('outside', await client.getAll().prefix('tenant/').strings(), { 'tenant/a': '1' });
  equal('inside', await tenant.getAll().strings(), { a: '1' });
  const answer = await tenant.if('a', 'Value', '==', '1').then(tenant.delete().all()).commit();
  equal('transaction', answer.succeeded, true);
  equal('empty', await client.getAll().prefix('tenant/').count(), 0);
}

async function transactions(client) {
  const create = value => client
    .if('txn', 'Create', '==', 0)
    .then(client.put('txn').value(value))
    .else(client.get('txn'))
    .commit();
  equal('created', (await create('first')).succeeded, true);
  const second = await create('second');
  equal('created again', second.succeeded, false);
  const [{ response_range: found }] = second.responses;
  equal('found', found.kvs.map(kv => kv.value.toString()), ['first']);
  const several = client
    .if('txn', 'Version', '<', 2)
    .and('txn', 'Value', '!=', 'second')
    .and('txn', 'Mod', '>', second.header.revision);
  equal('compared', (await several.commit()).succeeded, false);
  const add = () => client.stm({ retries: 100 }).transact(async memory => {
    const before = await memory.get('counter').number();
    await memory.put('counter').value(before + 1);
  });
  await Promise.all(Array.from({ length: 10 }, add));
  equal('counter', await client.get('counter').number(), 10);
}

async function errors(client) {
  const invalid = etcd3.GRPCInvalidArgumentError;
  await refused(invalid, 'key is not provided', client.put('').value(''));
  await refused(etcd3.EtcdLeaseInvalidError, 'requested lease not found',
    client.put('a').value('').lease('12345'));
  const future = 'required revision is a future revision';
  const revision = '1000000000000';
  await refused(etcd3.GRPCOutOfRangeError, future, client.get('a').revision(revision));
  await refused(etcd3.GRPCOutOfRangeError, future, client.kv.compact({ revision }));
  const put = client.put('a').value('1');
  await refused(invalid, 'duplicate key given in txn request',
    client.if('a', 'Version', '==', 0).then(put, put).commit());
  await refused(etcd3.EtcdUserNotFoundError, 'user name not found', client.user('nobody').roles());
}

async function leases(client) {
  const lease = client.lease(30);
  await lease.put('leased').value('1');
  const id = await lease.grant();
  equal('renewed', (await lease.keepaliveOnce()).TTL, '30');
  const left = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
  equal('attached', left.keys.map(String), ['leased']);
  const all = await client.leaseClient.leaseLeases();
  equal('leases', all.leases, [{ ID: id }]);
  const [watcher, next] = await watch(client.watch().key('leased'));
  await client.leaseClient.leaseRevoke({ ID: id });
  equal('event', (await next()).events.map(text), ['Delete leased=']);
  await watcher.cancel();
  const lost = once(lease, 'lost');
  await refused(etcd3.EtcdLeaseInvalidError, id, lease.keepaliveOnce());
  equal('lost', (await lost)[0] instanceof etcd3.EtcdLeaseInvalidError, true);

  const short = client.lease(1, { autoKeepAlive: false });
  const [expiring, expired] = await watch(client.watch().key('short').only('delete'));
  await short.put('short').value('1');
  equal('expiry', (await expired()).events.map(text), ['Delete short=']);
  await expiring.cancel();
}

async function watches(client) {
  const first = await client.put('watch/a').value('1');
  await client.put('watch/a').value('2');
  await client.delete().key('watch/a');
  const { revision } = first.header;
  const past = client.watch().prefix('watch/').withPreviousKV().startRevision(revision);
  const [watcher, next] = await watch(past);
  const events = [];
  while (events.length < 3) {
    events.push(...(await next()).events);
  }
  equal('events', events.map(text), ['Put watch/a=1', 'Put watch/a=2', 'Delete watch/a=']);
  equal('previous', events.slice(1).map(event => event.prev_kv.value.toString()), ['1', '2']);
  const put = once(watcher, 'put');
  const last = await client.put('watch/b').value('1');
  equal('put', (await put)[0].mod_revision, last.header.revision);
  await watcher.cancel();

  await client.kv.compact({ revision: last.header.revision, physical: true });
  const compacted = 'required revision has been compacted';
  await refused(etcd3.GRPCOutOfRangeError, compacted, client.get('watch/a').revision(revision));
  const late = client.watch().key('watch/a').startRevision(revision).watcher();
  const [error] = await once(late, 'error');
  equal('cancelled', [error.constructor, error.message], [etcd3.EtcdError, 'Watcher canceled: ']);
}

async function locks(client) {
  const held = client.lock('lock').ttl(10);
  await held.acquire();
  await refused(etcd3.EtcdLockFailedError, 'Failed to acquire', client.lock('lock').acquire());
  await held.release();
  equal('done', await client.lock('lock').do(() => 'done'), 'done');
  equal('released', await client.get('lock').exists(), false);
}

async function elections(client) {
  const election = client.election('office', 10);
  equal('nobody', await election.leader(), undefined);
  const first = await election.campaign('first').wait();
  const observer = await election.observe();
  if (observer.leader() === undefined) {
    await once(observer, 'change');
  }
  equal('leader', observer.leader(), 'first');
  const proclaimed = once(observer, 'change');
  await first.proclaim('still first');
  equal('proclaimed', (await proclaimed)[0], 'still first');
  const [watcher, next] = await watch(client.watch().prefix('election/office/'));
  const second = election.campaign('second');
  const elected = second.wait();
  equal('a candidate', (await next()).events[0].kv.value.toString(), 'second');
  await watcher.cancel();
  const changed = once(observer, 'change');
  await first.resign();
  await elected;
  equal('changed', (await changed)[0], 'second');
  equal('leader', await election.leader(), 'second');
  await observer.cancel();
  await second.resign();
}

async function maintenance(client) {
  const { members } = await client.cluster.memberList({});
  const status = await client.maintenance.status();
  equal('the leader is a member', members.some(member => member.ID === status.leader), true);
  equal('a member is here', members.some(member => member.clientURLs.includes(hosts)), true);
  const { alarms } = await client.maintenance.alarm({ action: 'Get', memberID: 0, alarm: 'None' });
  equal('alarms', alarms, []);
  await client.maintenance.hash();
  await client.maintenance.defragment();
  let size = 0;
  const snapshot = await client.maintenance.snapshot();
  for await (const { blob } of snapshot) {
    size += blob.length;
  }
  equal('a snapshot ends with its sum', size % 512, 32);
}

async function users(client) {
  const login = (username, password) => new etcd3.Etcd3({ hosts, auth: { username, password } });
  const root = await client.user('root').create('secret');
  await refused(etcd3.EtcdUserExistsError, 'user name already exists', root.create('secret'));
  await root.addRole(await client.role('root').create());
  const role = await client.role('reader').create();
  await role.grant({ permission: 'Read', range: etcd3.Range.prefix('auth/') });
  const [granted] = await role.permissions();
  equal('granted', [granted.permission, granted.range.start.toString()], ['Read', 'auth/']);
  await (await client.user('reader').create('secret')).addRole(role);
  await client.put('auth/a').value('1');
  await client.auth.authEnable();

  await refused(etcd3.GRPCInvalidArgumentError, 'user name is empty', client.get('auth/a'));
  const wrong = login('root', 'wrong');
  const failed = 'authentication failed, invalid user ID or password';
  await refused(etcd3.EtcdAuthenticationFailedError, failed, wrong.get('auth/a'));
  const reader = login('reader', 'secret');
  equal('may read', await reader.getAll().prefix('auth/').strings(), { 'auth/a': '1' });
  const denied = [etcd3.EtcdPermissionDeniedError, 'permission denied'];
  await refused(...denied, reader.get('other'));
  await refused(...denied, reader.put('auth/a').value('2'));
  await refused(...denied, reader.getUsers());
  const admin = login('root', 'secret');
  equal('users', (await admin.getUsers()).map(user => user.name), ['reader', 'root']);
  await admin.auth.authDisable();
  equal('open again', await client.get('auth/a').string(), '1');
  [wrong, reader, admin].forEach(other => other.close());
}

// A watcher and a lease go on by themselves when the server comes back.
async function restart(client) {
  const before = 20;
  const after = 40;
  const lease = client.lease(60);
  lease.on('lost', error => { throw error; });
  const [watcher, next] = await watch(client.watch().prefix('restart/'));
  const names = Array.from({ length: after }, (_, number) => `restart/${100 + number}`);
  for (const name of names.slice(0, before)) {
    await lease.put(name).value('');
  }
  const back = once(watcher, 'connected');
  console.log('restart');
  await once(process.stdin, 'data');
  await back;
  for (const name of names.slice(before)) {
    await lease.put(name).value('');
  }
  const seen = [];
  while (seen.length < after) {
    seen.push(...(await next()).events.map(({ kv }) => kv.key.toString()));
  }
  equal('events', seen, names);
  equal('the lease lives', (await lease.keepaliveOnce()).TTL, '60');
  await watcher.cancel();
  await lease.revoke();
  equal('revoked', await client.getAll().prefix('restart/').count(), 0);
}

async function main() {
  setTimeout(() => assert.fail('not done in time'), PATIENCE).unref();
  const client = new etcd3.Etcd3({ hosts });
  await part('keys', keys, client);
  await part('namespaces', namespaces, client);
  await part('transactions', transactions, client);
  await part('errors', errors, client);
  await part('leases', leases, client);
  await part('watches', watches, client);
  await part('locks', locks, client);
  await part('elections', elections, client);
  await part('cluster and maintenance', maintenance, client);
  await part('users', users, client);
  await part('a restart', restart, client);
  process.exit(0);
}

main();
