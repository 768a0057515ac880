//! Members that are added, promoted, removed and moved.

use super::*;

/// All know of a change soon.
async fn all_know(trio: &Trio, known: impl Fn(&Members) -> bool) {
    for raft in trio.all() {
        let mut members = raft.members();
        let told = tokio::time::timeout(WAIT_MAX, members.wait_for(&known));
        told.await.unwrap().unwrap();
    }
}

/// Changes the members until it is so: leaders may change meanwhile, and an outcome is not heard of
/// when it comes within a whole state.
async fn make(raft: &Raft, change: Change, is_made: impl Fn(&Members) -> bool) {
    let members = raft.members();
    let made = async {
        while !is_made(&members.borrow()) {
            let _ = raft.change(change.clone()).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, made).await.unwrap();
}

fn refused(refusal: Refused) -> Result<(), NotChanged> {
    Err(NotChanged::Refused(refusal))
}

/// A learner comes, gets a vote when it has caught up, and is as good as any; asked for at every
/// member in turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_learner_becomes_a_member() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (_, leader) = trio.leader().await;
    for number in 0..20 {
        leader.apply(batch("a", &number.to_string())).await.unwrap();
    }
    let learner = Member {
        is_learner: true,
        name: String::new(),
        ..member(4)
    };
    let one = trio.get(1);
    let is_added = |members: &Members| members.members.contains_key(&4);
    make(&one, Change::Add(learner.clone()), is_added).await;
    assert!(one.members().borrow().members[&4].is_learner);
    let second = Member {
        id: 5,
        peer_urls: vec!["http://m5:2380".to_owned()],
        ..learner.clone()
    };
    let added = one.change(Change::Add(second)).await;
    assert_eq!(added, refused(Refused::TooManyLearners));
    let lagging = trio.get(2).change(Change::Promote(4)).await;
    assert_eq!(lagging, refused(Refused::NotInSync));
    trio.open(4);
    let four = trio.get(4);
    let name = Member {
        client_urls: vec!["http://m4:2379".to_owned()],
        ..member(4)
    };
    let has_name = |members: &Members| {
        let four = members.members.get(&4);
        four.is_some_and(|four| four.name == "m4")
    };
    make(&four, Change::Publish(name), has_name).await;
    let votes = |members: &Members| !members.members[&4].is_learner;
    make(&trio.get(3), Change::Promote(4), votes).await;
    all_know(&trio, votes).await;
    let moved = Member {
        id: 4,
        peer_urls: vec!["http://elsewhere:2380".to_owned()],
        ..Member::default()
    };
    let has_moved = |members: &Members| {
        let member = &members.members[&4];
        member.peer_urls == ["http://elsewhere:2380"] && member.name == "m4"
    };
    make(&four, Change::Update(moved), has_moved).await;
    all_know(&trio, has_moved).await;
    four.apply(batch("a", "last")).await.unwrap();
    let seen = read(&leader, "a", Consistency::Linearizable).await;
    assert_eq!(seen.unwrap(), "last");
    // What was published and changed is there after a restart.
    trio.stop(4).await;
    trio.open(4);
    let members = trio.get(4).members().borrow().clone();
    assert_eq!(members.members[&4].client_urls, ["http://m4:2379"]);
}

/// A removed member ends and says why, a leader too; the others go on, and it does not come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_ends() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (id, leader) = trio.leader().await;
    leader.apply(batch("a", "1")).await.unwrap();
    leader.change(Change::Remove(id)).await.unwrap();
    let sentence = tokio::time::timeout(WAIT_MAX, leader.failed())
        .await
        .unwrap();
    assert!(
        sentence.contains("was removed from its group"),
        "{sentence}"
    );
    trio.forget(id);
    let (next_id, next) = trio.leader().await;
    assert_ne!(next_id, id);
    next.apply(batch("a", "3")).await.unwrap();
    let path = root.path().join(id.to_string());
    let again = Raft::open(&path, &options(id, 3), Arc::new(Nobody)).unwrap();
    let sentence = tokio::time::timeout(WAIT_MAX, again.failed())
        .await
        .unwrap();
    assert!(
        sentence.contains("was removed from its group"),
        "{sentence}"
    );
    let back = next.change(Change::Add(member(id))).await;
    assert_eq!(back, refused(Refused::IdTaken));
}

