use std::time::Duration;

use gateway::Permission;
use gateway::keys;
use serde_json::json;

use crate::harness::{Gateway, ICCID, until};
use crate::live_client::{Client, PATH, labelled, labels, publish, start};

async fn metric(gateway: &Gateway, line: &str) -> Result<(), String> {
    let text = gateway.get("/metrics", "").await.text;
    if text.lines().any(|found| found == line) {
        Ok(())
    } else {
        Err(text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_dropped_and_the_others_go_on() {
    const WAVE: usize = 16;
    let (app, key) = start(|config| config.live.live_queue_bytes = 2 << 20).await;
    let mut slow = Client::connect(&app.gateway, &key, "").await;
    let mut quick = Client::connect(&app.gateway, &key, "").await;
    let large = "x".repeat(64 * 1024);
    let mut sent = 0;
    // Until the buffers of both systems are full, and the queue then.
    for _ in 0..40 {
        publish(
            &app.world.bus,
            (0..WAVE).map(|_| labelled(ICCID, &large)).collect(),
        )
        .await;
        assert_eq!(quick.take(WAVE).await.len(), WAVE);
        sent += WAVE;
    }
    let mut last = slow.next().await.unwrap();
    let mut read = 0;
    while last.event != "dropped" {
        (read, last) = (last.id.unwrap(), slow.next().await.unwrap());
    }
    assert_eq!(last.data, json!({ "reason": "too slow", "last_event_id": read }));
    assert!(read < sent as u64);
    assert!(slow.next().await.is_none(), "the connection is closed");
    until("it is counted", async || {
        metric(
            &app.gateway,
            r#"simward_live_streams_ended_total{reason="too slow"} 1"#,
        )
        .await
    })
    .await;
    publish(&app.world.bus, vec![labelled(ICCID, "still")]).await;
    assert_eq!(labels(&quick.take(1).await), ["still"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_ends_its_streams_only() {
    let (app, key) = start(|_| {}).await;
    let new = keys::NewKey::new("leaver", vec![Permission::ReadSims]);
    let created = app.world.key(new).await;
    let text = secrecy::ExposeSecret::expose_secret(&created.key).to_owned();
    let mut leaving = Client::connect(&app.gateway, &text, "").await;
    let mut staying = Client::connect(&app.gateway, &key, "").await;

    keys::revoke(&app.world.db, &created.id.to_string(), "test")
        .await
        .unwrap();

    let end = leaving.next().await.unwrap();
    assert_eq!(
        (end.event.as_str(), end.data),
        ("closed", json!({ "reason": "credentials" }))
    );
    assert!(leaving.next().await.is_none());
    publish(&app.world.bus, vec![labelled(ICCID, "x")]).await;
    assert_eq!(staying.take(1).await.len(), 1);
    until("its looks were no uses", async || {
        let listed = keys::list(&app.world.db, None).await.unwrap();
        let count = listed
            .iter()
            .find(|listed| listed.id == created.id)
            .unwrap()
            .usage_count;
        if count == 1 { Ok(()) } else { Err(count) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_get_every_event() {
    let (app, key) = start(|config| config.live.live_streams_per_caller = 300).await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(Client::connect(&app.gateway, &key, "").await);
    }
    metric(&app.gateway, "simward_live_streams 200").await.unwrap();
    let events: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    publish(
        &app.world.bus,
        events.iter().map(|label| labelled(ICCID, label)).collect(),
    )
    .await;
    for client in &mut clients {
        assert_eq!(labels(&client.take(events.len()).await), events);
    }
    drop(clients);
    until("all have left", async || {
        metric(&app.gateway, "simward_live_streams 0").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_limited_per_caller_and_in_all_and_end_with_the_process() {
    let (app, key) =
        start(|config| (config.live.live_streams, config.live.live_streams_per_caller) = (3, 2)).await;
    let other = app.world.key_for(&[Permission::ReadSims], None).await;
    until("the first look has left", async || {
        metric(&app.gateway, "simward_live_streams 0").await
    })
    .await;
    let mut clients = vec![
        Client::connect(&app.gateway, &key, "").await,
        Client::connect(&app.gateway, &key, "").await,
    ];
    let answer = app.gateway.get(PATH, &key).await.expect(429);
    assert_eq!(answer.code(), "RATE_LIMIT_EXCEEDED");
    assert_eq!(answer.headers["retry-after"], "5");
    clients.push(Client::connect(&app.gateway, &other, "").await);
    assert_eq!(
        app.gateway.get(PATH, &other).await.expect(503).code(),
        "SERVICE_UNAVAILABLE"
    );

    assert!(app.gateway.shared.shutdown.finish(Duration::from_secs(15)).await);

    for mut client in clients {
        let end = client.next().await.unwrap();
        assert_eq!(
            (end.event.as_str(), end.data),
            ("closed", json!({ "reason": "shutdown" }))
        );
        assert!(client.next().await.is_none());
    }
}
