//! Streams that fail, repeat, disorder and spoil.

use std::collections::{BTreeMap, HashSet};

use once_emulator::{EmulatorConfig, StreamConfig, StreamKind, StreamState, StreamTruth};

use crate::lab::Lab;
use crate::receiver::{Receiver, millis, sums, until};
use crate::streams::{DAY, caught_up, midnight, stream, truth};

async fn failed(lab: &Lab, id: u64) -> StreamTruth {
    until("the stream fails", || async {
        let truth = lab.control.stream(id).await.unwrap();
        (truth.state == StreamState::Failed).then_some(truth)
    })
    .await
}

/// The books of a receiver against the truth of the closed days since the start of the history.
async fn complete(lab: &Lab, receiver: &Receiver, days: i64) {
    let (from, to) = (midnight(1 - days), midnight(0));
    let books = receiver.books();
    let expected = truth(lab, &from, &to).await;
    assert!(!expected.is_empty());
    assert_eq!(sums(books.values(), &from, &to), expected);
}

#[tokio::test]
async fn only_200_acknowledges_and_the_same_bytes_come_again() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    receiver.answer(&[500, 307, 204, 202, 200, 429]);
    let config = StreamConfig {
        history_seconds: 2 * DAY,
        batch_size: 50,
        max_failures: 0,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    let done = caught_up(&lab, id).await;
    let requests = receiver.requests();
    let (first, second) = (&requests[0].body, &requests[5].body);
    assert!(requests[..5].iter().all(|request| request.body == *first));
    assert!(second != first && requests[6].body == *second);
    assert_eq!(done.failures, 5);
    assert!(done.last_error.unwrap().contains("429"));
    complete(&lab, &receiver, 2).await;
}

#[tokio::test]
async fn a_failed_stream_waits_for_its_restart_and_loses_nothing() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    receiver.otherwise(503);
    let config = StreamConfig {
        history_seconds: 2 * DAY,
        max_failures: 3,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    let stuck = failed(&lab, id).await;
    assert_eq!(
        (stuck.failures, stuck.acked, stuck.last_status),
        (3, 0, Some(503))
    );
    assert!(!stuck.caught_up);
    lab.control.advance_time(DAY).await.unwrap();
    receiver.otherwise(200);
    assert_eq!(receiver.requests().len(), 3, "nothing while it is FAILED");
    lab.control.restart_stream(id).await.unwrap();
    let done = caught_up(&lab, id).await;
    let (from, to) = (midnight(-1), done.position.as_str());
    let books = receiver.books();
    assert_eq!(sums(books.values(), &from, to), truth(&lab, &from, to).await);
}

#[tokio::test]
async fn without_backlog_the_time_until_the_restart_is_lost() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    receiver.otherwise(400);
    let config = StreamConfig {
        history_seconds: 2 * DAY,
        max_failures: 1,
        keeps_backlog: false,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    failed(&lab, id).await;
    lab.control.advance_time(DAY).await.unwrap();
    receiver.otherwise(200);
    let before = lab.control.time().await.unwrap().now;
    lab.control.restart_stream(id).await.unwrap();
    let after = lab.control.time().await.unwrap().now;
    lab.control.advance_time(DAY).await.unwrap();
    let done = caught_up(&lab, id).await;
    let books = receiver.books();
    let ends = books
        .values()
        .map(|record| millis(record["end_timestamp"].as_str().unwrap()));
    assert!(ends.min().unwrap() > millis(&before));
    let to = done.position.as_str();
    assert_eq!(sums(books.values(), &after, to), truth(&lab, &after, to).await);
}

