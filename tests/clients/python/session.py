"""A session of two python clients with the server whose endpoint is the first argument.

They are etcd-sdk-python, the maintained fork of etcd3 (imported as pyetcd), and etcd3gw, which
speaks JSON. Prints a line per part that did what it should and ends with a failing status at
the first that did not. When it prints "restart", whoever runs it kills the server, starts it
again in the same place, and answers with a line on the standard input.
"""

import faulthandler
import io
import queue
import sys
import threading
from urllib.parse import urlsplit

import etcd3gw
import grpc
import pyetcd
from etcd3gw.exceptions import Etcd3Exception
from grpc import StatusCode
from pyetcd import etcdrpc, exceptions
from pyetcd.events import DeleteEvent, PutEvent

# How many seconds the whole session may take.
PATIENCE = 120

ENDPOINT = urlsplit(sys.argv[1])
AT = {"host": ENDPOINT.hostname, "port": ENDPOINT.port}


def part(name, run, *arguments):
    run(*arguments)
    print("ok", name, flush=True)


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def texts(found):
    return [f"{meta.key.decode()}={value.decode()}" for value, meta in found]


def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def refused(code, details, call, *arguments, **named):
    """Fails with a status that the library leaves as it comes."""
    error = raises(grpc.RpcError, call, *arguments, **named)
    equal("error", (error.code(), error.details()), (code, f"etcdserver: {details}"))


def keys(client):
    first = client.put("keys/a", "1").header.revision
    for key in "bcd":
        client.put(f"keys/{key}", key)
    previous = client.put("keys/a", "2", prev_kv=True)
    equal("previous", previous.prev_kv.value, b"1")
    value, meta = client.get("keys/a")
    equal("value", value, b"2")
    equal("version", meta.version, 2)
    equal("revisions", (meta.create_revision, meta.mod_revision), (first, first + 4))
    equal("answered at", meta.response_header.revision, first + 4)
    equal("nothing", client.get("keys/e"), (None, None))
    by_change = client.get_prefix("keys/", sort_order="descend", sort_target="mod")
    equal("by change", texts(by_change), ["keys/a=2", "keys/d=d", "keys/c=c", "keys/b=b"])
    page = client.get_prefix_response("keys/", limit=2, keys_only=True)
    found = [(kv.key, kv.value) for kv in page.kvs]
    equal("page", found, [(b"keys/a", b""), (b"keys/b", b"")])
    equal("more", (page.more, page.count), (True, 4))
    counted = client.get_prefix_response("keys/", count_only=True)
    equal("counted", (len(counted.kvs), counted.count), (0, 4))
    equal("range", texts(client.get_range("keys/b", "keys/d")), ["keys/b=b", "keys/c=c"])
    equal("old", texts(client.get_prefix("keys/a", revision=first)), ["keys/a=1"])
    deleted = client.delete("keys/b", prev_kv=True, return_response=True)
    equal("deleted", [kv.value for kv in deleted.prev_kvs], [b"b"])
    equal("deleted again", client.delete("keys/b"), False)
    equal("all deleted", client.delete_prefix("keys/").deleted, 3)


def transactions(client):
    make = client.transactions
    equal("created", client.put_if_not_exists("txn", "first"), True)
    equal("created again", client.put_if_not_exists("txn", "second"), False)
    equal("replaced another", client.replace("txn", "second", "third"), False)
    equal("replaced", client.replace("txn", "first", "third"), True)
    succeeded, answers = client.transaction(
        compare=[make.version("txn") > 1, make.value("txn") != "third"],
        success=[make.delete("txn")],
        failure=[make.get("txn"), make.put("txn/else", "1")],
    )
    equal("compared", succeeded, False)
    equal("found", texts(answers[0]), ["txn=third"])
    nested = make.txn(
        compare=[make.create("txn") > 0, make.mod("txn") < 1 << 40],
        success=[make.put("txn/nested", "1"), make.get("txn/nested")],
        failure=[],
    )
    succeeded, answers = client.transaction(compare=[], success=[nested], failure=[])
    inner = answers[0].response_txn
    equal("nested", (succeeded, inner.succeeded), (True, True))
    equal("own write", inner.responses[1].response_range.kvs[0].value, b"1")


def errors(client):
    refused(StatusCode.INVALID_ARGUMENT, "key is not provided", client.put, "", "")
    no_lease = (StatusCode.NOT_FOUND, "requested lease not found")
    refused(*no_lease, client.put, "a", "", lease=12345)
    refused(*no_lease, client.revoke_lease, 12345)
    future = (StatusCode.OUT_OF_RANGE, "mvcc: required revision is a future revision")
    refused(*future, client.compact, 1 << 60)
    refused(*future, client.get_prefix_response, "a", revision=1 << 60)
    twice = [client.transactions.put("a", value) for value in "12"]
    duplicate = (StatusCode.INVALID_ARGUMENT, "duplicate key given in txn request")
    refused(*duplicate, client.transaction, compare=[], success=twice, failure=[])
    lease = client.lease(30)
    raises(exceptions.PreconditionFailedError, client.lease, 30, lease_id=lease.id)
    lease.revoke()


