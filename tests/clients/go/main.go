// A session of the official Go client with the server whose endpoint is the first argument.
//
// Prints a line per part that did what it should and ends with a failing status at the first
// that did not. When it prints "restart", whoever runs it kills the server, starts it again in
// the same place, and answers with a line on the standard input.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/client/v3/mirror"
)

// How long the whole session may take.
const patience = 2 * time.Minute

var stdin = bufio.NewReader(os.Stdin)

func main() {
	config := clientv3.Config{
		Endpoints:   []string{os.Args[1]},
		DialTimeout: 5 * time.Second,
	}
	client, err := clientv3.New(config)
	must(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	part("keys", func() { keys(ctx, client) })
	part("transactions", func() { transactions(ctx, client) })
	part("errors", func() { requestErrors(ctx, client) })
	part("leases", func() { leases(ctx, client) })
	part("watches", func() { watches(ctx, client) })
	part("locks and elections", func() { locks(ctx, client) })
	part("transactional memory", func() { memory(ctx, client) })
	part("mirror", func() { mirrored(ctx, client) })
	part("kubernetes interface", func() { kubernetesInterface(ctx, config) })
	part("cluster and maintenance", func() { maintenance(ctx, client) })
	part("a restart", func() { restart(ctx, client) })
}

func part(name string, run func()) {
	run()
	fmt.Println("ok", name)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

func texts(kvs []*mvccpb.KeyValue) []string {
	found := []string{}
	for _, kv := range kvs {
		found = append(found, string(kv.Key)+"="+string(kv.Value))
	}
	return found
}

func keys(ctx context.Context, client *clientv3.Client) {
	first, err := client.Put(ctx, "keys/a", "1")
	must(err)
	for _, key := range []string{"b", "c", "d"} {
		_, err := client.Put(ctx, "keys/"+key, key)
		must(err)
	}
	previous, err := client.Put(ctx, "keys/a", "2", clientv3.WithPrevKV())
	must(err)
	equal("previous value", string(previous.PrevKv.Value), "1")
	old, err := client.Get(ctx, "keys/a", clientv3.WithRev(first.Header.Revision))
	must(err)
	equal("old value", texts(old.Kvs), []string{"keys/a=1"})
	page, err := client.Get(ctx, "keys/", clientv3.WithPrefix(), clientv3.WithLimit(2))
	must(err)
	equal("page", texts(page.Kvs), []string{"keys/a=2", "keys/b=b"})
	equal("more", page.More, true)
	equal("count", page.Count, int64(4))
	sorted, err := client.Get(ctx, "keys/", append(clientv3.WithLastRev(), clientv3.WithPrefix())...)
	must(err)
	equal("last written", texts(sorted.Kvs), []string{"keys/a=2"})
	deleted, err := client.Delete(ctx, "keys/b", clientv3.WithRange("keys/d"), clientv3.WithPrevKV())
	must(err)
	equal("deleted", texts(deleted.PrevKvs), []string{"keys/b=b", "keys/c=c"})
}

func transactions(ctx context.Context, client *clientv3.Client) {
	create := func(value string) *clientv3.TxnResponse {
		answer, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision("txn"), "=", 0)).
			Then(clientv3.OpPut("txn", value)).
			Else(clientv3.OpGet("txn")).
			Commit()
		must(err)
		return answer
	}
	equal("created", create("first").Succeeded, true)
	second := create("second")
	equal("created again", second.Succeeded, false)
	equal("found", texts(second.Responses[0].GetResponseRange().Kvs), []string{"txn=first"})
	nested := clientv3.OpTxn(
		[]clientv3.Cmp{clientv3.Compare(clientv3.Value("txn"), "=", "first")},
		[]clientv3.Op{clientv3.OpPut("txn/nested", "1"), clientv3.OpGet("txn/nested")},
		nil)
	answer, err := client.Txn(ctx).Then(nested).Commit()
	must(err)
	inner := answer.Responses[0].GetResponseTxn()
	equal("nested", inner.Succeeded, true)
	equal("read own write", texts(inner.Responses[1].GetResponseRange().Kvs), []string{"txn/nested=1"})
}

func requestErrors(ctx context.Context, client *clientv3.Client) {
	expect := func(err, want error) {
		if !errors.Is(err, want) {
			panic(fmt.Sprintf("got %v, want %v", err, want))
		}
	}
	_, err := client.Put(ctx, "", "")
	expect(err, rpctypes.ErrEmptyKey)
	_, err = client.Get(ctx, "a", clientv3.WithRev(1<<60))
	expect(err, rpctypes.ErrFutureRev)
	_, err = client.Put(ctx, "a", "", clientv3.WithLease(12345))
	expect(err, rpctypes.ErrLeaseNotFound)
	_, err = client.Compact(ctx, 1<<60)
	expect(err, rpctypes.ErrFutureRev)
	_, err = client.Txn(ctx).Then(clientv3.OpPut("a", "1"), clientv3.OpPut("a", "2")).Commit()
	expect(err, rpctypes.ErrDuplicateKey)
}

