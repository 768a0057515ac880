import static io.etcd.jetcd.common.exception.EtcdExceptionFactory.toEtcdException;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.ClientBuilder;
import io.etcd.jetcd.Election;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.auth.Permission;
import io.etcd.jetcd.common.exception.CompactedException;
import io.etcd.jetcd.common.exception.ErrorCode;
import io.etcd.jetcd.common.exception.EtcdException;
import io.etcd.jetcd.election.LeaderResponse;
import io.etcd.jetcd.election.NoLeaderException;
import io.etcd.jetcd.election.NotLeaderException;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.lease.LeaseKeepAliveResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.CompactOption;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A session of jetcd with the server whose endpoint is the first argument.
 *
 * <p>Prints a line per part that did what it should and ends with a failing status at the first
 * that did not. When it prints "restart", whoever runs it kills the server, starts it again in the
 * same place, and answers with a line on the standard input.
 */
public final class Session {
  /** How many seconds any wait may take. */
  private static final long PATIENCE = 60;

  private static final ByteSequence SECRET = bytes("secret");

  private final String endpoint;
  private final Client client;

  private Session(String endpoint) {
    this.endpoint = endpoint;
    this.client = client().build();
  }

  public static void main(String[] arguments) {
    try {
      new Session(arguments[0]).run();
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
    System.exit(0);
  }

  private void run() throws Exception {
    part("keys", this::keys);
    part("namespaces", this::namespaces);
    part("transactions", this::transactions);
    part("errors", this::errors);
    part("leases", this::leases);
    part("watches", this::watches);
    part("locks", this::locks);
    part("elections", this::elections);
    part("cluster and maintenance", this::maintenance);
    part("users", this::users);
    part("a restart", this::restart);
  }

  private interface Part {
    void run() throws Exception;
  }

  private static void part(String name, Part part) throws Exception {
    part.run();
    System.out.println("ok " + name);
  }

  private ClientBuilder client() {
    return Client.builder().endpoints(endpoint);
  }

  private static ByteSequence bytes(String text) {
    return ByteSequence.from(text, UTF_8);
  }

  private static void equal(String what, Object got, Object want) {
    if (!Objects.equals(got, want)) {
      throw new AssertionError(what + ": got " + got + ", want " + want);
    }
  }

  private static GetOption.Builder prefix() {
    return GetOption.builder().isPrefix(true);
  }

  private static List<String> texts(List<KeyValue> found) {
    return found.stream().map(kv -> kv.getKey() + "=" + kv.getValue()).toList();
  }

  private static <T> T done(CompletableFuture<T> call) throws Exception {
    return call.get(PATIENCE, TimeUnit.SECONDS);
  }

  private static <E extends Throwable> E fails(Class<E> kind, CompletableFuture<?> call)
      throws Exception {
    try {
      throw new AssertionError("not refused: " + done(call));
    } catch (ExecutionException error) {
      Throwable cause = error.getCause();
      if (kind.isInstance(cause)) {
        return kind.cast(cause);
      }
      throw error;
    }
  }

  private static void refused(ErrorCode code, String text, CompletableFuture<?> call)
      throws Exception {
    // Some of its calls give the status as it came.
    EtcdException error = toEtcdException(fails(RuntimeException.class, call));
    equal("code of " + error.getMessage(), error.getErrorCode(), code);
    equal(error.getMessage(), error.getMessage().contains(text), true);
  }

  /** What a stream answered and was not yet asked for. */
  private static final class Answers<T> implements StreamObserver<T> {
    private final BlockingQueue<Object> queue = new LinkedBlockingQueue<>();

    @Override
    public void onNext(T answer) {
      queue.add(answer);
    }

    @Override
    public void onError(Throwable error) {
      queue.add(error);
    }

    @Override
    public void onCompleted() {
      queue.add("completed");
    }

    Object any() throws InterruptedException {
      return Objects.requireNonNull(queue.poll(PATIENCE, TimeUnit.SECONDS), "no answer");
    }

    <A> A next(Class<A> kind) throws InterruptedException {
      Object answer = any();
      if (!kind.isInstance(answer)) {
        throw new AssertionError("not a " + kind + ": " + answer);
      }
      return kind.cast(answer);
    }
  }

  /** A watcher of what begins with a prefix, whose events are taken one by one. */
  private static final class Events implements AutoCloseable {
    final Answers<WatchResponse> answers = new Answers<>();
    final Watch.Watcher watcher;
    private final Deque<WatchEvent> events = new ArrayDeque<>();

    Events(Client client, String prefix, WatchOption.Builder options) throws Exception {
      Watch.Listener listener =
          Watch.listener(answers::onNext, answers::onError, answers::onCompleted);
      WatchOption all = options.isPrefix(true).withCreateNotify(true).build();
      watcher = client.getWatchClient().watch(bytes(prefix), all, listener);
      equal("created", answers.next(WatchResponse.class).isCreatedNotify(), true);
    }

    WatchEvent next() throws Exception {
      while (events.isEmpty()) {
        Object answer = answers.any();
        if (answer instanceof WatchResponse response) {
          events.addAll(response.getEvents());
        } else {
          // A lost connection is told, and the watch goes on.
          ErrorCode code = ((EtcdException) answer).getErrorCode();
          equal(answer.toString(), code, ErrorCode.UNAVAILABLE);
        }
      }
      return events.remove();
    }

    String text() throws Exception {
      WatchEvent event = next();
      return event.getEventType() + " " + texts(List.of(event.getKeyValue())).get(0);
    }

    @Override
    public void close() {
      watcher.close();
    }
  }

  private void keys() throws Exception {
    var kv = client.getKVClient();
    long first = done(kv.put(bytes("keys/a"), bytes("1"))).getHeader().getRevision();
    for (String key : List.of("b", "c", "d")) {
      done(kv.put(bytes("keys/" + key), bytes(key)));
    }
    var withPrevious = PutOption.builder().withPrevKV().build();
    var previous = done(kv.put(bytes("keys/a"), bytes("2"), withPrevious));
    equal("previous", previous.getPrevKv().getValue(), bytes("1"));
    equal("answered at", previous.getHeader().getRevision(), first + 4);
    var old = done(kv.get(bytes("keys/a"), GetOption.builder().withRevision(first).build()));
    equal("old", texts(old.getKvs()), List.of("keys/a=1"));
    equal("nothing", done(kv.get(bytes("keys/e"))).getCount(), 0L);
    var page = done(kv.get(bytes("keys/"), prefix().withLimit(2).build()));
    equal("page", texts(page.getKvs()), List.of("keys/a=2", "keys/b=b"));
    equal("more", page.isMore(), true);
    equal("count", page.getCount(), 4L);
    var byChange = prefix().withSortField(GetOption.SortTarget.MOD);
    byChange.withSortOrder(GetOption.SortOrder.DESCEND).withKeysOnly(true);
    var changed = done(kv.get(bytes("keys/"), byChange.build()));
    var order = List.of("keys/a=", "keys/d=", "keys/c=", "keys/b=");
    equal("by change", texts(changed.getKvs()), order);
    var later = prefix().withMinModRevision(first + 3).withMaxCreateRevision(first + 2);
    var bounded = done(kv.get(bytes("keys/"), later.build()));
    equal("bounded", texts(bounded.getKvs()), List.of("keys/a=2"));
    var counted = done(kv.get(bytes("keys/"), prefix().withCountOnly(true).build()));
    equal("counted", List.of(counted.getKvs().size(), counted.getCount()), List.of(0, 4L));
    var range = DeleteOption.builder().withRange(bytes("keys/d")).withPrevKV(true).build();
    var deleted = done(kv.delete(bytes("keys/b"), range));
    equal("deleted", texts(deleted.getPrevKvs()), List.of("keys/b=b", "keys/c=c"));
    var all = DeleteOption.builder().isPrefix(true).build();
    equal("all deleted", done(kv.delete(bytes("keys/"), all)).getDeleted(), 2L);
  }

  private void namespaces() throws Exception {
    try (Client tenant = client().namespace(bytes("tenant/")).build();
        Events events = new Events(tenant, "a", WatchOption.builder())) {
      var kv = tenant.getKVClient();
      done(kv.put(bytes("a"), bytes("1")));
      equal("event", events.text(), "PUT a=1");
      equal("inside", texts(done(kv.get(bytes("a"))).getKvs()), List.of("a=1"));
      var outside = client.getKVClient().get(bytes("tenant/"), prefix().build());
      equal("outside", texts(done(outside).getKvs()), List.of("tenant/a=1"));
      Cmp compare = new Cmp(bytes("a"), Cmp.Op.EQUAL, CmpTarget.value(bytes("1")));
      Op delete = Op.delete(bytes("a"), DeleteOption.DEFAULT);
      equal("deleted", done(kv.txn().If(compare).Then(delete).commit()).isSucceeded(), true);
      equal("event", events.text(), "DELETE a=");
    }
  }

  private TxnResponse create(String value) throws Exception {
    ByteSequence key = bytes("txn");
    var txn = client.getKVClient().txn();
    txn.If(new Cmp(key, Cmp.Op.EQUAL, CmpTarget.createRevision(0)));
    txn.Then(Op.put(key, bytes(value), PutOption.DEFAULT));
    return done(txn.Else(Op.get(key, GetOption.DEFAULT)).commit());
  }

  private void transactions() throws Exception {
    equal("created", create("first").isSucceeded(), true);
    TxnResponse second = create("second");
    equal("created again", second.isSucceeded(), false);
    equal("found", texts(second.getGetResponses().get(0).getKvs()), List.of("txn=first"));
    ByteSequence nested = bytes("txn/nested");
    Cmp[] compare = {
      new Cmp(bytes("txn"), Cmp.Op.LESS, CmpTarget.version(2)),
      new Cmp(bytes("txn"), Cmp.Op.GREATER, CmpTarget.modRevision(0)),
      new Cmp(bytes("txn"), Cmp.Op.NOT_EQUAL, CmpTarget.value(bytes("second"))),
    };
    Op[] then = {Op.put(nested, bytes("1"), PutOption.DEFAULT), Op.get(nested, GetOption.DEFAULT)};
    Op inner = Op.txn(compare, then, new Op[0]);
    var answer = done(client.getKVClient().txn().Then(inner).commit()).getTxnResponses().get(0);
    equal("nested", answer.isSucceeded(), true);
    equal("own write", texts(answer.getGetResponses().get(0).getKvs()), List.of("txn/nested=1"));
  }

  private void errors() throws Exception {
    var kv = client.getKVClient();
    ByteSequence key = bytes("a");
    refused(ErrorCode.INVALID_ARGUMENT, "key is not provided", kv.put(bytes(""), key));
    var leased = PutOption.builder().withLeaseId(12345).build();
    refused(ErrorCode.NOT_FOUND, "requested lease not found", kv.put(key, key, leased));
    var future = "required revision is a future revision";
    var late = GetOption.builder().withRevision(1L << 60).build();
    refused(ErrorCode.OUT_OF_RANGE, future, kv.get(key, late));
    refused(ErrorCode.OUT_OF_RANGE, future, kv.compact(1L << 60));
    Op put = Op.put(key, key, PutOption.DEFAULT);
    refused(ErrorCode.INVALID_ARGUMENT, "duplicate key given", kv.txn().Then(put, put).commit());
    var nobody = client.getAuthClient().userGet(bytes("nobody"));
    refused(ErrorCode.FAILED_PRECONDITION, "user name not found", nobody);
  }

  private void leases() throws Exception {
    var kv = client.getKVClient();
    var leases = client.getLeaseClient();
    long lease = done(leases.grant(30)).getID();
    done(kv.put(bytes("leased"), bytes("1"), PutOption.builder().withLeaseId(lease).build()));
    var alive = new Answers<LeaseKeepAliveResponse>();
    leases.keepAlive(lease, alive);
    equal("renewed", alive.next(LeaseKeepAliveResponse.class).getTTL(), 30L);
    var keys = LeaseOption.builder().withAttachedKeys().build();
    var left = done(leases.timeToLive(lease, keys));
    equal("granted", left.getGrantedTTL(), 30L);
    equal("attached", left.getKeys(), List.of(bytes("leased")));
    try (Events events = new Events(client, "leased", WatchOption.builder())) {
      done(leases.revoke(lease));
      equal("event", events.text(), "DELETE leased=");
    }
    equal("left", done(leases.timeToLive(lease, keys)).getTTL(), -1L);
    refused(ErrorCode.NOT_FOUND, "requested lease not found", leases.keepAliveOnce(lease));
    refused(ErrorCode.NOT_FOUND, "requested lease not found", leases.revoke(lease));

    long brief = done(leases.grant(1)).getID();
    try (Events events = new Events(client, "short", WatchOption.builder().withNoPut(true))) {
      done(kv.put(bytes("short"), bytes("1"), PutOption.builder().withLeaseId(brief).build()));
      equal("expiry", events.text(), "DELETE short=");
    }
  }

  private void watches() throws Exception {
    var kv = client.getKVClient();
    long first = done(kv.put(bytes("watch/a"), bytes("1"))).getHeader().getRevision();
    done(kv.put(bytes("watch/a"), bytes("2")));
    done(kv.delete(bytes("watch/a")));
    var past = WatchOption.builder().withRevision(first).withPrevKV(true);
    try (Events events = new Events(client, "watch/", past)) {
      equal("past", events.text(), "PUT watch/a=1");
      equal("past", events.text(), "PUT watch/a=2");
      equal("previous", events.next().getPrevKV().getValue(), bytes("2"));
      events.watcher.requestProgress();
      var progress = events.answers.next(WatchResponse.class);
      equal("progress", progress.isProgressNotify(), true);
      equal("progress until", progress.getHeader().getRevision(), first + 2);
    }
    long last = done(kv.put(bytes("watch/b"), bytes("1"))).getHeader().getRevision();
    done(kv.compact(last, CompactOption.builder().withCompactPhysical(true).build()));
    var compacted = "required revision has been compacted";
    var old = GetOption.builder().withRevision(first).build();
    refused(ErrorCode.OUT_OF_RANGE, compacted, kv.get(bytes("watch/a"), old));
    try (Events events = new Events(client, "watch/", past)) {
      var error = events.answers.next(CompactedException.class);
      equal("compacted at", error.getCompactedRevision(), last);
    }
  }

  private void locks() throws Exception {
    var leases = client.getLeaseClient();
    long holder = done(leases.grant(10)).getID();
    long waiter = done(leases.grant(10)).getID();
    var locks = client.getLockClient();
    try (Events events = new Events(client, "lock/", WatchOption.builder())) {
      ByteSequence held = done(locks.lock(bytes("lock"), holder)).getKey();
      equal("its key", held.toString(), "lock/" + Long.toHexString(holder));
      equal("held", events.next().getKeyValue().getKey(), held);
      var wanted = locks.lock(bytes("lock"), waiter);
      equal("wanted", events.next().getKeyValue().getLease(), waiter);
      equal("waits", wanted.isDone(), false);
      done(locks.unlock(held));
      done(locks.unlock(done(wanted).getKey()));
    }
    equal("free", done(client.getKVClient().get(bytes("lock/"), prefix().build())).getCount(), 0L);
    done(leases.revoke(holder));
    refused(ErrorCode.UNKNOWN, "requested lease not found", locks.lock(bytes("lock"), holder));
  }

  private void elections() throws Exception {
    var elections = client.getElectionClient();
    ByteSequence office = bytes("office");
    fails(NoLeaderException.class, elections.leader(office));
    var observed = new Answers<LeaderResponse>();
    var listener =
        new Election.Listener() {
          @Override
          public void onNext(LeaderResponse answer) {
            observed.onNext(answer);
          }

          @Override
          public void onError(Throwable error) {
            observed.onError(error);
          }

          @Override
          public void onCompleted() {
            observed.onCompleted();
          }
        };
    long lease = done(client.getLeaseClient().grant(10)).getID();
    var leader = done(elections.campaign(office, lease, bytes("first"))).getLeader();
    elections.observe(office, listener);
    equal("leader", observed.next(LeaderResponse.class).getKv().getValue(), bytes("first"));
    done(elections.proclaim(leader, bytes("still first")));
    var proclaimed = observed.next(LeaderResponse.class).getKv();
    equal("proclaimed", texts(List.of(proclaimed)), List.of(leader.getKey() + "=still first"));
    long other = done(client.getLeaseClient().grant(10)).getID();
    var second = elections.campaign(office, other, bytes("second"));
    done(elections.resign(leader));
    done(second);
    equal("next", observed.next(LeaderResponse.class).getKv().getValue(), bytes("second"));
    equal("leader", done(elections.leader(office)).getKv().getLease(), other);
    fails(NotLeaderException.class, elections.proclaim(leader, bytes("not any more")));
    done(elections.resign(done(second).getLeader()));
    fails(NoLeaderException.class, elections.leader(office));
  }

  private void maintenance() throws Exception {
    var maintenance = client.getMaintenanceClient();
    var members = done(client.getClusterClient().listMember()).getMembers();
    var status = done(maintenance.statusMember(endpoint));
    equal("version", status.getVersion().startsWith("3."), true);
    var leads = members.stream().anyMatch(member -> member.getId() == status.getLeader());
    equal("the leader is a member", leads, true);
    URI here = URI.create(endpoint);
    var listens = members.stream().filter(member -> member.getClientURIs().contains(here));
    equal("one member is here", listens.count(), 1L);
    var hash = done(maintenance.hashKV(endpoint, 0));
    equal("hashed at", hash.getHeader().getRevision(), status.getHeader().getRevision());
    equal("alarms", done(maintenance.listAlarms()).getAlarms(), List.of());
    done(maintenance.defragmentMember(endpoint));
    var saved = new ByteArrayOutputStream();
    equal("saved", done(maintenance.snapshot(saved)), (long) saved.size());
    equal("a snapshot ends with its sum", saved.size() % 512, 32);
  }

  private void users() throws Exception {
    var kv = client.getKVClient();
    var auth = client.getAuthClient();
    for (ByteSequence name : List.of(bytes("root"), bytes("reader"))) {
      done(auth.userAdd(name, SECRET));
      done(auth.roleAdd(name));
    }
    ByteSequence reader = bytes("reader");
    var again = auth.userAdd(reader, SECRET);
    refused(ErrorCode.FAILED_PRECONDITION, "user name already exists", again);
    done(auth.roleGrantPermission(reader, bytes("auth/"), bytes("auth0"), Permission.Type.READ));
    refused(ErrorCode.FAILED_PRECONDITION, "root user does not have root role", auth.authEnable());
    for (ByteSequence name : List.of(bytes("root"), reader)) {
      done(auth.userGrantRole(name, name));
    }
    var granted = done(auth.roleGet(reader)).getPermissions().get(0);
    equal("granted", granted.getPermType() + " " + granted.getKey(), "READ auth/");
    done(kv.put(bytes("auth/a"), bytes("1")));
    done(auth.authEnable());

    refused(ErrorCode.INVALID_ARGUMENT, "user name is empty", kv.get(bytes("auth/a")));
    try (Client wrong = client().user(bytes("root")).password(bytes("wrong")).build()) {
      // This is what it makes of any failed login.
      var error = fails(RuntimeException.class, wrong.getKVClient().get(bytes("auth/a")));
      equal("failed", toEtcdException(error).getErrorCode(), ErrorCode.UNAUTHENTICATED);
    }
    try (Client other = client().user(reader).password(SECRET).build()) {
      var its = other.getKVClient();
      var read = done(its.get(bytes("auth/"), prefix().build()));
      equal("may read", texts(read.getKvs()), List.of("auth/a=1"));
      var denied = "permission denied";
      refused(ErrorCode.PERMISSION_DENIED, denied, its.get(bytes("other")));
      refused(ErrorCode.PERMISSION_DENIED, denied, its.put(bytes("auth/a"), bytes("2")));
      refused(ErrorCode.PERMISSION_DENIED, denied, other.getAuthClient().userList());
    }
    try (Client root = client().user(bytes("root")).password(SECRET).build()) {
      var users = done(root.getAuthClient().userList()).getUsers();
      equal("users", users, List.of("reader", "root"));
      done(root.getAuthClient().authDisable());
    }
    equal("open again", texts(done(kv.get(bytes("auth/a"))).getKvs()), List.of("auth/a=1"));
  }

  /** A watch and a lease go on by themselves when the server comes back. */
  private void restart() throws Exception {
    final int before = 20;
    final int after = 40;
    var leases = client.getLeaseClient();
    long lease = done(leases.grant(60)).getID();
    var alive = new Answers<LeaseKeepAliveResponse>();
    leases.keepAlive(lease, alive);
    equal("renewed", alive.next(LeaseKeepAliveResponse.class).getTTL(), 60L);
    try (Events events = new Events(client, "restart/", WatchOption.builder())) {
      put(0, before, lease);
      System.out.println("restart");
      equal("the answer", System.in.read(), (int) '\n');
      put(before, after, lease);
      for (int number = 0; number < after; number++) {
        equal("event", events.text(), "PUT " + name(number) + "=");
      }
    }
    equal("renewed again", done(leases.keepAliveOnce(lease)).getTTL(), 60L);
    done(leases.revoke(lease));
    var left = client.getKVClient().get(bytes("restart/"), prefix().build());
    equal("left", done(left).getCount(), 0L);
  }

  private static String name(int number) {
    return "restart/" + (100 + number);
  }

  private void put(int from, int to, long lease) throws Exception {
    var leased = PutOption.builder().withLeaseId(lease).build();
    for (int number = from; number < to; number++) {
      done(client.getKVClient().put(bytes(name(number)), ByteSequence.EMPTY, leased));
    }
  }
}