def leases(client):
    lease = client.lease(30)
    equal("granted", (lease.ttl, lease.granted_ttl), (30, 30))
    client.put("leased", "1", lease=lease)
    equal("keys", list(lease.keys), [b"leased"])
    equal("renewed", [answer.TTL for answer in lease.refresh()], [30])
    events, cancel = client.watch("leased")
    lease.revoke()
    equal("event", type(next(events)), DeleteEvent)
    cancel()
    equal("left", lease.remaining_ttl, -1)
    equal("renewed too late", [answer.TTL for answer in lease.refresh()], [0])
    short = client.lease(1)
    revision = client.put("short", "1", lease=short).header.revision
    expired = client.watch_once("short", timeout=PATIENCE, start_revision=revision + 1)
    equal("expiry", type(expired), DeleteEvent)


def watches(client):
    first = client.put("watch/a", "1").header.revision
    client.put("watch/a", "2")
    client.delete("watch/a")
    events, cancel = client.watch_prefix("watch/", start_revision=first, prev_kv=True)
    seen = [next(events) for _ in range(3)]
    seen = [(type(event), event.value, event.prev_value) for event in seen]
    past = [(PutEvent, b"1", b""), (PutEvent, b"2", b"1"), (DeleteEvent, b"", b"2")]
    equal("past", seen, past)
    last = client.put("watch/b", "1").header.revision
    event = next(events)
    equal("present", (event.key, event.mod_revision), (b"watch/b", last))
    cancel()
    equal("cancelled", list(events), [])
    raises(exceptions.WatchTimedOut, client.watch_once, "watch/a", timeout=0.01)
    filters = [etcdrpc.WatchCreateRequest.NOPUT]
    events, cancel = client.watch_prefix("watch/", filters=filters, start_revision=first)
    equal("filtered", type(next(events)), DeleteEvent)
    cancel()
    client.compact(last, physical=True)
    compacted = (StatusCode.OUT_OF_RANGE, "mvcc: required revision has been compacted")
    refused(*compacted, client.compact, first)
    refused(*compacted, client.get_prefix_response, "watch/", revision=first)
    answers, cancel = client.watch_response("watch/a", start_revision=first)
    error = raises(exceptions.RevisionCompactedError, next, answers)
    equal("compacted at", error.compacted_revision, last)


def locks(client):
    held, wanted = client.lock("door", ttl=20), client.lock("door", ttl=20)
    equal("locked", held.acquire(), True)
    equal("held", (held.is_acquired(), wanted.is_acquired()), (True, False))
    equal("refreshed", held.refresh()[0].TTL, 20)
    equal("locked again", wanted.acquire(timeout=0), False)
    equal("released by another", wanted.release(), False)
    locked = queue.Queue()
    wait = lambda: locked.put(wanted.acquire(timeout=PATIENCE))  # noqa: E731
    waits = threading.Thread(target=wait, daemon=True)
    waits.start()
    equal("released", held.release(), True)
    equal("locked in turn", locked.get(), True)
    wanted.lease.revoke()
    equal("lost", wanted.is_acquired(), False)


def maintenance(client):
    status = client.status()
    equal("version", status.version.startswith("3."), True)
    equal("has data", status.db_size > 0, True)
    members = list(client.members)
    equal("the leader is a member", status.leader.id in [member.id for member in members], True)
    here = [member for member in members if sys.argv[1] in member.client_urls]
    equal("one member is here", len(here), 1)
    equal("alarms", list(client.list_alarms()), [])
    client.hash()
    client.defragment()
    saved = io.BytesIO()
    client.snapshot(saved)
    equal("a snapshot ends with its sum", len(saved.getvalue()) % 512, 32)