func leases(ctx context.Context, client *clientv3.Client) {
	lease, err := client.Grant(ctx, 30)
	must(err)
	_, err = client.Put(ctx, "leased", "1", clientv3.WithLease(lease.ID))
	must(err)
	alive, err := client.KeepAlive(ctx, lease.ID)
	must(err)
	equal("renewed", (<-alive).TTL, int64(30))
	left, err := client.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	must(err)
	equal("attached", fmt.Sprintf("%s", left.Keys), "[leased]")
	all, err := client.Leases(ctx)
	must(err)
	equal("leases", len(all.Leases), 1)
	deleted := client.Watch(ctx, "leased")
	_, err = client.Revoke(ctx, lease.ID)
	must(err)
	equal("event", (<-deleted).Events[0].Type, clientv3.EventTypeDelete)
	for range alive {
		// Ends when the client learns that the lease is gone.
	}

	short, err := client.Grant(ctx, 2)
	must(err)
	_, err = client.Put(ctx, "short", "1", clientv3.WithLease(short.ID))
	must(err)
	expired := client.Watch(ctx, "short")
	equal("expiry", (<-expired).Events[0].Type, clientv3.EventTypeDelete)
}

func watches(ctx context.Context, client *clientv3.Client) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	first, err := client.Put(ctx, "watch/a", "1")
	must(err)
	_, err = client.Put(ctx, "watch/a", "2")
	must(err)
	_, err = client.Delete(ctx, "watch/a")
	must(err)
	past := client.Watch(ctx, "watch/", clientv3.WithPrefix(), clientv3.WithPrevKV(),
		clientv3.WithRev(first.Header.Revision))
	seen := []string{}
	for len(seen) < 3 {
		answer := <-past
		must(answer.Err())
		for _, event := range answer.Events {
			text := event.Type.String() + " " + string(event.Kv.Value)
			if event.PrevKv != nil {
				text += " was " + string(event.PrevKv.Value)
			}
			seen = append(seen, text)
		}
	}
	equal("events", seen, []string{"PUT 1", "PUT 2 was 1", "DELETE  was 2"})
	must(client.RequestProgress(ctx))
	progress := <-past
	equal("progress", progress.IsProgressNotify(), true)

	onlyDeletes := client.Watch(ctx, "watch/b", clientv3.WithFilterPut(), clientv3.WithCreatedNotify())
	equal("created", (<-onlyDeletes).Created, true)
	_, err = client.Put(ctx, "watch/b", "1")
	must(err)
	last, err := client.Delete(ctx, "watch/b")
	must(err)
	equal("filtered", (<-onlyDeletes).Events[0].Kv.ModRevision, last.Header.Revision)

	_, err = client.Compact(ctx, last.Header.Revision, clientv3.WithCompactPhysical())
	must(err)
	compacted := <-client.Watch(ctx, "watch/a", clientv3.WithRev(first.Header.Revision))
	equal("compacted", compacted.Err(), rpctypes.ErrCompacted)
	equal("compacted at", compacted.CompactRevision, last.Header.Revision)
}

func locks(ctx context.Context, client *clientv3.Client) {
	holder, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	must(err)
	defer holder.Close()
	waiter, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	must(err)
	defer waiter.Close()
	held := concurrency.NewMutex(holder, "lock")
	must(held.Lock(ctx))
	wanted := concurrency.NewMutex(waiter, "lock")
	equal("try", wanted.TryLock(ctx), concurrency.ErrLocked)
	locked := make(chan error)
	go func() { locked <- wanted.Lock(ctx) }()
	must(held.Unlock(ctx))
	must(<-locked)
	must(wanted.Unlock(ctx))

	candidate := concurrency.NewElection(holder, "election")
	must(candidate.Campaign(ctx, "first"))
	observer := concurrency.NewElection(waiter, "election").Observe(ctx)
	equal("leader", texts((<-observer).Kvs)[0][len(candidate.Key()):], "=first")
	must(candidate.Proclaim(ctx, "second"))
	equal("leader", texts((<-observer).Kvs)[0][len(candidate.Key()):], "=second")
	must(candidate.Resign(ctx))
}

