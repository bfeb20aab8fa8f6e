//! Received batches: from the stream INGEST to the merge.

use std::time::Duration;

use async_nats::jetstream::Message;
use chrono::{DateTime, Utc};
use messages::INGEST;
use service_runtime::Runtime;
use service_runtime::bus::{BatchLimits, ConsumerSpec, Outcome, consume_batches};
use service_runtime::shutdown::Shutdown;

use crate::app::App;
use crate::app::merge::{Received, read_batch};
use crate::app::receive::received_at;

/// The name under which every merge takes batches.
pub const DURABLE: &str = "usage-merge";

/// `ack_wait` is the configured lease.
const SPEC: ConsumerSpec = ConsumerSpec {
    stream: INGEST,
    durable: DURABLE,
    filter: "ingest.v1.batch",
    // A batch that no attempt brought to an end ended the process each time. Without the database a merge waits and
    // spends none.
    max_deliver: 50,
    ack_wait: Duration::from_secs(15),
};
/// A record of usage on the bus; some have less.
const RECORD_BYTES: usize = 110;
const MESSAGES: usize = 400;
/// As much as one message may hold.
const LEAST_BYTES: usize = 1 << 20;
/// Waits after a failed transaction, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Starts the merges of this process.
pub fn start(app: &App, runtime: &Runtime) {
    let shared = &runtime.shared;
    let spec = ConsumerSpec {
        ack_wait: Duration::from_secs(app.config.lease_seconds),
        ..SPEC
    };
    let limits = BatchLimits {
        messages: MESSAGES,
        bytes: (app.config.merge_records * RECORD_BYTES).max(LEAST_BYTES),
    };
    for _ in 0..app.config.merges {
        let writer = i16::from(rand::random::<u8>());
        let (app, end) = (app.clone(), shared.shutdown.clone());
        let handler = move |messages: Vec<Message>| {
            let (app, end) = (app.clone(), end.clone());
            async move { handle(&app, messages, writer, &end).await }
        };
        let (bus, metrics, shutdown) = (
            shared.bus.clone(),
            shared.metrics.clone(),
            shared.shutdown.clone(),
        );
        shared
            .shutdown
            .spawn(consume_batches(bus, spec, limits, metrics, shutdown, handler));
    }
}

/// Merges the messages together; when that can never succeed, each alone, so that a bad one costs only itself.
async fn handle(app: &App, messages: Vec<Message>, writer: i16, end: &Shutdown) -> Vec<Outcome> {
    let (mut outcomes, mut batches) = (Vec::with_capacity(messages.len()), Vec::new());
    for message in &messages {
        outcomes.push(match receive(message) {
            Ok(batch) => {
                batches.push(batch);
                None
            }
            Err(reason) => Some(Outcome::Poison(reason)),
        });
    }
    let readable = messages
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none());
    let readable: Vec<&Message> = readable.map(|(message, _)| message).collect();
    let together = merge(app, &readable, batches, writer, end).await;
    let mut settled = Vec::with_capacity(messages.len());
    for (message, outcome) in messages.iter().zip(outcomes) {
        settled.push(match (outcome, &together) {
            (Some(unreadable), _) => unreadable,
            (None, Outcome::Poison(_)) if readable.len() > 1 => {
                let alone = receive(message).into_iter().collect();
                merge(app, &[message], alone, writer, end).await
            }
            (None, outcome) => outcome.clone(),
        });
    }
    settled
}

fn receive(message: &Message) -> Result<Received, String> {
    let info = message.info().map_err(|error| error.to_string())?;
    Ok(Received {
        sequence: info.stream_sequence.cast_signed(),
        at: message
            .headers
            .as_ref()
            .and_then(received_at)
            // A receiver of an earlier version told no time, and none took a batch later than now.
            .or_else(|| DateTime::from_timestamp(info.published.unix_timestamp(), 0))
            .map_or_else(Utc::now, |at| at.min(Utc::now())),
        again: info.delivered > 1,
        batch: read_batch(message.payload.clone())?,
    })
}

/// Tries until the database has taken it or says that it never will. `batches` are what the messages hold; a later attempt
/// reads them again, so that a long wait holds no second copy.
async fn merge(
    app: &App,
    messages: &[&Message],
    batches: Vec<Received>,
    writer: i16,
    end: &Shutdown,
) -> Outcome {
    let mut batches = Some(batches);
    let mut wait = FIRST_WAIT;
    loop {
        let read_again = || {
            messages
                .iter()
                .filter_map(|message| receive(message).ok())
                .collect()
        };
        let attempt = batches.take().unwrap_or_else(read_again);
        match app.merge(attempt, writer).await {
            Ok(_) => return Outcome::Done,
            Err(error) if error.is_permanent() => {
                tracing::error!(%error, batches = messages.len(), "batches cannot be merged");
                return Outcome::Poison(error.to_string());
            }
            Err(error) => {
                tracing::warn!(%error, batches = messages.len(), "the merge waits for the database")
            }
        }
        if !end.sleep(wait).await {
            return Outcome::Retry(Duration::ZERO);
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
