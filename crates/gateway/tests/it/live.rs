use std::time::Duration;

use domain::OrganizationId;
use gateway::Permission;
use gateway::keys;
use messages::pb::sim::{SimMissing, SimStatusChanged};
use messages::pb::usage::{SimUsageDelta, UsageRecorded};
use messages::{EVENTS, EventType};
use prost::Message;
use serde_json::{Value, json};

use crate::harness::{App, Gateway, ICCID, World, until};
use crate::live_client::{
    Announcement, Client, Sse, event, labelled, publish, publish_unknown, ready, with_streams,
};

const OTHER: &str = "8988999000000000025";
const PATH: &str = "/api/v1/events/stream";

/// A gateway that follows the stream, and a key of the whole platform.
async fn start(change: impl FnOnce(&mut gateway::GatewayConfig)) -> (App, String) {
    let world = with_streams(World::new().await).await;
    let mut config = world.gateway_config();
    change(&mut config);
    let gateway = world.start(config).await;
    let key = world
        .key_for(&[Permission::ReadSims, Permission::ReadUsage], None)
        .await;
    ready(&gateway, &key).await;
    (App { world, gateway }, key)
}

fn labels(messages: &[Sse]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.data["data"]["label"].as_str().unwrap_or_default())
        .collect()
}

fn missing(iccid: &str, organization: Option<OrganizationId>) -> Announcement {
    let payload = SimMissing {
        iccid: iccid.into(),
        ..SimMissing::default()
    };
    event(
        EventType::SimMissing,
        iccid,
        organization,
        &payload.encode_to_vec(),
    )
}

fn recorded(organization: Option<OrganizationId>) -> Announcement {
    let payload = UsageRecorded {
        organization_id: organization.map(|id| id.to_string()).unwrap_or_default(),
        sims: vec![SimUsageDelta::default()],
    };
    event(
        EventType::UsageRecorded,
        "-",
        organization,
        &payload.encode_to_vec(),
    )
}

fn kinds(messages: &[Sse]) -> Vec<&str> {
    messages.iter().map(|message| message.event.as_str()).collect()
}

