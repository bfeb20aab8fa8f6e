use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use messages::StreamSpec;

use super::{Bus, BusError, within};
use crate::ignored::Ignored;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// What became of a message. One place turns it into ack, nak or term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is durable.
    Done,
    /// Not now; deliver it again after this time.
    Retry(Duration),
    /// It can never be handled; keep it with this reason.
    Poison(String),
}

/// A durable pull consumer.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerSpec {
    /// The stream to read.
    pub stream: StreamSpec,
    /// The consumer's name; every replica of a service shares it.
    pub durable: &'static str,
    /// The subjects wanted, without prefix.
    pub filter: &'static str,
    /// Deliveries before a message becomes a dead letter.
    pub max_deliver: i64,
    /// How long the server waits for an outcome.
    pub ack_wait: Duration,
}

/// Handles messages one after the other until the end; survives every loss of the server.
pub async fn consume<H, F>(bus: Bus, spec: ConsumerSpec, metrics: Metrics, shutdown: Shutdown, handler: H)
where
    H: Fn(Message) -> F,
    F: Future<Output = Outcome>,
{
    while !shutdown.has_started() {
        if let Err(error) = run(&bus, &spec, &metrics, &shutdown, &handler).await {
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
    metrics: &Metrics,
    shutdown: &Shutdown,
    handler: &H,
) -> Result<(), BusError>
where
    H: Fn(Message) -> F,
    F: Future<Output = Outcome>,
{
    let opened = async {
        let consumer = declare(bus, spec).await?;
        let stream = consumer
            .stream()
            .max_messages_per_batch(1)
            .heartbeat(Duration::from_secs(5));
        let messages = stream.messages().await;
        messages.map_err(|error| BusError::jetstream(spec.durable, error))
    };
    let Some(messages) = shutdown.or(opened).await else {
        return Ok(());
    };
    let mut messages = messages?;
    loop {
        let Some(Some(message)) = shutdown.or(messages.next()).await else {
            return Ok(());
        };
        let message = message.map_err(|error| BusError::jetstream(spec.durable, error))?;
        // A message whose handler never came to an end, because it ended the process, is not tried for ever.
        let outcome = match message.info().map_or(1, |info| info.delivered) {
            deliveries if deliveries > spec.max_deliver => {
                Outcome::Poison(format!("no outcome in {} deliveries", deliveries - 1))
            }
            _ => handler(message.clone()).await,
        };
        settle(bus, spec, metrics, &message, outcome).await;
    }
}

pub(super) async fn declare(bus: &Bus, spec: &ConsumerSpec) -> Result<PullConsumer, BusError> {
    let stream = bus.subjects().stream(spec.stream.name);
    let config = pull::Config {
        durable_name: Some(spec.durable.to_owned()),
        filter_subject: bus.subjects().prefixed(spec.filter),
        ack_policy: AckPolicy::Explicit,
        ack_wait: spec.ack_wait,
        // The dead letter is written at `max_deliver`; one more delivery stays for a crash in between.
        max_deliver: spec.max_deliver + 1,
        ..pull::Config::default()
    };
    let stream = bus
        .jetstream()
        .get_stream(&stream)
        .await
        .map_err(|error| BusError::jetstream(stream.as_str(), error))?;
    stream
        .create_consumer(config)
        .await
        .map_err(|error| BusError::jetstream(format!("consumer {}", spec.durable), error))
}

pub(super) async fn settle(
    bus: &Bus,
    spec: &ConsumerSpec,
    metrics: &Metrics,
    message: &Message,
    outcome: Outcome,
) {
    let delivered = message.info().map_or(1, |info| info.delivered);
    let outcome = match outcome {
        Outcome::Retry(_) if delivered >= spec.max_deliver => {
            Outcome::Poison(format!("not handled in {delivered} deliveries"))
        }
        other => other,
    };
    let (word, ack) = match outcome {
        Outcome::Done => ("done", AckKind::Ack),
        Outcome::Retry(delay) => ("retry", AckKind::Nak(Some(delay))),
        Outcome::Poison(reason) => match bury(bus, spec, message, &reason).await {
            Ok(()) => ("poison", AckKind::Term),
            Err(error) => {
                tracing::error!(%error, "a dead letter could not be written, keeping the message");
                ("retry", AckKind::Nak(Some(Duration::from_secs(5))))
            }
        },
    };
    metrics
        .counter(
            "simward_messages_total",
            &[("consumer", spec.durable), ("outcome", word)],
        )
        .increment(1);
    match within("acknowledgement", message.ack_with(ack)).await {
        Ok(sent) => sent.ignored("acknowledging a message"),
        Err(late) => tracing::warn!(%late, "a message was not acknowledged"),
    }
}

async fn bury(bus: &Bus, spec: &ConsumerSpec, message: &Message, reason: &str) -> Result<(), BusError> {
    tracing::error!(durable = spec.durable, subject = %message.subject, reason, "message becomes a dead letter");
    let mut headers = message.headers.clone().unwrap_or_default();
    headers.insert("simward-reason", reason);
    headers.insert("simward-original-subject", message.subject.as_str());
    let subject = bus.subjects().dead_letter(spec.stream.name, spec.durable);
    bus.store("dead letter", subject, headers, message.payload.clone())
        .await
}
