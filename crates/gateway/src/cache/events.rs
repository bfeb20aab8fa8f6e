use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Message, Subscriber};
use domain::Iccid;
use futures_util::StreamExt;
use messages::{DecodedEvent, EventType, decode_event, header};
use service_runtime::bus::{Bus, BusError};
use service_runtime::shutdown::Shutdown;
use tokio::time::{MissedTickBehavior, interval};

use super::{Change, SharedCache};

/// How soon a lost connection is noticed.
const WATCH: Duration = Duration::from_millis(100);
/// Events that are handled with one call to Redis.
const BATCH: usize = 256;

/// Subscribes to the events about SIMs and starts the task that invalidates by them.
pub(crate) async fn follow_events(bus: Bus, cache: SharedCache, shutdown: Shutdown) -> Result<(), BusError> {
    let mut events = subscribe(&bus).await?;
    cache.start_trusting();
    shutdown.clone().spawn(async move {
        loop {
            follow(events, &bus, &cache, &shutdown).await;
            cache.stop_trusting();
            events = loop {
                if !shutdown.sleep(WATCH).await {
                    return;
                }
                match subscribe(&bus).await {
                    Ok(events) => break events,
                    Err(error) => tracing::warn!(%error, "events about SIMs cannot be followed"),
                }
            };
            cache.start_trusting();
        }
    });
    Ok(())
}

async fn subscribe(bus: &Bus) -> Result<Subscriber, BusError> {
    let subject = bus.subjects().events_of("sim");
    let failed = |reason: String| BusError::Subscribe {
        what: "events about SIMs".to_owned(),
        reason,
    };
    let events = bus
        .client()
        .subscribe(subject)
        .await
        .map_err(|error| failed(error.to_string()))?;
    // Everything that this connection asks later reaches the server after the subscription.
    bus.client()
        .flush()
        .await
        .map_err(|error| failed(error.to_string()))?;
    Ok(events)
}

/// Returns when the subscription ends, or with the process.
async fn follow(events: Subscriber, bus: &Bus, cache: &SharedCache, shutdown: &Shutdown) {
    let statistics = bus.client().statistics();
    let mut connects = statistics.connects.load(Ordering::Relaxed);
    let mut trusting = true;
    let mut events = events.ready_chunks(BATCH);
    let mut watch = interval(WATCH);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.started() => return,
            messages = events.next() => {
                let Some(messages) = messages else { return };
                let changes: Vec<Change> = messages.iter().filter_map(change).collect();
                cache.invalidate(&changes).await;
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
