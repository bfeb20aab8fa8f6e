use std::time::Duration;

use actix_web::http::StatusCode;
use bytes::{Bytes, BytesMut};
use domain::OrganizationId;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::view::{Closed, Dropped, Gap};
use crate::auth::{Permission, Principal};
use crate::error::ApiError;
use crate::live::{End, Feed, Item, Live, Seat, named};
use crate::rest::frame::Call;
use crate::rest::frame::authenticate::ReadSims;

/// How soon a revoked key ends its streams, beside the time that a key is trusted.
const RECHECK: Duration = Duration::from_secs(1);
/// Events that wait are sent together up to this size.
const CHUNK: usize = 64 * 1024;

/// What the caller could see when the stream began; another view is another stream.
#[derive(PartialEq, Eq)]
struct Grant {
    organization: Option<OrganizationId>,
    usage: bool,
}

/// The endless body of one stream.
pub struct LiveBody {
    call: Call<ReadSims>,
    grant: Grant,
    feed: Feed,
    /// The id of the last event that was sent.
    last: u64,
    begun: bool,
    end: Option<End>,
    heartbeat: Interval,
    recheck: Interval,
    _seat: Seat,
}

/// What happens next.
enum Step {
    Item(Option<Item>),
    Recheck,
    Heartbeat,
    Shutdown,
}

impl Grant {
    fn of(principal: &Principal) -> Self {
        Self {
            organization: principal.organization,
            usage: principal.may(Permission::ReadUsage),
        }
    }
}

impl LiveBody {
    pub fn new(call: Call<ReadSims>, feed: Feed, seat: Seat) -> Self {
        Self {
            heartbeat: every(call.gateway().config.live.heartbeat()),
            grant: Grant::of(call.principal()),
            call,
            last: feed.after,
            feed,
            begun: false,
            end: None,
            recheck: every(RECHECK),
            _seat: seat,
        }
    }

    fn live(&self) -> &Live {
        &self.call.gateway().live
    }

    /// The next part of the body; `None` behind the last one.
    pub async fn step(mut self) -> Option<(Result<Bytes, ApiError>, Self)> {
        if self.end.is_some() {
            return None;
        }
        if !self.begun {
            self.begun = true;
            let head = format!("retry: 3000\nid: {}\n\n", self.last);
            return Some((Ok(head.into()), self));
        }
        let part = loop {
            match self.next_step().await {
                Step::Shutdown => break self.ended(End::Shutdown),
                Step::Recheck if self.is_refused().await => break self.ended(End::Credentials),
                Step::Recheck => {}
                Step::Heartbeat => break self.beat(),
                Step::Item(item) => break self.collect(item),
            }
        };
        Some((Ok(part), self))
    }

    /// Credentials go before events: a client that did not read for a while gets none with a revoked key.
    async fn next_step(&mut self) -> Step {
        tokio::select! {
            biased;
            () = self.call.gateway().shutdown.started() => Step::Shutdown,
            _ = self.recheck.tick() => Step::Recheck,
            item = next(&mut self.feed) => Step::Item(item),
            _ = self.heartbeat.tick() => Step::Heartbeat,
        }
    }

    /// While the key cannot be looked up, nobody knows better than the last look.
    async fn is_refused(&self) -> bool {
        match self.call.still_allowed().await {
            Ok(context) => Grant::of(&context.principal) != self.grant,
            Err(error) => matches!(
                error.code.row().1,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            ),
        }
    }

    /// The item and what waits behind it.
    fn collect(&mut self, first: Option<Item>) -> Bytes {
        let mut part = BytesMut::new();
        let mut sent = 0;
        let mut item = first;
        loop {
            match item {
                Some(Item::Event(id, frame)) => {
                    self.last = id;
                    sent += 1;
                    part.extend_from_slice(&frame);
                }
                Some(Item::Gap(from, to)) => {
                    self.last = to;
                    part.extend_from_slice(&named(Some(to), "gap", &Gap { from, to }));
                }
                Some(Item::TooSlow) => {
                    part.extend_from_slice(&self.ended(End::TooSlow));
                    break;
                }
                Some(Item::Restarted) | None => {
                    let end = if self.call.gateway().shutdown.has_started() {
                        End::Shutdown
                    } else {
                        End::Restarted
                    };
                    part.extend_from_slice(&self.ended(end));
                    break;
                }
            }
            if part.len() >= CHUNK {
                break;
            }
            match ready(&mut self.feed) {
                Some(next) => item = Some(next),
                None => break,
            }
        }
        self.live().count_sent(sent);
        part.freeze()
    }

    /// A comment. Also moves the id on, so that a client whose events are rare does not resume from one that is long gone.
    fn beat(&mut self) -> Bytes {
        let position = self.live().position();
        // Whoever joined was told of everything up to a position that was read before its queue was empty.
        match (position, ready(&mut self.feed)) {
            (_, Some(item)) => self.collect(Some(item)),
            (Some(position), None) if self.feed.backlog.is_none() => {
                self.last = self.last.max(position);
                format!(": \nid: {}\n\n", self.last).into()
            }
            (_, None) => Bytes::from_static(b": \n\n"),
        }
    }

    fn ended(&mut self, end: End) -> Bytes {
        self.end = Some(end);
        match end {
            End::TooSlow => {
                let dropped = Dropped {
                    reason: end.word(),
                    last_event_id: self.last,
                };
                named(None, "dropped", &dropped)
            }
            End::Credentials | End::Shutdown | End::Restarted => {
                named(None, "closed", &Closed { reason: end.word() })
            }
        }
    }
}

impl Drop for LiveBody {
    fn drop(&mut self) {
        self.live().count_end(self.end);
    }
}

/// The first tick comes after one period.
fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// First the backlog, then the inbox; `None` when nobody writes any more.
async fn next(feed: &mut Feed) -> Option<Item> {
    if let Some(backlog) = &mut feed.backlog {
        if let Some(item) = backlog.recv().await {
            return Some(item);
        }
        feed.backlog = None;
    }
    feed.inbox.next().await
}

/// The next item, if it is there.
fn ready(feed: &mut Feed) -> Option<Item> {
    if let Some(backlog) = &mut feed.backlog {
        match backlog.try_recv() {
            Ok(item) => return Some(item),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => feed.backlog = None,
        }
    }
    feed.inbox.ready()
}
