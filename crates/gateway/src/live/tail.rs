use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream;
use futures_util::StreamExt;
use messages::EVENTS;
use service_runtime::bus::{Bus, BusError};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::LiveEvent;

/// The longest wait for JetStream.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How soon a lost connection is noticed.
const WATCH: Duration = Duration::from_millis(100);
/// JetStream forgets a consumer that nobody reads for so long.
const FORGET: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(2);
/// What is asked for at once, and may wait in memory while a client reads slowly: events, bytes.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 2 << 20;

/// Where the stream begins and ends: the sequences of its first and last event.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub first: u64,
    pub last: u64,
}

/// Reads events in order, for as long as nothing was lost on the way.
pub struct Tail {
    bus: Bus,
    events: pull::Stream,
    watch: Interval,
    connects: u64,
    read: u64,
    /// Events behind the last one that was read, as the server counts them.
    left: u64,
}

/// Where the stream of events begins and ends now.
pub async fn extent(bus: &Bus) -> Result<Extent, BusError> {
    let state = limited(async { Ok(events(bus).await?.cached_info().state.clone()) }).await?;
    Ok(Extent {
        first: state.first_sequence,
        last: state.last_sequence,
    })
}

impl Tail {
    /// Reads what lies on these subjects, from this sequence on.
    pub async fn open(bus: &Bus, from: u64, subjects: Vec<String>) -> Result<Self, BusError> {
        // Whatever is lost from now on shows in it.
        let connects = connects(bus);
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
            ack_policy: AckPolicy::None,
            filter_subjects: subjects,
            inactive_threshold: FORGET,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let opened = limited(async {
            let consumer = events(bus).await?.create_consumer(config).await.map_err(failed)?;
            let left = consumer.cached_info().num_pending;
            let batches = consumer
                .stream()
                .heartbeat(HEARTBEAT)
                .max_messages_per_batch(BATCH)
                .max_bytes_per_batch(BATCH_BYTES);
            Ok((batches.messages().await.map_err(failed)?, left))
        });
        let (events, left) = opened.await?;
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            bus: bus.clone(),
            events,
            watch,
            connects,
            read: 0,
            left,
        })
    }

    /// Events that are known to follow.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next event. An error says that some may have been lost: open it again behind the last one.
    pub async fn next(&mut self) -> Result<LiveEvent, BusError> {
        let message = loop {
            tokio::select! {
                message = self.events.next() => break message,
                _ = self.watch.tick() => self.check_connection()?,
            }
        };
        let message = message
            .ok_or_else(|| failed("the consumer ended"))?
            .map_err(failed)?;
        let info = message.info().map_err(failed)?;
        // Nothing is acknowledged, so nothing is sent twice: a jump in the numbers is a loss.
        let (sequence, number, left) = (info.stream_sequence, info.consumer_sequence, info.pending);
        if number != self.read + 1 {
            return Err(failed("events were lost on the way"));
        }
        (self.read, self.left) = (number, left);
        Ok(LiveEvent::new(sequence, message))
    }

    /// What was on its way when a connection broke does not come again.
    fn check_connection(&self) -> Result<(), BusError> {
        let client = self.bus.client();
        if client.connection_state() == State::Connected && connects(&self.bus) == self.connects {
            Ok(())
        } else {
            Err(failed("the connection was lost"))
        }
    }
}

fn connects(bus: &Bus) -> u64 {
    bus.client().statistics().connects.load(Ordering::Relaxed)
}

async fn events(bus: &Bus) -> Result<stream::Stream, BusError> {
    let name = bus.subjects().stream(EVENTS.name);
    bus.jetstream().get_stream(name).await.map_err(failed)
}

async fn limited<T>(work: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    tokio::time::timeout(ANSWER_LIMIT, work)
        .await
        .map_err(|_| failed("no answer in time"))?
}

fn failed(reason: impl std::fmt::Display) -> BusError {
    BusError::JetStream {
        what: "reading events".to_owned(),
        reason: reason.to_string(),
    }
}
