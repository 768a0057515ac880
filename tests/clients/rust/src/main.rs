//! A session of the `etcd-client` crate with the server whose endpoint is the first argument.
//!
//! Prints a line per part that did what it should and panics at the first that did not. When it
//! prints "restart", whoever runs it kills the server, starts it again in the same place, and
//! answers with a line on the standard input.

use etcd_client::*;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// How long the whole session may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = std::env::args().nth(1).expect("an endpoint is given");
    let session = tokio::time::timeout(PATIENCE, session(&endpoint));
    session
        .await
        .expect("the session ends in time")
        .expect("every call succeeds");
}

async fn session(endpoint: &str) -> Result<(), Error> {
    let mut client = Client::connect([endpoint], None).await?;
    keys(&mut client).await?;
    println!("ok keys");
    transactions(&mut client).await?;
    println!("ok transactions");
    leases(&mut client).await?;
    println!("ok leases");
    watches(&mut client).await?;
    println!("ok watches");
    maintenance(&mut client).await?;
    println!("ok cluster and maintenance");
    restart(&mut client).await?;
    println!("ok a restart");
    Ok(())
}

async fn keys(client: &mut Client) -> Result<(), Error> {
    for number in 0..5 {
        client.put(format!("keys/{number}"), "old", None).await?;
    }
    let options = PutOptions::new().with_prev_key();
    let put = client.put("keys/0", "new", Some(options)).await?;
    let previous = put.prev_key().expect("there was one");
    assert_eq!(previous.value_str()?, "old");
    let old = GetOptions::new().with_revision(previous.mod_revision());
    let old = client.get("keys/0", Some(old)).await?;
    assert_eq!(old.kvs()[0].value_str()?, "old");
    let page = GetOptions::new()
        .with_prefix()
        .with_limit(2)
        .with_sort(SortTarget::Key, SortOrder::Descend);
    let page = client.get("keys/", Some(page)).await?;
    let found = page.kvs().iter().map(|kv| kv.key_str());
    assert_eq!(found.collect::<Result<Vec<_>, _>>()?, ["keys/4", "keys/3"]);
    assert_eq!((page.count(), page.more()), (5, true));
    let options = DeleteOptions::new().with_prefix().with_prev_key();
    let deleted = client.delete("keys/", Some(options)).await?;
    assert_eq!((deleted.deleted(), deleted.prev_kvs().len()), (5, 5));
    Ok(())
}

async fn transactions(client: &mut Client) -> Result<(), Error> {
    for succeeds in [true, false] {
        let create = Txn::new()
            .when([Compare::version("txn", CompareOp::Equal, 0)])
            .and_then([TxnOp::put("txn", "created", None)])
            .or_else([TxnOp::get("txn", None)]);
        let answer = client.txn(create).await?;
        assert_eq!(answer.succeeded(), succeeds);
        if let [TxnOpResponse::Get(found)] = answer.op_responses().as_slice() {
            assert_eq!(found.kvs()[0].value_str()?, "created");
        } else {
            assert!(succeeds);
        }
    }
    let twice = Txn::new().and_then([
        TxnOp::put("twice", "1", None),
        TxnOp::put("twice", "2", None),
    ]);
    match client.txn(twice).await {
        Err(Error::GRpcStatus(status)) => assert_eq!(
            status.message(),
            "etcdserver: duplicate key given in txn request"
        ),
        other => panic!("a key was written twice: {other:?}"),
    }
    Ok(())
}

async fn leases(client: &mut Client) -> Result<(), Error> {
    let lease = client.lease_grant(60, None).await?.id();
    let attach = PutOptions::new().with_lease(lease);
    client.put("leased", "", Some(attach)).await?;
    let (mut keeper, mut renewed) = client.lease_keep_alive(lease).await?;
    keeper.keep_alive().await?;
    let answer = renewed.message().await?.expect("it is renewed");
    assert_eq!((answer.id(), answer.ttl()), (lease, 60));
    let keys = LeaseTimeToLiveOptions::new().with_keys();
    let left = client.lease_time_to_live(lease, Some(keys)).await?;
    assert_eq!((left.granted_ttl(), left.keys().len()), (60, 1));
    client.lease_revoke(lease).await?;
    assert_eq!(client.get("leased", None).await?.count(), 0);
    Ok(())
}

async fn watches(client: &mut Client) -> Result<(), Error> {
    let put = client.put("watch/a", "1", None).await?;
    let start = put.header().expect("a header").revision();
    client.put("watch/a", "2", None).await?;
    client.delete("watch/a", None).await?;
    let options = WatchOptions::new()
        .with_prefix()
        .with_prev_key()
        .with_start_revision(start)
        .with_watch_id(7);
    let mut watch = client.watch("watch/", Some(options)).await?;
    let created = watch.message().await?.expect("it is answered");
    assert_eq!((created.created(), created.watch_id()), (true, 7));
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let answer = watch.message().await?.expect("it is answered");
        for event in answer.events() {
            let previous = event.prev_kv().map(|kv| kv.value_str().map(str::to_owned));
            seen.push((event.event_type(), previous.transpose()?));
        }
    }
    assert_eq!(
        seen,
        [
            (EventType::Put, None),
            (EventType::Put, Some("1".to_owned())),
            (EventType::Delete, Some("2".to_owned())),
        ]
    );
    watch.request_progress().await?;
    let progress = watch.message().await?.expect("it is answered");
    assert!(progress.events().is_empty());
    watch.cancel(7).await?;
    let canceled = watch.message().await?.expect("it is answered");
    assert_eq!((canceled.canceled(), canceled.watch_id()), (true, 7));

    client.compact(start + 2, None).await?;
    let options = WatchOptions::new().with_start_revision(start);
    let mut watch = client.watch("watch/a", Some(options)).await?;
    let compacted = loop {
        let answer = watch.message().await?.expect("it is answered");
        if answer.canceled() {
            break answer.compact_revision();
        }
    };
    assert_eq!(compacted, start + 2);
    Ok(())
}

async fn maintenance(client: &mut Client) -> Result<(), Error> {
    let members = client.member_list().await?;
    let status = client.status().await?;
    let leads = |member: &&Member| member.id() == status.leader();
    assert_eq!(members.members().iter().filter(leads).count(), 1);
    let hash = client.hash_kv(0).await?;
    assert_ne!(hash.hash(), 0);
    let alarms = client
        .alarm(AlarmAction::Get, AlarmType::None, None)
        .await?;
    assert!(alarms.alarms().is_empty());
    client.defragment().await?;
    Ok(())
}

/// What was written is there when the server comes back, and a watch resumes where it was.
async fn restart(client: &mut Client) -> Result<(), Error> {
    let put = client.put("restart", "1", None).await?;
    let before = put.header().expect("a header").revision();
    println!("restart");
    let mut line = String::new();
    let mut stdin = BufReader::new(tokio::io::stdin());
    stdin.read_line(&mut line).await.expect("is told to go on");
    // The first requests may meet the old connection.
    while client.get("restart", None).await.is_err() {}
    client.put("restart", "2", None).await?;
    let options = WatchOptions::new().with_start_revision(before);
    let mut watch = client.watch("restart", Some(options)).await?;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let answer = watch.message().await?.expect("it is answered");
        for event in answer.events() {
            seen.push(event.kv().expect("a key").value_str()?.to_owned());
        }
    }
    assert_eq!(seen, ["1", "2"]);
    Ok(())
}
