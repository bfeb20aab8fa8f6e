use domain::OrganizationId;
use gateway::Permission;
use messages::pb::sim::SimStatusChanged;
use messages::pb::usage::{SimUsageDelta, UsageRecorded};
use messages::{EVENTS, EventType};
use prost::Message;
use serde_json::{Value, json};

use crate::harness::{App, ICCID};
use crate::live_client::{
    Announcement, Client, PATH, event, kinds, labelled, labels, missing, publish, publish_unknown, start,
};

const OTHER: &str = "8988999000000000025";

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
    let (app, key) = start(|config| config.live.live_heartbeat_ms = 10).await;
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
    // However slow this machine is, the client is not dropped.
    let (app, key) = start(|config| config.live.live_queue_events = BURST).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_the_events_is_served() {
    let app = App::start().await;
    let document = app.gateway.get("/asyncapi.json", "").await.expect(200).body;
    assert_eq!(document["asyncapi"], "3.0.0");
    assert!(document["channels"]["sim.missing"].is_object());
}
