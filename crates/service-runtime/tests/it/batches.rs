use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use messages::INGEST;
use service_runtime::Shared;
use service_runtime::bus::{BatchLimits, ConsumerSpec, Outcome, Publication, consume_batches};
use test_support::{Scope, eventually};

const SPEC: ConsumerSpec = ConsumerSpec {
    stream: INGEST,
    durable: "test-batches",
    filter: "ingest.v1.batch",
    max_deliver: 3,
    ack_wait: Duration::from_secs(15),
};
const LIMITS: BatchLimits = BatchLimits {
    messages: 40,
    bytes: 1 << 20,
};

fn message(shared: &Shared, number: usize, bytes: usize) -> Publication {
    let mut payload = vec![b'x'; bytes];
    payload[0] = u8::try_from(number).unwrap();
    Publication {
        subject: shared.bus.subjects().ingest(),
        id: format!("message-{number}"),
        headers: Vec::new(),
        payload: Bytes::from(payload),
    }
}

/// The numbers of each batch, and how often its messages were delivered.
type Seen = Arc<Mutex<Vec<Vec<(u8, i64)>>>>;

fn consume(shared: &Shared, seen: &Seen, outcome: fn(u8) -> Outcome) {
    let seen = Arc::clone(seen);
    let handler = move |messages: Vec<async_nats::jetstream::Message>| {
        let batch: Vec<(u8, i64)> = messages
            .iter()
            .map(|message| (message.payload[0], message.info().unwrap().delivered))
            .collect();
        let outcomes = batch.iter().map(|(number, _)| outcome(*number)).collect();
        seen.lock().unwrap().push(batch);
        async move { outcomes }
    };
    let (bus, metrics, end) = (
        shared.bus.clone(),
        shared.metrics.clone(),
        shared.shutdown.clone(),
    );
    shared
        .shutdown
        .spawn(consume_batches(bus, SPEC, LIMITS, metrics, end, handler));
}

async fn waiting(shared: &Shared, stream: &str) -> anyhow::Result<u64> {
    let stream = shared.bus.subjects().stream(stream);
    let mut stream = shared.bus.jetstream().get_stream(stream).await?;
    Ok(stream.info().await?.state.messages)
}

#[tokio::test]
async fn large_and_small_messages_come_in_batches_each_once() {
    let shared = Shared::start(Scope::new().await.runtime_config(), "test")
        .await
        .unwrap();
    let sizes = |number: usize| if number % 7 == 3 { 300_000 } else { 200 };
    let messages = (0..60)
        .map(|number| message(&shared, number, sizes(number)))
        .collect();
    shared.bus.store_all("test", messages).await.unwrap();
    let seen = Seen::default();

    consume(&shared, &seen, |_| Outcome::Done);

    eventually("every message is handled", || async {
        let left = waiting(&shared, "INGEST").await?;
        ensure!(left == 0, "{left} wait");
        Ok(())
    })
    .await;
    let batches = seen.lock().unwrap().clone();
    let mut all: Vec<(u8, i64)> = batches.iter().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..60).map(|number| (number, 1)).collect::<Vec<_>>());
    assert!(batches.len() < 20, "{batches:?}");
    assert!(
        batches.iter().all(|batch| batch.len() <= LIMITS.messages),
        "{batches:?}"
    );
}

#[tokio::test]
async fn one_message_of_a_batch_can_be_poison_or_come_again() {
    let shared = Shared::start(Scope::new().await.runtime_config(), "test")
        .await
        .unwrap();
    let messages = (0..10).map(|number| message(&shared, number, 10)).collect();
    shared.bus.store_all("test", messages).await.unwrap();
    let seen = Seen::default();

    consume(&shared, &seen, |number| match number {
        3 => Outcome::Poison("unreadable".to_owned()),
        7 => Outcome::Retry(Duration::from_millis(10)),
        _ => Outcome::Done,
    });

    eventually("both end among the dead letters", || async {
        let dead = waiting(&shared, "DLQ").await?;
        ensure!(dead == 2 && waiting(&shared, "INGEST").await? == 0, "{dead}");
        Ok(())
    })
    .await;
    let batches = seen.lock().unwrap().clone();
    let times = |wanted: u8| {
        batches
            .iter()
            .flatten()
            .filter(|(number, _)| *number == wanted)
            .count()
    };
    assert_eq!((times(0), times(3), times(7)), (1, 1, 3), "{batches:?}");
}
