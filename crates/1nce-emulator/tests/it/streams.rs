//! The Data Streamer: what is pushed, and that it is complete (FACTS §15).

use once_emulator::{ControlError, StreamConfig, StreamKind, StreamState, StreamTruth, UsageTruth};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid, today};
use crate::quota::days;
use crate::receiver::{Receiver, millis, sums, until};

pub const DAY: i64 = 86_400;

/// A usage stream that loses no time.
pub fn stream(receiver: &Receiver) -> StreamConfig {
    StreamConfig {
        url: receiver.url.clone(),
        linger_ms: 20,
        retry_ms: 1,
        ..StreamConfig::default()
    }
}

/// Waits until a stream has pushed everything up to a moment.
pub async fn reached(lab: &Lab, id: u64, moment: &str) -> StreamTruth {
    until("the stream comes that far", || async {
        let truth = lab.control.stream(id).await.unwrap();
        (millis(&truth.position) >= millis(moment)).then_some(truth)
    })
    .await
}

/// Waits until a stream has pushed everything up to now.
pub async fn caught_up(lab: &Lab, id: u64) -> StreamTruth {
    let now = lab.control.time().await.unwrap().now;
    reached(lab, id, &now).await
}

/// Midnight, so many days from today.
pub fn midnight(days: i64) -> String {
    let day = today() + chrono::TimeDelta::days(days);
    format!("{day}T00:00:00.000Z")
}

/// The truth in the order of [`sums`].
pub async fn truth(lab: &Lab, from: &str, to: &str) -> Vec<UsageTruth> {
    let mut truth = lab.control.usage_truth(from, to).await.unwrap();
    truth.sort_by(|a, b| (&a.iccid, &a.day).cmp(&(&b.iccid, &b.day)));
    truth
}

#[tokio::test]
async fn history_arrives_in_full_batches_in_order_and_adds_up() {
    let (lab, receiver) = (Lab::free(60).await, Receiver::start().await);
    let config = StreamConfig {
        history_seconds: 5 * DAY,
        batch_size: 100,
        user: Some("push".to_owned()),
        password: Some("secret".to_owned()),
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    let done = caught_up(&lab, id).await;

    let requests = receiver.requests();
    let (_, complete) = requests.split_last().unwrap();
    assert!(complete.len() > 10 && complete.iter().all(|request| request.elements().len() == 100));
    for request in &requests {
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["authorization"], "Basic cHVzaDpzZWNyZXQ=");
    }
    let elements = receiver.elements();
    let ends: Vec<i64> = elements
        .iter()
        .map(|item| millis(item["end_timestamp"].as_str().unwrap()))
        .collect();
    assert!(ends.is_sorted());
    let (from, to) = (midnight(-4), done.position.as_str());
    assert_eq!(sums(elements.iter(), &from, to), truth(&lab, &from, to).await);
    assert_eq!(
        (done.state, done.failures, done.last_status),
        (StreamState::Running, 0, Some(200))
    );
    let received = elements.len() as u64;
    assert!(done.sent == done.acked && done.acked <= received);
}

#[tokio::test]
async fn closed_days_are_those_of_the_usage_api() {
    let (lab, receiver) = (Lab::free(40).await, Receiver::start().await);
    let config = StreamConfig {
        history_seconds: 4 * DAY,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    caught_up(&lab, id).await;
    let books = receiver.books();
    let pushed = sums(books.values(), &midnight(-3), &midnight(0));
    let (mut data, mut sms) = (0, 0);
    for sim in 0..40 {
        let sim = iccid(sim);
        for row in days(&lab, &sim, -3, -1).await {
            let day = row["date"].as_str().unwrap();
            let found = pushed.iter().find(|sum| sum.iccid == sim && sum.day == day);
            let sum = found.cloned().unwrap_or_default();
            let volume = row["data"]["volume"].as_str().unwrap();
            assert_eq!(sum.data_micro, volume.replace('.', "").parse::<i64>().unwrap());
            // The usage API tells sent and received SMS the other way round.
            assert_eq!(row["sms"]["volume_rx"], json!(sum.sms_mo.to_string()));
            assert_eq!(row["sms"]["volume_tx"], json!(sum.sms_mt.to_string()));
            data += sum.data_micro;
            sms += sum.sms_mo;
        }
    }
    assert!(data > 0 && sms > 0, "there was something to compare");
}

#[tokio::test]
async fn time_travel_makes_a_backlog_and_new_messages_their_records() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    let id = lab.control.create_stream(&stream(&receiver)).await.unwrap();
    let sim = lab.find(|sim| sim.enabled && sim.sms_left > 5).await.iccid;
    lab.control.receive_sms(&sim, "hello").await.unwrap();
    lab.control.advance_time(3 * DAY).await.unwrap();
    let done = caught_up(&lab, id).await;
    let (from, to) = (midnight(1), done.position.as_str());
    let books = receiver.books();
    assert_eq!(sums(books.values(), &from, to), truth(&lab, &from, to).await);
    let mine = |item: &&Value| item["sim"]["iccid"] == json!(sim) && item["traffic_type"]["id"] == 6;
    let sent = books.values().filter(mine).find(|item| {
        item["volume"] == json!({"total": 1, "tx": 1, "rx": 0})
            && millis(item["end_timestamp"].as_str().unwrap()) < millis(&from)
    });
    assert!(sent.is_some(), "the message of the device");
}

