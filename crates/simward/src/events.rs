//! `simward events tail`: the events of NATS, decoded, one JSON object a line.

use std::io::Write;

use anyhow::Context;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::{self, Message};
use clap::Subcommand;
use futures_util::StreamExt;
use messages::{EVENTS, EventType, Subjects, decode_event, header};
use serde_json::{Value, json};
use service_runtime::bus::connect_client;
use service_runtime::config::Settings;

#[derive(Subcommand)]
pub enum Events {
    /// Prints events as they come
    Tail {
        /// Begin with the oldest event that NATS still keeps
        #[arg(long)]
        all: bool,
        /// Only this type, such as sim.status_changed
        #[arg(long = "type")]
        event_type: Option<String>,
        /// Only this SIM
        #[arg(long)]
        iccid: Option<String>,
        /// End after so many events
        #[arg(long)]
        count: Option<usize>,
    },
}

pub async fn run(command: Events, settings: &Settings) -> anyhow::Result<()> {
    let Events::Tail {
        all,
        event_type,
        iccid,
        count,
    } = command;
    let nats: service_runtime::config::NatsConfig = settings.section("nats")?;
    let subjects = Subjects::new(&nats.prefix);
    let filter = filter(&subjects, event_type.as_deref(), iccid.as_deref())?;
    let client = connect_client(&nats, "simward-events", "_INBOX").await?;
    let stream = jetstream::new(client)
        .get_stream(subjects.stream(EVENTS.name))
        .await
        .context("stream EVENTS")?;
    let first = if all {
        1
    } else {
        stream.cached_info().state.last_sequence + 1
    };
    let config = pull::OrderedConfig {
        filter_subject: filter,
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: first,
        },
        ..pull::OrderedConfig::default()
    };
    let mut events = stream.create_consumer(config).await?.messages().await?;
    let mut left = count.unwrap_or(usize::MAX);
    while left > 0
        && let Some(event) = events.next().await
    {
        let event = event?;
        if is_older(&event, first) {
            continue;
        }
        left -= 1;
        // A reader that went away, as in `| head`, ends the tail.
        if writeln!(std::io::stdout(), "{}", show(&event)).is_err() {
            break;
        }
    }
    Ok(())
}

/// The client makes its consumer anew after a loss of NATS, and begins with the oldest event when it had seen none.
fn is_older(event: &Message, first: u64) -> bool {
    event.info().is_ok_and(|info| info.stream_sequence < first)
}

fn filter(subjects: &Subjects, event_type: Option<&str>, iccid: Option<&str>) -> anyhow::Result<String> {
    if let Some(word) = event_type
        && EventType::from_word(word).is_none()
    {
        let known: Vec<&str> = EventType::ALL.iter().map(|event| event.word()).collect();
        anyhow::bail!("unknown event type `{word}`; known are {}", known.join(", "));
    }
    let iccid = iccid.map(domain::Iccid::parse).transpose().context("--iccid")?;
    let last = iccid.map_or_else(|| "*".to_owned(), |iccid| iccid.to_string());
    Ok(subjects.prefixed(&format!("evt.v1.{}.{last}", event_type.unwrap_or("*.*"))))
}

/// One event as JSON; a payload that this version cannot read is shown as hex.
fn show(message: &Message) -> Value {
    let head = |name: &str| {
        message
            .headers
            .as_ref()
            .and_then(|headers| headers.get(name))
            .map(|value| value.as_str().to_owned())
    };
    let kind = head(header::TYPE);
    let decoded = kind
        .as_deref()
        .and_then(EventType::from_word)
        .map(|event| decode_event(event, &message.payload));
    let data = match decoded {
        Some(Ok(event)) => json!(event),
        _ => json!({ "hex": message.payload.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    };
    json!({ "id": head(header::ID), "time": head(header::TIME), "type": kind, "iccid": head(header::SUBJECT), "data": data })
}