func memory(ctx context.Context, client *clientv3.Client) {
	const tasks, each = 4, 5
	done := make(chan error)
	for range tasks {
		go func() {
			for range each {
				_, err := concurrency.NewSTM(client, func(stm concurrency.STM) error {
					stm.Put("counter", stm.Get("counter")+"x")
					return nil
				}, concurrency.WithAbortContext(ctx))
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range tasks {
		must(<-done)
	}
	counter, err := client.Get(ctx, "counter")
	must(err)
	equal("counter", len(counter.Kvs[0].Value), tasks*each)
}

func mirrored(ctx context.Context, client *clientv3.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const count = 2500
	for start := 0; start < count; start += 100 {
		operations := []clientv3.Op{}
		for number := start; number < start+100; number++ {
			operations = append(operations, clientv3.OpPut(fmt.Sprintf("mirror/%05d", number), "value"))
		}
		_, err := client.Txn(ctx).Then(operations...).Commit()
		must(err)
	}
	syncer := mirror.NewSyncer(client, "mirror/", 0)
	pages, failed := syncer.SyncBase(ctx)
	found := 0
	for page := range pages {
		found += len(page.Kvs)
	}
	must(<-failed)
	equal("mirrored", found, count)
	updates := syncer.SyncUpdates(ctx)
	_, err := client.Put(ctx, "mirror/new", "1")
	must(err)
	equal("update", string((<-updates).Events[0].Kv.Key), "mirror/new")
}

func kubernetesInterface(ctx context.Context, config clientv3.Config) {
	client, err := kubernetes.New(config)
	must(err)
	defer client.Close()
	created, err := client.OptimisticPut(ctx, "/registry/pods/a", []byte("1"), 0, kubernetes.PutOptions{})
	must(err)
	equal("created", created.Succeeded, true)
	again, err := client.OptimisticPut(ctx, "/registry/pods/a", []byte("2"), 0,
		kubernetes.PutOptions{GetOnFailure: true})
	must(err)
	equal("created again", again.Succeeded, false)
	equal("found", string(again.KV.Value), "1")
	updated, err := client.OptimisticPut(ctx, "/registry/pods/a", []byte("2"), again.KV.ModRevision,
		kubernetes.PutOptions{})
	must(err)
	equal("updated", updated.Succeeded, true)
	for _, key := range []string{"b", "c"} {
		_, err := client.OptimisticPut(ctx, "/registry/pods/"+key, []byte(key), 0, kubernetes.PutOptions{})
		must(err)
	}
	list, err := client.List(ctx, "/registry/pods/", kubernetes.ListOptions{Limit: 2})
	must(err)
	equal("list", texts(list.Kvs), []string{"/registry/pods/a=2", "/registry/pods/b=b"})
	equal("count", list.Count, int64(3))
	rest, err := client.List(ctx, "/registry/pods/", kubernetes.ListOptions{
		Limit: 2, Revision: list.Revision, Continue: "/registry/pods/b\x00",
	})
	must(err)
	equal("rest", texts(rest.Kvs), []string{"/registry/pods/c=c"})
	count, err := client.Count(ctx, "/registry/pods/", kubernetes.CountOptions{})
	must(err)
	equal("count", count, int64(3))
	deleted, err := client.OptimisticDelete(ctx, "/registry/pods/a", 1, kubernetes.DeleteOptions{GetOnFailure: true})
	must(err)
	equal("deleted by a stale revision", deleted.Succeeded, false)
	deleted, err = client.OptimisticDelete(ctx, "/registry/pods/a", deleted.KV.ModRevision, kubernetes.DeleteOptions{})
	must(err)
	equal("deleted", deleted.Succeeded, true)
	gone, err := client.Get(ctx, "/registry/pods/a", kubernetes.GetOptions{})
	must(err)
	equal("gone", gone.KV == nil, true)
}

func maintenance(ctx context.Context, client *clientv3.Client) {
	must(client.Sync(ctx))
	members, err := client.MemberList(ctx)
	must(err)
	status, err := client.Status(ctx, client.Endpoints()[0])
	must(err)
	leads := func(member *pb.Member) bool { return member.ID == status.Leader }
	equal("the leader is a member", slices.ContainsFunc(members.Members, leads), true)
	hash, err := client.HashKV(ctx, client.Endpoints()[0], 0)
	must(err)
	equal("hashed at", hash.Header.Revision, status.Header.Revision)
	alarms, err := client.AlarmList(ctx)
	must(err)
	equal("alarms", len(alarms.Alarms), 0)
	_, err = client.Defragment(ctx, client.Endpoints()[0])
	must(err)
}

// A watch and a lease go on by themselves when the server comes back.
func restart(ctx context.Context, client *clientv3.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lease, err := client.Grant(ctx, 60)
	must(err)
	alive, err := client.KeepAlive(ctx, lease.ID)
	must(err)
	<-alive
	watch := client.Watch(ctx, "restart/", clientv3.WithPrefix())
	const before, after = 20, 40
	put := func(number int) {
		_, err := client.Put(ctx, fmt.Sprintf("restart/%03d", number), "", clientv3.WithLease(lease.ID))
		must(err)
	}
	for number := range before {
		put(number)
	}
	fmt.Println("restart")
	_, err = stdin.ReadString('\n')
	must(err)
	for {
		// The first request may meet the old connection.
		if _, err := client.Get(ctx, "restart/"); err == nil {
			break
		} else if ctx.Err() != nil {
			panic(err)
		}
	}
	for number := before; number < after; number++ {
		put(number)
	}
	next := 0
	for next < after {
		answer := <-watch
		must(answer.Err())
		for _, event := range answer.Events {
			equal("event", string(event.Kv.Key), fmt.Sprintf("restart/%03d", next))
			next++
		}
	}
	left, err := client.TimeToLive(ctx, lease.ID)
	must(err)
	equal("the lease lives", left.TTL > 0, true)
	_, ok := <-alive
	equal("the lease is kept alive", ok, true)
}
