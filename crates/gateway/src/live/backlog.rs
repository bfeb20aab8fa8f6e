use std::sync::Arc;
use std::time::Duration;

use service_runtime::bus::BusError;
use tokio::sync::mpsc;

use super::hub::{Item, Line};
use super::tail::{self, Tail};
use super::{Filter, Live};

const PAUSE: Duration = Duration::from_millis(500);
/// So few events before the end a client joins the others; they fit into its queue while it is told what lies between.
const NEAR: u64 = 128;

/// Tells one client what it missed.
pub struct Backlog {
    live: Arc<Live>,
    filter: Arc<Filter>,
    told: mpsc::Sender<Item>,
    /// Everything up to here was told.
    after: u64,
}

enum Stop {
    /// The client left, or cannot be told anything more.
    Gone,
    Bus(BusError),
}

impl From<BusError> for Stop {
    fn from(error: BusError) -> Self {
        Self::Bus(error)
    }
}

impl Backlog {
    pub fn new(live: Arc<Live>, filter: Arc<Filter>, told: mpsc::Sender<Item>, after: u64) -> Self {
        Self {
            live,
            filter,
            told,
            after,
        }
    }

    /// Until the shared reader has taken over, the client left or the process ends.
    pub async fn run(mut self, line: Line) {
        let (told, shutdown) = (self.told.clone(), self.live.shutdown.clone());
        tokio::select! {
            () = shutdown.started() => {}
            () = told.closed() => {}
            () = self.hand_over(line) => {}
        }
    }

    /// Far from the end the client's queue would overflow meanwhile, so it joins near the end only; what lies before
    /// that is told while its queue fills.
    async fn hand_over(&mut self, line: Line) {
        let knows_all = self
            .live
            .hub
            .position()
            .is_some_and(|position| self.after >= position);
        if !knows_all && !self.tell(u64::MAX, NEAR).await {
            return;
        }
        if let Some(joined) = self.live.hub.join(line) {
            self.tell(joined, 0).await;
        }
    }

    /// Tells everything up to the event `end`, or until no more than `near` follow; survives every loss of the server.
    /// `false` when the client left.
    async fn tell(&mut self, end: u64, near: u64) -> bool {
        loop {
            match self.read(end, near).await {
                Ok(()) => return true,
                Err(Stop::Gone) => return false,
                // A client that reads slowly brings it about, too.
                Err(Stop::Bus(error)) => tracing::debug!(%error, "a backlog is read on from the last event"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self, end: u64, near: u64) -> Result<(), Stop> {
        if self.after >= end {
            return Ok(());
        }
        let extent = tail::extent(&self.live.bus).await?;
        if self.after > extent.last {
            self.send(Item::Restarted).await?;
            return Err(Stop::Gone);
        }
        if self.after + 1 < extent.first {
            self.send(Item::Gap(self.after + 1, extent.first - 1)).await?;
            self.after = extent.first - 1;
        }
        let subjects = self.filter.subjects(self.live.bus.subjects());
        let mut events = Tail::open(&self.live.bus, self.after + 1, subjects).await?;
        while events.left() > near {
            let event = events.next().await?;
            if event.sequence > end {
                break;
            }
            if self.filter.matches(&event) {
                self.send(Item::Event(event.sequence, event.frame())).await?;
            }
            self.after = event.sequence;
        }
        if events.left() == 0 {
            // What followed up to here concerns others.
            self.after = self.after.max(extent.last.min(end));
        }
        Ok(())
    }

    async fn send(&self, item: Item) -> Result<(), Stop> {
        self.told.send(item).await.map_err(|_| Stop::Gone)
    }
}