#[tokio::test]
async fn both_generations_have_their_own_shape() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    for (generation, old) in [(1, true), (2, false)] {
        let before = receiver.requests().len();
        let config = StreamConfig {
            generation,
            history_seconds: 3 * DAY,
            ..stream(&receiver)
        };
        let id = lab.control.create_stream(&config).await.unwrap();
        caught_up(&lab, id).await;
        lab.control.delete_stream(id).await.unwrap();
        let requests = receiver.requests();
        let items: Vec<Value> = requests[before..].iter().flat_map(|r| r.elements()).collect();
        assert!(items.len() > 50);
        for item in items {
            let data = item["traffic_type"]["id"] == 5;
            assert_eq!(item["sim"].get("production_date").is_some(), old);
            assert_eq!(item["endpoint"].get("tags").is_some(), old);
            assert_eq!(item["endpoint"].get("balance").is_some(), old);
            assert_eq!(
                (item.get("cost").is_some(), item.get("currency").is_some()),
                (old, old)
            );
            assert_eq!(item.get("detail").is_some(), !old && data, "{item}");
            assert_eq!(item["organisation"]["name"], json!("990001"));
            let mcc = item["operator"]["country"]["mcc"].as_str().unwrap();
            assert!(["262", "208", "214", "204"].contains(&mcc));
            if !old && data {
                let rat = item["detail"]["pdp_context"]["rat_type"].as_i64().unwrap();
                assert!([6, 8, 9, 1, 2, 5, 10].contains(&rat));
            }
        }
    }
}

#[tokio::test]
async fn events_are_those_of_the_events_api() {
    let (lab, receiver) = (Lab::free(20).await, Receiver::start().await);
    for generation in [1, 2] {
        let config = StreamConfig {
            kind: StreamKind::Events,
            generation,
            history_seconds: 6 * DAY,
            ..stream(&receiver)
        };
        let id = lab.control.create_stream(&config).await.unwrap();
        caught_up(&lab, id).await;
        lab.control.delete_stream(id).await.unwrap();
        let books = receiver.books();
        let from = millis(&midnight(-5));
        let mut compared = 0;
        for sim in 0..20 {
            let path = format!("/v2/sims/{}/events?pageSize=1000", iccid(sim));
            for event in lab.get(&path).await.json().as_array().unwrap() {
                if millis(event["timestamp"].as_str().unwrap()) > from {
                    let pushed = &books[&event["id"].as_i64().unwrap()];
                    compared += 1;
                    if generation == 2 {
                        assert_eq!(pushed, event);
                    } else {
                        assert!(pushed["imsi"]["import_date"].is_string());
                    }
                }
            }
        }
        assert!(compared > 50);
    }
}

#[tokio::test]
async fn a_paused_stream_waits_and_a_deleted_one_is_gone() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    let id = lab.control.create_stream(&stream(&receiver)).await.unwrap();
    assert_eq!(
        lab.control.pause_stream(id).await.unwrap().state,
        StreamState::Paused
    );
    lab.control.advance_time(DAY).await.unwrap();
    // Another stream of the same time shows that the paused one had its chance.
    let other = StreamConfig {
        history_seconds: DAY,
        kind: StreamKind::Events,
        ..stream(&receiver)
    };
    let other = lab.control.create_stream(&other).await.unwrap();
    caught_up(&lab, other).await;
    assert!(
        receiver
            .elements()
            .iter()
            .all(|item| item.get("event_type").is_some())
    );
    assert!(!lab.control.stream(id).await.unwrap().caught_up);
    lab.control.resume_stream(id).await.unwrap();
    caught_up(&lab, id).await;
    assert!(
        receiver
            .elements()
            .iter()
            .any(|item| item.get("traffic_type").is_some())
    );
    assert_eq!(lab.control.streams().await.unwrap().len(), 2);
    lab.control.delete_stream(id).await.unwrap();
    let gone = lab.control.stream(id).await.unwrap_err();
    assert!(matches!(gone, ControlError::Refused { status: 404, .. }));
}

#[tokio::test]
async fn nonsense_is_refused() {
    let lab = Lab::free(1).await;
    let url = format!("{}/streams", lab.emulator.control_url());
    let good = json!({"url": "http://127.0.0.1:1/x"});
    for (key, value) in [
        ("url", json!("ftp://x")),
        ("url", json!("")),
        ("colour", json!("red")),
        ("generation", json!(3)),
        ("batch_size", json!(3001)),
        ("batch_size", json!(0)),
        ("duplicates", json!(1.5)),
        ("history_seconds", json!(-1)),
        ("password", json!("alone")),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let answer = lab.http.post(&url).json(&bad).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{bad}");
    }
    assert!(lab.control.streams().await.unwrap().is_empty());
    let refused = lab.control.usage_truth("yesterday", "today").await.unwrap_err();
    assert!(matches!(refused, ControlError::Refused { status: 400, .. }));
}
