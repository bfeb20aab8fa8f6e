use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Message, Subscriber};
use domain::Iccid;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, once, select};
use messages::pb::sim::SimRevisions;
use messages::{DecodedEvent, EventType, decode_event, header};
use prost::Message as _;
use service_runtime::bus::{Bus, BusError};
use service_runtime::shutdown::Shutdown;
use tokio::time::{MissedTickBehavior, interval};

use super::{Change, SharedCache};

/// How soon a lost connection is noticed.
const WATCH: Duration = Duration::from_millis(100);
/// Events that are handled with one call to Redis.
const BATCH: usize = 256;

/// What is heard of SIMs: events, and revisions that no event tells.
enum Heard {
    Event(Message),
    Revisions(Message),
    /// A subscription has ended.
    End,
}

/// Subscribes to what is told about SIMs and starts the task that invalidates by it.
pub(crate) async fn follow_events(bus: Bus, cache: SharedCache, shutdown: Shutdown) -> Result<(), BusError> {
    let mut heard = subscribe(&bus).await?;
    cache.start_trusting();
    shutdown.clone().spawn(async move {
        loop {
            follow(heard, &bus, &cache, &shutdown).await;
            cache.stop_trusting();
            heard = loop {
                if !shutdown.sleep(WATCH).await {
                    return;
                }
                match subscribe(&bus).await {
                    Ok(heard) => break heard,
                    Err(error) => tracing::warn!(%error, "what is told about SIMs cannot be followed"),
                }
            };
            cache.start_trusting();
        }
    });
    Ok(())
}

async fn subscribe(bus: &Bus) -> Result<BoxStream<'static, Heard>, BusError> {
    let events = subscribe_to(bus, bus.subjects().events_of("sim")).await?;
    let revisions = subscribe_to(bus, bus.subjects().sim_revisions()).await?;
    // Everything that this connection asks later reaches the server after the subscriptions.
    bus.client().flush().await.map_err(|error| failed(&error))?;
    let end = || once(async { Heard::End });
    let (events, revisions) = (events.map(Heard::Event), revisions.map(Heard::Revisions));
    Ok(select(events.chain(end()), revisions.chain(end())).boxed())
}

async fn subscribe_to(bus: &Bus, subject: String) -> Result<Subscriber, BusError> {
    let subscribed = bus.client().subscribe(subject).await;
    subscribed.map_err(|error| failed(&error))
}

fn failed(reason: &dyn std::fmt::Display) -> BusError {
    BusError::Subscribe {
        what: "what is told about SIMs".to_owned(),
        reason: reason.to_string(),
    }
}

/// Returns when a subscription ends, or with the process.
async fn follow(heard: BoxStream<'static, Heard>, bus: &Bus, cache: &SharedCache, shutdown: &Shutdown) {
    let statistics = bus.client().statistics();
    let mut connects = statistics.connects.load(Ordering::Relaxed);
    let mut trusting = true;
    let mut heard = heard.ready_chunks(BATCH);
    let mut watch = interval(WATCH);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.started() => return,
            messages = heard.next() => {
                let Some(messages) = messages else { return };
                let changes: Vec<Change> = messages.iter().flat_map(changes).collect();
                for changes in changes.chunks(BATCH) {
                    cache.invalidate(changes).await;
                }
                if messages.iter().any(|heard| matches!(heard, Heard::End)) {
                    return;
                }
            }
            _ = watch.tick() => {
                let connected = bus.client().connection_state() == State::Connected;
                let connected_before = statistics.connects.load(Ordering::Relaxed) == connects;
                if trusting && !(connected && connected_before) {
                    tracing::warn!("the connection to NATS was lost, cached SIMs are forgotten");
                    cache.stop_trusting();
                    trusting = false;
                }
                if !trusting && connected {
                    connects = statistics.connects.load(Ordering::Relaxed);
                    cache.start_trusting();
                    trusting = true;
                }
            }
        }
    }
}

fn changes(heard: &Heard) -> Vec<Change> {
    match heard {
        Heard::Event(message) => change(message).into_iter().collect(),
        Heard::Revisions(message) => revisions(message),
        Heard::End => Vec::new(),
    }
}

/// An event that a consumer of `EVENTS` was made to deliver here is none of ours.
fn revisions(message: &Message) -> Vec<Change> {
    let is_event = message
        .headers
        .as_ref()
        .is_some_and(|headers| headers.get(header::TYPE).is_some());
    let told = SimRevisions::decode(message.payload.as_ref());
    let Some(told) = told.ok().filter(|_| !is_event) else {
        return Vec::new();
    };
    let change = |sim: &messages::pb::sim::SimRevision| {
        let iccid = Iccid::from_i64(i64::try_from(sim.iccid).ok()?).ok()?;
        Some(Change {
            iccid,
            revision: Some(sim.revision),
        })
    };
    told.sims.iter().filter_map(change).collect()
}

/// The SIM and revision of an event; an event of a newer version has a SIM at least.
fn change(message: &Message) -> Option<Change> {
    let headers = message.headers.as_ref()?;
    let iccid = Iccid::parse(headers.get(header::SUBJECT)?.as_str()).ok()?;
    let known = headers
        .get(header::TYPE)
        .and_then(|word| EventType::from_word(word.as_str()));
    let revision = known
        .and_then(|event| decode_event(event, &message.payload).ok())
        .and_then(|event| revision(&event));
    Some(Change { iccid, revision })
}

fn revision(event: &DecodedEvent) -> Option<i64> {
    match event {
        DecodedEvent::SimDiscovered(event) => event.sim.as_ref().map(|sim| sim.revision),
        DecodedEvent::SimStatusChanged(event) => Some(event.revision),
        DecodedEvent::SimConfigUpdated(event) => Some(event.revision),
        DecodedEvent::SimImeiChanged(event) => Some(event.revision),
        DecodedEvent::SimMissing(event) => Some(event.revision),
        _ => None,
    }
}
