//! The events of NATS as they happen, for clients of the REST API.
//!
//! One reader per process hands every event to all clients. A client that resumes is told the backlog by a reader of
//! its own, until that one meets the shared reader's position: each event comes once, in the stream's order.

mod backlog;
mod event;
mod filter;
mod hub;
mod reader;
mod seats;
mod tail;

use std::sync::Arc;

use metrics::{Counter, Gauge};
use service_runtime::bus::{Bus, BusError};
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use tokio::sync::mpsc;

pub use event::{EventView, LiveEvent, named};
pub use filter::{Filter, domain_of};
pub use hub::{Inbox, Item};
pub(crate) use reader::follow_stream;
pub use seats::{Full, Seat};

use crate::config::GatewayConfig;
use hub::{Hub, QueueLimits};
use seats::Seats;

/// Items of the backlog that wait for a client.
const BACKLOG_ITEMS: usize = 16;

/// Why a stream was ended by us; the words in its last event and in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    TooSlow,
    Credentials,
    Shutdown,
    Restarted,
}

impl End {
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooSlow => "too slow",
            Self::Credentials => "credentials",
            Self::Shutdown => "shutdown",
            Self::Restarted => "stream restarted",
        }
    }
}

/// Why a stream cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such event was sent yet.
    #[error("is the id of no event: the newest is {newest}")]
    Future { newest: u64 },
    /// The shared reader has not found the stream yet.
    #[error("the events are not there")]
    NotReady,
    /// JetStream failed.
    #[error(transparent)]
    Bus(#[from] BusError),
}

struct Counts {
    open: Gauge,
    sent: Counter,
}

/// What the streams of one process share.
pub struct Live {
    hub: Hub,
    seats: Arc<Seats>,
    limits: QueueLimits,
    bus: Bus,
    counts: Counts,
    metrics: Metrics,
    shutdown: Shutdown,
}

/// What one client is sent: first the backlog, then the inbox.
pub struct Feed {
    /// Up to here the client knows everything that concerns it.
    pub after: u64,
    /// Ends when all of the backlog was told.
    pub backlog: Option<mpsc::Receiver<Item>>,
    pub inbox: Inbox,
}

impl Live {
    pub fn new(config: &GatewayConfig, bus: &Bus, metrics: &Metrics, shutdown: &Shutdown) -> Self {
        Self {
            hub: Hub::default(),
            seats: Arc::new(Seats::new(
                config.live.live_streams,
                config.live.live_streams_per_caller,
            )),
            limits: QueueLimits {
                events: config.live.live_queue_events,
                bytes: config.live.live_queue_bytes,
            },
            bus: bus.clone(),
            counts: Counts {
                open: metrics.gauge("simward_live_streams", &[]),
                sent: metrics.counter("simward_live_events_total", &[]),
            },
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        }
    }

    /// A place for one more stream of this caller, until it is dropped.
    pub fn take_seat(&self, caller: String) -> Result<Seat, Full> {
        Seats::take(&self.seats, caller, self.counts.open.clone())
    }

    pub fn count_sent(&self, events: u64) {
        self.counts.sent.increment(events);
    }

    /// Counts a stream that ended; `None`: the client left.
    pub fn count_end(&self, end: Option<End>) {
        let reason = end.map_or("gone", End::word);
        let labels = [("reason", reason)];
        let ended = self.metrics.counter("simward_live_streams_ended_total", &labels);
        ended.increment(1);
    }

    /// The newest event that all inboxes were told of.
    pub fn position(&self) -> Option<u64> {
        self.hub.position()
    }

    /// Begins behind the event with the sequence `after`, or with the next event. Call it on the main runtime.
    pub async fn open(self: &Arc<Self>, filter: Filter, after: Option<u64>) -> Result<Feed, OpenError> {
        let position = self.hub.position().ok_or(OpenError::NotReady)?;
        let filter = Arc::new(filter);
        let (line, inbox) = hub::line(Arc::clone(&filter), self.limits);
        let Some(after) = after else {
            let after = self.hub.join(line).unwrap_or(position);
            return Ok(Feed {
                after,
                backlog: None,
                inbox,
            });
        };
        let extent = tail::extent(&self.bus).await?;
        if after > extent.last {
            return Err(OpenError::Future { newest: extent.last });
        }
        let (told, backlog) = mpsc::channel(BACKLOG_ITEMS);
        let work = backlog::Backlog::new(Arc::clone(self), filter, told, after);
        self.shutdown.spawn(work.run(line));
        Ok(Feed {
            after,
            backlog: Some(backlog),
            inbox,
        })
    }
}