def auth(client):
    def call(method, client, **fields):
        request = getattr(etcdrpc, f"Auth{method}Request")(**fields)
        return getattr(client.authstub, method)(request, metadata=client.metadata)

    def login(user):
        client = pyetcd.client(**AT, user=user, password="secret")
        # Only TLS carries these; the token is in the metadata too.
        client.call_credentials = None
        return client

    for name in "root", "reader":
        call("UserAdd", client, name=name, password="secret")
        call("RoleAdd", client, name=name)
    no_root = (StatusCode.FAILED_PRECONDITION, "root user does not have root role")
    refused(*no_root, auth_enable, client)
    for name in "root", "reader":
        call("UserGrantRole", client, user=name, role=name)
    may = etcdrpc.Permission(permType="READ", key=b"auth/", range_end=b"auth0")
    call("RoleGrantPermission", client, name="reader", perm=may)
    client.put("auth/a", "1")
    auth_enable(client)
    refused(StatusCode.INVALID_ARGUMENT, "user name is empty", client.get, "auth/a")
    failed = "authentication failed, invalid user ID or password"
    wrong = {"user": "root", "password": "wrong"}
    refused(StatusCode.INVALID_ARGUMENT, failed, pyetcd.client, **AT, **wrong)
    reader = login("reader")
    equal("may read", texts(reader.get_prefix("auth/")), ["auth/a=1"])
    denied = (StatusCode.PERMISSION_DENIED, "permission denied")
    refused(*denied, reader.get, "other")
    refused(*denied, reader.put, "auth/a", "2")
    refused(*denied, reader.transaction, [], [reader.transactions.put("auth/a", "2")], [])
    refused(*denied, call, "UserList", reader)
    root = login("root")
    equal("users", list(call("UserList", root).users), ["reader", "root"])
    root.authstub.AuthDisable(etcdrpc.AuthDisableRequest(), metadata=root.metadata)
    equal("open again", client.get("auth/a")[0], b"1")


def auth_enable(client):
    client.authstub.AuthEnable(etcdrpc.AuthEnableRequest())


def gateway(client):
    equal("put", client.put("json/a", "1"), True)
    equal("created", client.create("json/b", "2"), True)
    equal("created again", client.create("json/b", "3"), False)
    equal("replaced another", client.replace("json/b", "3", "4"), False)
    equal("replaced", client.replace("json/b", "2", "4"), True)
    equal("value", client.get("json/b"), [b"4"])
    equal("nothing", client.get("json/c"), [])
    descending = client.get_prefix("json/", sort_order="descend", sort_target="key")
    found = [(value, meta["key"], meta["version"]) for value, meta in descending]
    equal("descending", found, [(b"4", b"json/b", "2"), (b"1", b"json/a", "1")])
    page = client.get("json/", range_end="json0", limit=1)
    equal("page", page, [b"1"])
    error = raises(Etcd3Exception, client.put, "", "1")
    equal("refused", "etcdserver: key is not provided" in error.detail_text, True)

    events, cancel = client.watch_prefix("json/")
    lease = client.lease(30)
    client.put("json/leased", "1", lease=lease)
    event = next(events)
    equal("event", (event["kv"]["key"], event["kv"]["value"]), (b"json/leased", b"1"))
    equal("leased", event["kv"]["lease"], str(lease.id))
    equal("lease", (lease.keys(), lease.refresh()), ([b"json/leased"], 30))
    lease.revoke()
    event = next(events)
    equal("revoked", (event["type"], event["kv"]["key"]), ("DELETE", b"json/leased"))
    cancel()
    equal("renewed too late", lease.refresh(), -1)

    held, wanted = client.lock("json", ttl=20), client.lock("json", ttl=20)
    equal("locks", (held.acquire(), wanted.acquire()), (True, False))
    equal("held", (held.is_acquired(), wanted.is_acquired()), (True, False))
    equal("unlocks", (wanted.release(), held.release()), (False, True))

    leader = client.status()["leader"]
    equal("leader", leader in [member["ID"] for member in client.members()], True)
    equal("deleted", client.delete_prefix("json/"), True)
    equal("deleted again", client.delete("json/a"), False)


def restart(client):
    """A watch is taken up where it ended, and the lease is there yet."""
    before, after = 20, 40
    lease = client.lease(60)
    events, _ = client.watch_prefix("restart/")
    revisions, seen = [], []

    def put(client, numbers):
        for number in numbers:
            answer = client.put(f"restart/{number:03}", "", lease=lease)
            revisions.append(answer.header.revision)

    put(client, range(before))
    print("restart", flush=True)
    sys.stdin.readline()
    try:
        seen.extend(event.mod_revision for event in events)
    except exceptions.ConnectionFailedError:
        equal("seen", seen, revisions[: len(seen)])
    client = pyetcd.client(**AT)
    grpc.channel_ready_future(client.endpoint_in_use.channel).result(PATIENCE)
    following = seen[-1] + 1 if seen else revisions[0]
    events, cancel = client.watch_prefix("restart/", start_revision=following)
    put(client, range(before, after))
    while len(seen) < after:
        seen.append(next(events).mod_revision)
    cancel()
    equal("seen", seen, revisions)
    info = client.get_lease_info(lease.id)
    equal("the lease lives", (info.TTL > 0, len(info.keys)), (True, after))
    equal("renewed", [answer.TTL for answer in client.refresh_lease(lease.id)], [60])


def main():
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    client = pyetcd.client(**AT)
    part("keys", keys, client)
    part("transactions", transactions, client)
    part("errors", errors, client)
    part("leases", leases, client)
    part("watches", watches, client)
    part("locks", locks, client)
    part("cluster and maintenance", maintenance, client)
    part("users", auth, client)
    part("JSON", gateway, etcd3gw.client(**AT))
    part("a restart", restart, client)


main()
