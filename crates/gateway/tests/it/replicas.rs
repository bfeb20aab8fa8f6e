use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use gateway::Permission;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Gateway, ICCID, World, path, sim, until};

const COMPLETE: &str = "simward_replica_acks_total{result=\"complete\"}";
const TIMEOUT: &str = "simward_replica_acks_total{result=\"timeout\"}";

async fn revision(gateway: &Gateway, key: &str) -> i64 {
    let answer = gateway.get(&path(ICCID), key).await.expect(200);
    answer.body["data"]["revision"].as_i64().unwrap()
}

async fn change(gateway: &Gateway, key: &str, label: usize) -> i64 {
    let body = json!({ "label": label.to_string() });
    let answer = gateway.put(&path(ICCID), key, body).await.expect(200);
    answer.body["data"]["revision"].as_i64().unwrap()
}

/// Waits until every one of them knows of this many, itself included.
async fn until_replicas(gateways: &[&Gateway], count: u64) {
    for gateway in gateways {
        until("the number of replicas is known", async || {
            match gateway.metric("simward_replicas") {
                seen if seen == count => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_no_replica_answers_anything_older() {
    let world = World::new().await;
    let one = Arc::new(world.start(world.gateway_config()).await);
    let two = Arc::new(world.start(world.gateway_config()).await);
    let key = world
        .key_for(&[Permission::ReadSims, Permission::WriteSims], None)
        .await;
    world.sims.put(sim(ICCID, 1, "old"));
    let answered = Arc::new(AtomicI64::new(1));
    let reads = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (two, key) = (Arc::clone(&two), key.clone());
            let (answered, reads) = (Arc::clone(&answered), Arc::clone(&reads));
            tokio::spawn(async move {
                while answered.load(Ordering::SeqCst) != i64::MAX {
                    let known = answered.load(Ordering::SeqCst);
                    let seen = revision(&two, &key).await;
                    assert!(
                        known == i64::MAX || seen >= known,
                        "revision {seen} after {known} was answered"
                    );
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..200 {
        let changed = change(&one, &key, round).await;
        answered.store(changed, Ordering::SeqCst);
        assert_eq!(revision(&two, &key).await, changed, "round {round}");
        // The event of the change before comes late, the one of this change never.
        if round % 3 == 0 {
            world.announce(ICCID, changed - 1).await;
        }
    }
    answered.store(i64::MAX, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(reads.load(Ordering::SeqCst) >= 200);
    assert_eq!((one.metric(COMPLETE), one.metric(TIMEOUT)), (200, 0));
    let hits = two.metric("simward_cache_total{layer=\"process\",result=\"hit\"}");
    assert!(hits > 0, "memory was never asked, so nothing is proved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_has_just_begun_is_waited_for() {
    let world = World::new().await;
    let one = world.start(world.gateway_config()).await;
    let key = world.key_for(&[Permission::Admin], None).await;
    world.sims.put(sim(ICCID, 1, "old"));
    let mut newer = Vec::new();
    for round in 0..5 {
        let two = world.start(world.gateway_config()).await;
        let before = revision(&two, &key).await;
        let gets = world.sims.state().gets;
        assert_eq!(revision(&two, &key).await, before);
        assert_eq!(
            world.sims.state().gets,
            gets,
            "memory does not serve from the start"
        );
        let changed = change(&one, &key, round).await;
        assert_eq!(revision(&two, &key).await, changed, "round {round}");
        newer.push(two);
    }
    assert_eq!((one.metric(COMPLETE), one.metric(TIMEOUT)), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_does_not_wait_for_who_said_goodbye() {
    let world = World::new().await;
    let mut config = world.gateway_config();
    config.cache.replica_ack_ms = 60_000;
    let one = world.start(config).await;
    let two = world.start(world.gateway_config()).await;
    let key = world.key_for(&[Permission::Admin], None).await;
    world.sims.put(sim(ICCID, 1, "old"));
    until_replicas(&[&one, &two], 2).await;
    assert!(
        two.shared
            .shutdown
            .finish(std::time::Duration::from_secs(20))
            .await
    );
    assert_eq!(change(&one, &key, 1).await, 2);
    assert_eq!((one.metric(COMPLETE), one.metric(TIMEOUT)), (1, 0));
    until_replicas(&[&one], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_replica_costs_the_limit_and_then_nothing() {
    let world = World::new().await;
    let mut config = world.gateway_config();
    config.cache.replica_ack_ms = 50;
    let gateway = world.start(config).await;
    let key = world.key_for(&[Permission::Admin], None).await;
    world.sims.put(sim(ICCID, 1, "old"));
    // It says that it lives, and then never says that it forgot.
    let heartbeat = json!({ "replica": Uuid::new_v4(), "sent_ms": 17 }).to_string();
    let subject = world.bus.subjects().prefixed("gw.v1.alive");
    let client = world.bus.client();
    client.publish(subject, heartbeat.into()).await.unwrap();
    client.flush().await.unwrap();
    until_replicas(&[&gateway], 2).await;
    assert_eq!(change(&gateway, &key, 1).await, 2);
    assert_eq!((gateway.metric(COMPLETE), gateway.metric(TIMEOUT)), (0, 1));
    until_replicas(&[&gateway], 1).await;
    assert_eq!(change(&gateway, &key, 2).await, 3);
    assert_eq!((gateway.metric(COMPLETE), gateway.metric(TIMEOUT)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_its_connection_forgets_what_it_could_not_hear() {
    let world = World::new().await;
    let one = world.start(world.gateway_config()).await;
    let two = world.start(world.gateway_config()).await;
    let key = world.key_for(&[Permission::Admin], None).await;
    world.sims.put(sim(ICCID, 1, "old"));
    for round in 0..20 {
        let before = revision(&two, &key).await;
        assert_eq!(revision(&two, &key).await, before);
        two.shared.bus.client().force_reconnect().await.unwrap();
        let changed = change(&one, &key, round).await;
        until("the other replica is reachable", async || {
            let answer = two.get(&path(ICCID), &key).await;
            match answer.body["data"]["revision"].as_i64() {
                // Whatever it answers is not older.
                Some(seen) if seen < changed => panic!("revision {seen} after {changed} was answered"),
                Some(_) => Ok(()),
                None => Err(answer.text),
            }
        })
        .await;
    }
}