fn status_change(organization: OrganizationId) -> Announcement {
    let status = SimStatusChanged {
        iccid: ICCID.into(),
        revision: 7,
        new_status: "Disabled".into(),
        ..SimStatusChanged::default()
    };
    let payload = status.encode_to_vec();
    event(EventType::SimStatusChanged, ICCID, Some(organization), &payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_decoded_and_those_of_a_newer_version_as_they_are() {
    let (app, key) = start(|_| {}).await;
    let mut client = Client::connect(&app.gateway, &key, "").await;
    let changed = status_change(OrganizationId::DEFAULT);
    let id = changed.envelope.id;

    publish(&app.world.bus, vec![changed]).await;
    publish_unknown(&app.world.bus, "sim.teleported", b"\x0a\x01").await;

    let messages = client.take(2).await;
    assert_eq!(kinds(&messages), ["sim.status_changed", "sim.teleported"]);
    let data = &messages[0].data;
    assert_eq!(data["id"], id.to_string());
    assert_eq!(
        (&data["type"], &data["source"]),
        (&json!("sim.status_changed"), &json!("test"))
    );
    assert_eq!(data["iccid"], ICCID);
    assert_eq!(data["organization_id"], OrganizationId::DEFAULT.to_string());
    assert_eq!(
        (&data["data"]["revision"], &data["data"]["new_status"]),
        (&json!(7), &json!("Disabled"))
    );
    assert_eq!(data["data_base64"], Value::Null);
    let unknown = &messages[1].data;
    assert_eq!(
        (&unknown["data"], &unknown["data_base64"]),
        (&Value::Null, &json!("CgE="))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_events_asked_for_arrive_live_and_resumed() {
    const FILTERS: [(&str, &[&str]); 4] = [
        (
            "",
            &[
                "sim.missing",
                "sim.status_changed",
                "usage.recorded",
                "sim.missing",
            ],
        ),
        (
            "types=sim.status_changed,usage,usage.recorded",
            &["sim.status_changed", "usage.recorded"],
        ),
        ("iccid=8988999000000000025", &["sim.missing"]),
        (
            "types=sim&iccid=8988999000000000025,8988999000000000017",
            &["sim.missing", "sim.status_changed", "sim.missing"],
        ),
    ];
    let (app, key) = start(|_| {}).await;
    let mut clients = Vec::new();
    for (query, expected) in FILTERS {
        clients.push((Client::connect(&app.gateway, &key, query).await, expected));
    }
    let events = vec![
        missing(ICCID, None),
        status_change(OrganizationId::DEFAULT),
        recorded(None),
        missing(OTHER, None),
    ];
    publish(&app.world.bus, events).await;
    for (query, expected) in FILTERS {
        let query = format!("last_event_id=0&{query}");
        clients.push((Client::connect(&app.gateway, &key, &query).await, expected));
    }
    for (client, expected) in &mut clients {
        assert_eq!(kinds(&client.take(expected.len()).await), *expected);
    }
    publish(&app.world.bus, vec![missing(OTHER, None)]).await;
    for (client, expected) in &mut clients {
        if expected.contains(&"sim.missing") {
            assert_eq!(client.take(1).await[0].id, Some(5));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_silent_stream_moves_on() {
    let (app, key) = start(|config| config.live_heartbeat_ms = 10).await;
    let mut client = Client::connect(&app.gateway, &key, "types=sync").await;
    publish(&app.world.bus, vec![missing(ICCID, None), missing(OTHER, None)]).await;
    while client.last_id < 2 {
        assert!(client.block().await.unwrap().starts_with(':'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_its_organization_and_usage_only_with_its_scope() {
    let (app, key) = start(|_| {}).await;
    let foreign = app.world.organization().await;
    let own = Some(OrganizationId::DEFAULT);
    let tenant = app
        .world
        .key_for(&[Permission::ReadSims, Permission::ReadUsage], own)
        .await;
    let sims_only = app.world.key_for(&[Permission::ReadSims], None).await;
    let begin = |key: String, query: &'static str| {
        let gateway = &app.gateway;
        async move { Client::connect(gateway, &key, query).await }
    };
    let at_once = begin(tenant.clone(), "").await;
    let mut without_usage = begin(sims_only.clone(), "").await;

    let events = || {
        vec![
            missing(ICCID, Some(foreign)),
            missing(ICCID, None),
            recorded(own),
            recorded(Some(foreign)),
            missing(OTHER, own),
        ]
    };
    publish(&app.world.bus, events()).await;

    // The same from the beginning, by a reader of its own.
    let again = begin(tenant.clone(), "last_event_id=0").await;
    for mut client in [at_once, again] {
        let messages = client.take(2).await;
        assert_eq!(kinds(&messages), ["usage.recorded", "sim.missing"]);
        let organization = OrganizationId::DEFAULT.to_string();
        assert!(
            messages
                .iter()
                .all(|message| message.data["organization_id"] == organization.as_str())
        );
    }
    let seen = without_usage.take(3).await;
    assert_eq!(kinds(&seen), ["sim.missing"; 3]);
    let refused = app
        .gateway
        .get(&format!("{PATH}?types=sim,usage.recorded"), &sims_only)
        .await;
    assert_eq!(refused.expect(403).code(), "FORBIDDEN");
    let mut whole = begin(key, "last_event_id=0").await;
    assert_eq!(whole.take(5).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_stream_has_every_event_once_while_thousands_more_come() {
    const BEFORE: usize = 2000;
    const BURST: usize = 5000;
    let (app, key) = start(|_| {}).await;
    let batch = |from: usize, to: usize| {
        let numbers = from..to;
        numbers
            .map(|number| labelled(ICCID, &number.to_string()))
            .collect::<Vec<_>>()
    };
    publish(&app.world.bus, batch(0, BEFORE)).await;
    let bus = app.world.bus.clone();
    let burst = batch(BEFORE, BEFORE + BURST);
    let mut client = Client::connect(&app.gateway, &key, "last_event_id=0&types=sim").await;

    let burst = tokio::spawn(async move {
        let mut burst = burst;
        while !burst.is_empty() {
            let rest = burst.split_off(burst.len().min(250));
            publish(&bus, std::mem::replace(&mut burst, rest)).await;
        }
    });
    let mut messages = Vec::new();
    // The connection is lost again and again.
    for count in [700, 1500, 1, 2500] {
        messages.extend(client.take(count).await);
        let query = format!("types=sim&last_event_id={}", client.last_id);
        client = Client::connect(&app.gateway, &key, &query).await;
    }
    messages.extend(client.take(BEFORE + BURST - messages.len()).await);
    burst.await.unwrap();
    publish(&app.world.bus, vec![missing(ICCID, None)]).await;

    let expected: Vec<String> = (0..BEFORE + BURST).map(|number| number.to_string()).collect();
    assert_eq!(labels(&messages), expected);
    assert!(messages.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert_eq!(kinds(&client.take(1).await), ["sim.missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_no_more_is_told_as_a_gap() {
    let (app, key) = start(|_| {}).await;
    let events = (0..10).map(|number| labelled(ICCID, &number.to_string()));
    publish(&app.world.bus, events.collect()).await;
    let name = app.world.bus.subjects().stream(EVENTS.name);
    let stream = app.world.bus.jetstream().get_stream(name).await.unwrap();
    stream.purge().sequence(6).await.unwrap();

    let mut client = Client::connect(&app.gateway, &key, "last_event_id=2").await;

    let messages = client.take(6).await;
    assert_eq!(messages[0].event, "gap");
    assert_eq!(messages[0].data, json!({ "from": 3, "to": 5 }));
    assert_eq!(labels(&messages[1..]), ["5", "6", "7", "8", "9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_no_event_and_bad_filters_are_named() {
    let (app, key) = start(|_| {}).await;
    publish(&app.world.bus, vec![labelled(ICCID, "only")]).await;
    let answer = app
        .gateway
        .get(&format!("{PATH}?last_event_id=2"), &key)
        .await
        .expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"][0]["field"],
        "last_event_id"
    );
    let answer = app
        .gateway
        .get(&format!("{PATH}?types=sim.sold&iccid=17&last_event_id=x"), &key)
        .await
        .expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    // The newest one is known.
    let mut client = Client::connect(&app.gateway, &key, "last_event_id=1").await;
    publish(&app.world.bus, vec![labelled(ICCID, "next")]).await;
    assert_eq!(labels(&client.take(1).await), ["next"]);
}

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
    let (app, key) = start(|config| config.live_queue_bytes = 2 << 20).await;
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
    let (app, key) = start(|config| config.live_streams_per_caller = 300).await;
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
    let (app, key) = start(|config| (config.live_streams, config.live_streams_per_caller) = (3, 2)).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_the_events_is_served() {
    let app = App::start().await;
    let document = app.gateway.get("/asyncapi.json", "").await.expect(200).body;
    assert_eq!(document["asyncapi"], "3.0.0");
    assert!(document["channels"]["sim.missing"].is_object());
}
