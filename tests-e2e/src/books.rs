//! The books: what 1NCE holds, what Simward holds and what it has announced must agree.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use async_nats::jetstream;
use messages::{DecodedEvent, EVENTS, EventType, Subjects, decode_event, header};
use service_runtime::bus::connect_client;

use crate::Sandbox;

/// One event as a downstream consumer sees it.
#[derive(Debug, Clone)]
pub struct Event {
    /// The CloudEvents id.
    pub id: String,
    /// Such as `sim.discovered`.
    pub kind: String,
    /// The SIM, or empty.
    pub iccid: String,
    /// The payload.
    pub data: DecodedEvent,
}

/// Every event in the stream, in its order.
///
/// # Errors
/// When NATS does not answer or an event does not decode.
pub async fn read_events(sandbox: &Sandbox) -> anyhow::Result<Vec<Event>> {
    let config = sandbox.scope.runtime_config().nats;
    let client = connect_client(&config, "journey", "_SIMWARD_INBOX").await?;
    let name = Subjects::new(&config.prefix).stream(EVENTS.name);
    let stream = jetstream::new(client).get_stream(name).await?;
    let state = stream.get_info().await?.state;
    let mut events = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await?;
        let head = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned());
        let kind = head(header::TYPE).context("ce-type")?;
        let event = EventType::from_word(&kind).with_context(|| format!("event type {kind}"))?;
        events.push(Event {
            id: head(header::ID).context("ce-id")?,
            iccid: head(header::SUBJECT).unwrap_or_default(),
            data: decode_event(event, &message.payload)?,
            kind,
        });
    }
    Ok(events)
}

/// What is compared of a SIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    label: Option<String>,
    enabled: bool,
}

/// Three views of one fleet.
#[derive(Debug)]
pub struct Books {
    once: BTreeMap<String, Entry>,
    simward: BTreeMap<String, Entry>,
    announced: BTreeMap<String, Entry>,
    event_ids: Vec<String>,
}

impl Books {
    /// Reads all three.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn read(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let once = sandbox.once().sims().await?.into_iter();
        let once = once
            .map(|sim| {
                (
                    sim.iccid,
                    Entry {
                        label: sim.label,
                        enabled: sim.enabled,
                    },
                )
            })
            .collect();
        let simward = sandbox.all_sims().await?.into_iter().map(|sim| {
            let label = sim["label"].as_str().map(ToOwned::to_owned);
            (
                sim["iccid"].as_str().unwrap_or_default().to_owned(),
                Entry {
                    label,
                    enabled: sim["status"] == "Enabled",
                },
            )
        });
        let simward = simward.collect();
        let events = read_events(sandbox).await?;
        let event_ids = events.iter().map(|event| event.id.clone()).collect();
        Ok(Self {
            once,
            simward,
            announced: replay(events),
            event_ids,
        })
    }

    /// Fails unless Simward holds exactly what 1NCE holds, a consumer who followed the events from the first one
    /// arrives at the same, and no event was stored twice.
    ///
    /// # Errors
    /// The differences.
    pub fn balance(&self) -> anyhow::Result<()> {
        ensure!(
            self.simward == self.once,
            "Simward and 1NCE differ: {}",
            differences(&self.simward, &self.once)
        );
        ensure!(
            self.announced == self.once,
            "events and 1NCE differ: {}",
            differences(&self.announced, &self.once)
        );
        let different: BTreeSet<&String> = self.event_ids.iter().collect();
        ensure!(
            different.len() == self.event_ids.len(),
            "{} events, {} ids",
            self.event_ids.len(),
            different.len()
        );
        Ok(())
    }

    /// How many SIMs 1NCE lists.
    pub fn fleet(&self) -> usize {
        self.once.len()
    }
}

/// The fleet of a consumer who knows nothing but the events.
fn replay(events: Vec<Event>) -> BTreeMap<String, Entry> {
    let mut fleet = BTreeMap::new();
    for event in events {
        match event.data {
            DecodedEvent::SimDiscovered(discovered) => {
                let sim = discovered.sim.unwrap_or_default();
                fleet.insert(
                    event.iccid,
                    Entry {
                        label: sim.label,
                        enabled: sim.status == "Enabled",
                    },
                );
            }
            DecodedEvent::SimStatusChanged(changed) => {
                if let Some(entry) = fleet.get_mut(&event.iccid) {
                    entry.enabled = changed.new_status == "Enabled";
                }
            }
            DecodedEvent::SimConfigUpdated(updated) => {
                if let Some(entry) = fleet.get_mut(&event.iccid) {
                    entry.label = updated.label;
                }
            }
            DecodedEvent::SimMissing(_) => drop(fleet.remove(&event.iccid)),
            _ => {}
        }
    }
    fleet
}

fn differences(left: &BTreeMap<String, Entry>, right: &BTreeMap<String, Entry>) -> String {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let different: Vec<String> = keys
        .into_iter()
        .filter(|key| left.get(*key) != right.get(*key))
        .map(|key| format!("{key}: {:?} / {:?}", left.get(key), right.get(key)))
        .collect();
    format!(
        "{} SIMs, such as {:?}",
        different.len(),
        &different[..different.len().min(3)]
    )
}