/// Nobody has to be asked by who is alone, and only then.
#[tokio::test]
async fn a_member_knows_since_when_it_is_alone() {
    let root = tempfile::tempdir().unwrap();
    let raft = alone(root.path());
    let alone_since = async |value: &str| {
        // The turn of the first is over when the second is answered.
        for _ in 0..2 {
            raft.apply(batch("a", value)).await.unwrap();
        }
        let seen = read(&raft, "a", Consistency::Linearizable).await;
        assert_eq!(seen.unwrap(), value.to_owned());
        raft.progress().alone_since
    };
    let first = alone_since("1").await.unwrap();
    assert_eq!(alone_since("2").await, Some(first));
    let learner = Member {
        is_learner: true,
        ..member(2)
    };
    raft.change(Change::Add(learner)).await.unwrap();
    assert_eq!(alone_since("3").await, None);
    raft.change(Change::Remove(2)).await.unwrap();
    assert!(alone_since("4").await.unwrap() > first);
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_is_handed_over() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    for _ in 0..3 {
        let (id, leader) = trio.leader().await;
        let to = id % 3 + 1;
        // A leader hands over to those who have its log.
        assert!(leader.transfer(to).await.unwrap());
        let (now, next) = trio.leader().await;
        assert_eq!(now, to);
        next.apply(batch("a", &now.to_string())).await.unwrap();
    }
    let (id, leader) = trio.leader().await;
    assert!(leader.transfer(id).await.unwrap());
    assert_eq!(trio.leader().await.0, id);
}

/// Without a quorum nobody is added, removed or moved, and nothing hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_minority_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (id, leader) = trio.leader().await;
    for other in (1..=3).filter(|other| *other != id) {
        trio.stop(other).await;
    }
    let before = leader.members().borrow().clone();
    let changed = leader.change(Change::Add(member(4))).await;
    let answers = [
        Err(NotChanged::Unknown),
        Err(NotChanged::NoLeader),
        refused(Refused::Unhealthy),
    ];
    assert!(answers.contains(&changed), "{changed:?}");
    assert_eq!(*leader.members().borrow(), before);
}

/// A member that was killed may have its state from before the others were added, and its log from
/// after that.
#[tokio::test]
async fn a_survivor_knows_members_from_its_log() {
    let root = tempfile::tempdir().unwrap();
    let (path, crashed) = (root.path().join("member"), root.path().join("crashed"));
    alone(&path).close().await.unwrap();
    let raft = alone(&path);
    raft.apply(batch("a", "kept")).await.unwrap();
    raft.change(Change::Add(member(2))).await.unwrap();
    copy(&path, &crashed);
    raft.close().await.unwrap();
    for (path, is_done) in [(&path, true), (&crashed, true), (&crashed, false)] {
        let survivor = force_new_cluster(path).unwrap();
        let removed = survivor.map(|survivor| survivor.removed);
        let ids = removed.map(|removed| removed.iter().map(|gone| gone.id).collect());
        assert_eq!(ids, is_done.then(|| vec![2]));
    }
    let raft = alone(&crashed);
    let kept = read(&raft, "a", Consistency::Linearizable).await;
    assert_eq!(kept.unwrap(), "kept");
    let members = raft.members().borrow().clone();
    assert!(members.was_removed(2) && members.members.len() == 1);
}

/// One of three is left: it keeps what it has, goes on alone, and grows again.
#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_becomes_a_group_of_one() {
    let root = tempfile::tempdir().unwrap();
    let trio = Trio::new(root.path().to_owned());
    let (id, leader) = trio.leader().await;
    for number in 0..20 {
        leader.apply(batch("a", &number.to_string())).await.unwrap();
    }
    let path = root.path().join(id.to_string());
    let other = (1..=3).find(|other| *other != id).unwrap();
    trio.stop(other).await;
    leader.apply(batch("b", "acknowledged")).await.unwrap();
    let third = 6 - id - other;
    trio.stop(third).await;
    // Nobody but this member has it.
    let lonely = leader.apply(batch("c", "never acknowledged")).await;
    assert_eq!(lonely, Err(ApplyError::Unknown));
    trio.stop(id).await;
    let survivor = force_new_cluster(&path).unwrap().unwrap();
    assert_eq!((survivor.cluster_id, survivor.member.id), (CLUSTER, id));
    assert_eq!(survivor.removed.len(), 2);
    assert!(survivor.uncertain >= 1, "{survivor:?}");
    assert_eq!(force_new_cluster(&path), Ok(None));
    trio.open(id);
    let alone = trio.get(id);
    let kept = [
        ("a", "19"),
        ("b", "acknowledged"),
        ("c", "never acknowledged"),
    ];
    for (key, value) in kept {
        let found = read(&alone, key, Consistency::Linearizable).await;
        assert_eq!(found.unwrap(), value);
    }
    let members = alone.members().borrow().clone();
    assert!(members.was_removed(other) && members.was_removed(third));
    alone.change(Change::Add(member(4))).await.unwrap();
    trio.open(4);
    let joined = trio.get(4);
    joined.apply(batch("a", "new")).await.unwrap();
    let seen = read(&alone, "a", Consistency::Linearizable).await;
    assert_eq!(seen.unwrap(), "new");
    let empty = force_new_cluster(root.path()).unwrap_err().to_string();
    assert!(empty.contains("not the data directory"), "{empty}");
}