#[tokio::test]
async fn an_unreachable_receiver_is_a_failure_with_a_reason() {
    let lab = Lab::free(30).await;
    let config = StreamConfig {
        url: "http://127.0.0.1:1/nobody".to_owned(),
        history_seconds: DAY,
        max_failures: 2,
        retry_ms: 1,
        ..StreamConfig::default()
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    let stuck = failed(&lab, id).await;
    assert_eq!((stuck.failures, stuck.last_status), (2, None));
    assert!(stuck.last_error.is_some_and(|why| !why.is_empty()));
}

#[tokio::test]
async fn repetitions_have_the_same_bytes() {
    let (lab, receiver) = (Lab::free(40).await, Receiver::start().await);
    let config = StreamConfig {
        history_seconds: 3 * DAY,
        batch_size: 60,
        duplicates: 0.3,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    let done = caught_up(&lab, id).await;
    let mut written: BTreeMap<i64, String> = BTreeMap::new();
    let mut repeated = 0;
    let requests = receiver.requests();
    for request in &requests {
        assert!(request.elements().len() <= 60);
        for (raw, item) in request.raw().iter().zip(request.elements()) {
            let old = written.insert(item["id"].as_i64().unwrap(), raw.get().to_owned());
            if let Some(old) = old {
                assert_eq!(old, raw.get());
                repeated += 1;
            }
        }
    }
    assert!(repeated >= done.duplicates_sent && done.duplicates_sent > 50);
    let bodies: HashSet<_> = requests.iter().map(|request| &request.body).collect();
    assert!(bodies.len() < requests.len(), "whole batches come again");
    complete(&lab, &receiver, 3).await;
}

#[tokio::test]
async fn disorder_is_complete_in_the_end() {
    let (lab, receiver) = (Lab::free(40).await, Receiver::start().await);
    for disorder in [0.3, 1.0] {
        let before = receiver.requests().len();
        let config = StreamConfig {
            history_seconds: 3 * DAY,
            batch_size: 50,
            disorder,
            ..stream(&receiver)
        };
        let id = lab.control.create_stream(&config).await.unwrap();
        caught_up(&lab, id).await;
        lab.control.delete_stream(id).await.unwrap();
        let requests = receiver.requests();
        let items: Vec<_> = requests[before..].iter().flat_map(|r| r.elements()).collect();
        let ends = items
            .iter()
            .map(|item| millis(item["end_timestamp"].as_str().unwrap()));
        assert!(!ends.is_sorted());
        let (from, to) = (midnight(-2), midnight(0));
        assert_eq!(sums(items.iter(), &from, &to), truth(&lab, &from, &to).await);
    }
}

#[tokio::test]
async fn garbage_comes_besides_the_records() {
    let (lab, receiver) = (Lab::free(40).await, Receiver::start().await);
    for kind in [StreamKind::Usage, StreamKind::Events] {
        let before = receiver.requests().len();
        let config = StreamConfig {
            kind,
            history_seconds: 3 * DAY,
            // Many batches, so that every kind of garbage comes.
            batch_size: 10,
            garbage: 0.8,
            ..stream(&receiver)
        };
        let id = lab.control.create_stream(&config).await.unwrap();
        caught_up(&lab, id).await;
        let done = lab.control.pause_stream(id).await.unwrap();
        let requests = receiver.requests();
        let items: Vec<_> = requests[before..].iter().flat_map(|r| r.elements()).collect();
        let (good, bad): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| {
            item["id"]
                .as_i64()
                .is_some_and(|id| id < 9_000_000_000_000_000_000)
        });
        assert!(bad.len() as u64 >= done.garbage_sent && done.garbage_sent > 10);
        assert!(bad.iter().any(|item| item == 17));
        if kind == StreamKind::Usage {
            for sign in [
                bad.iter().any(|item| item["volume"]["tx"] == "much"),
                bad.iter()
                    .any(|item| item["volume"]["tx"].as_f64().is_some_and(|tx| tx < 0.0)),
                bad.iter()
                    .any(|item| item.get("sim").is_some_and(|sim| sim.get("iccid").is_none())),
            ] {
                assert!(sign);
            }
            let (from, to) = (midnight(-2), midnight(0));
            assert_eq!(sums(good.iter(), &from, &to), truth(&lab, &from, &to).await);
        }
    }
}

#[tokio::test]
async fn bodies_may_be_compressed() {
    let (lab, receiver) = (Lab::free(30).await, Receiver::start().await);
    let config = StreamConfig {
        history_seconds: 2 * DAY,
        gzip: true,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    caught_up(&lab, id).await;
    let requests = receiver.requests();
    assert!(requests.iter().all(|r| r.headers["content-encoding"] == "gzip"));
    complete(&lab, &receiver, 2).await;
}

#[tokio::test]
async fn a_stream_may_run_from_the_start() {
    let receiver = Receiver::start().await;
    let mut config = EmulatorConfig::default().with_fleet(20).without_limits();
    config.streams.push(StreamConfig {
        history_seconds: DAY,
        ..stream(&receiver)
    });
    let lab = Lab::start(config).await;
    caught_up(&lab, 1).await;
    assert!(!receiver.elements().is_empty());
    lab.emulator.stop().await;
}

#[tokio::test]
async fn a_month_of_a_thousand_sims_arrives_in_full_batches() {
    let (lab, receiver) = (Lab::free(1000).await, Receiver::start().await);
    let config = StreamConfig {
        history_seconds: 30 * DAY,
        ..stream(&receiver)
    };
    let id = lab.control.create_stream(&config).await.unwrap();
    let done = caught_up(&lab, id).await;
    assert!(done.acked > 100_000);
    let least = done.acked.div_ceil(3000);
    assert!((least..least + 60).contains(&done.batches), "{done:?}");
}
