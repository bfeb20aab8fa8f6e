use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use futures_util::future::join_all;

use super::consumer::{declare, settle};
use super::{Bus, BusError, ConsumerSpec, Outcome, within};
use crate::ignored::Ignored;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// Longest wait for the first message of a batch; then the server is asked anew.
const LOOK: Duration = Duration::from_secs(5);

/// Messages of one request after the first.
const PORTION: usize = 16;

/// How much one handling takes.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Messages.
    pub messages: usize,
    /// Their payloads together, nearly: the last 16 messages may pass it.
    pub bytes: usize,
}

/// Handles messages in batches, one batch after the other, until the end; survives every loss of the server. The handler
/// answers one outcome for each message. While it works the server is told so, and delivers the messages to nobody else.
pub async fn consume_batches<H, F>(
    bus: Bus,
    spec: ConsumerSpec,
    limits: BatchLimits,
    metrics: Metrics,
    shutdown: Shutdown,
    handler: H,
) where
    H: Fn(Vec<Message>) -> F,
    F: Future<Output = Vec<Outcome>>,
{
    while !shutdown.has_started() {
        if let Err(error) = run(&bus, &spec, limits, &metrics, &shutdown, &handler).await {
            tracing::warn!(%error, durable = spec.durable, "consumer stopped, starting it again");
            // JetStream may have come back without its streams.
            if let Some(declared) = shutdown.or(bus.declare_streams()).await {
                declared.ignored("declaring the streams again");
            }
        }
        shutdown.sleep(Duration::from_secs(1)).await;
    }
}

async fn run<H, F>(
    bus: &Bus,
    spec: &ConsumerSpec,
    limits: BatchLimits,
    metrics: &Metrics,
    shutdown: &Shutdown,
    handler: &H,
) -> Result<(), BusError>
where
    H: Fn(Vec<Message>) -> F,
    F: Future<Output = Vec<Outcome>>,
{
    let Some(consumer) = shutdown.or(declare(bus, spec)).await else {
        return Ok(());
    };
    let consumer = consumer?;
    loop {
        let Some(messages) = shutdown.or(next_batch(&consumer, spec, limits)).await else {
            return Ok(());
        };
        let (exhausted, messages): (Vec<_>, Vec<_>) = messages?
            .into_iter()
            .partition(|message| deliveries(message) > spec.max_deliver);
        for message in exhausted {
            let reason = format!("no outcome in {} deliveries", deliveries(&message) - 1);
            settle(bus, spec, metrics, &message, Outcome::Poison(reason)).await;
        }
        if messages.is_empty() {
            continue;
        }
        let outcomes = working(&messages, spec.ack_wait / 3, handler(messages.clone())).await;
        let settled = messages.iter().zip(outcomes);
        join_all(settled.map(|(message, outcome)| settle(bus, spec, metrics, message, outcome))).await;
    }
}

fn deliveries(message: &Message) -> i64 {
    message.info().map_or(1, |info| info.delivered)
}

/// Waits for one message, then takes what else is there, a portion at a time until there is enough.
async fn next_batch(
    consumer: &PullConsumer,
    spec: &ConsumerSpec,
    limits: BatchLimits,
) -> Result<Vec<Message>, BusError> {
    let failed = |error: &dyn std::fmt::Display| BusError::jetstream(spec.durable, error);
    let first = consumer.batch().max_messages(1).expires(LOOK).messages().await;
    let mut messages = Vec::new();
    take(first.map_err(|error| failed(&error))?, &mut messages)
        .await
        .map_err(|error| failed(&error))?;
    while let Some(wanted) = portion(&messages, limits) {
        let had = messages.len();
        // What was delivered is in work already, and would be missed by everybody until its time is over.
        let more = match consumer.fetch().max_messages(wanted).messages().await {
            Ok(more) => take(more, &mut messages).await.map_err(|error| failed(&error)),
            Err(error) => Err(failed(&error)),
        };
        if let Err(error) = more {
            tracing::warn!(%error, "a portion of messages did not come whole");
            break;
        }
        if messages.len() < had + wanted {
            break;
        }
    }
    Ok(messages)
}

/// Messages to ask for next, if any. The server's own limit of bytes ends a request with an error, so their number is
/// guessed from what came so far, and small enough that larger ones do no harm.
fn portion(messages: &[Message], limits: BatchLimits) -> Option<usize> {
    let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
    let mean = (bytes / messages.len().max(1)).max(1);
    let room = limits.bytes.saturating_sub(bytes) / mean;
    let wanted = room
        .min(limits.messages.saturating_sub(messages.len()))
        .min(PORTION);
    (!messages.is_empty() && wanted > 0).then_some(wanted)
}

async fn take(
    mut from: impl futures_util::Stream<Item = Result<Message, async_nats::Error>> + Unpin,
    messages: &mut Vec<Message>,
) -> Result<(), async_nats::Error> {
    while let Some(message) = from.next().await {
        messages.push(message?);
    }
    Ok(())
}

/// Tells the server that the messages are in work for as long as they are.
async fn working<T>(messages: &[Message], every: Duration, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        match tokio::time::timeout(every, &mut work).await {
            Ok(outcome) => return outcome,
            Err(_) => {
                for message in messages {
                    match within("progress", message.ack_with(AckKind::Progress)).await {
                        Ok(sent) => sent.ignored("telling JetStream that a message is in work"),
                        Err(late) => {
                            tracing::warn!(%late, "JetStream was not told that a message is in work")
                        }
                    }
                }
            }
        }
    }
}
