use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Filter, LiveEvent};

/// What waits for one client at most.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    pub events: usize,
    pub bytes: usize,
}

/// What a client is sent next.
pub enum Item {
    /// An event: its sequence and text.
    Event(u64, Bytes),
    /// Events that the stream does not have any more, first and last.
    Gap(u64, u64),
    /// The queue was full; nothing follows.
    TooSlow,
    /// The stream began anew, its numbers too; nothing follows.
    Restarted,
}

/// How much lies in a client's queue; the two ends share it.
#[derive(Debug, Default)]
struct Fill {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

/// The writing end of a client's queue.
pub struct Line {
    filter: Arc<Filter>,
    limits: QueueLimits,
    fill: Arc<Fill>,
    // The bound is `limits`, so that the last word always finds room.
    queue: mpsc::UnboundedSender<Item>,
}

/// The reading end.
pub struct Inbox {
    fill: Arc<Fill>,
    queue: mpsc::UnboundedReceiver<Item>,
}

/// The two ends of a new queue.
pub fn line(filter: Arc<Filter>, limits: QueueLimits) -> (Line, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let fill = Arc::new(Fill::default());
    let line = Line {
        filter,
        limits,
        fill: Arc::clone(&fill),
        queue: sender,
    };
    (
        line,
        Inbox {
            fill,
            queue: receiver,
        },
    )
}

impl Line {
    /// `false` when the client gets nothing any more.
    fn offer(&self, event: &LiveEvent) -> bool {
        if self.queue.is_closed() {
            return false;
        }
        if !self.filter.matches(event) {
            return true;
        }
        let frame = event.frame();
        let waiting = self.fill.bytes.load(Ordering::Relaxed) + frame.len();
        if self.fill.events.load(Ordering::Relaxed) >= self.limits.events || waiting > self.limits.bytes {
            self.tell(Item::TooSlow);
            return false;
        }
        self.fill.events.fetch_add(1, Ordering::Relaxed);
        self.fill.bytes.fetch_add(frame.len(), Ordering::Relaxed);
        self.tell(Item::Event(event.sequence, frame))
    }

    fn tell(&self, item: Item) -> bool {
        self.queue.send(item).is_ok()
    }
}

impl Inbox {
    /// The next item; waits for it. `None` when nobody writes any more.
    pub async fn next(&mut self) -> Option<Item> {
        let item = self.queue.recv().await;
        self.taken(item)
    }

    /// The next item, if one is there.
    pub fn ready(&mut self) -> Option<Item> {
        let item = self.queue.try_recv().ok();
        self.taken(item)
    }

    fn taken(&self, item: Option<Item>) -> Option<Item> {
        if let Some(Item::Event(_, frame)) = &item {
            self.fill.events.fetch_sub(1, Ordering::Relaxed);
            self.fill.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        }
        item
    }
}

#[derive(Default)]
struct State {
    /// The last event that was handed out; `None` before the stream was found.
    position: Option<u64>,
    lines: Vec<Line>,
}

/// Hands every event to every client who wants it, in the stream's order.
#[derive(Default)]
pub struct Hub(Mutex<State>);

impl Hub {
    /// Up to where clients were told.
    pub fn position(&self) -> Option<u64> {
        self.state().position
    }

    /// From here on the client is told. The answer is the last event that it was not told of by this.
    pub fn join(&self, line: Line) -> Option<u64> {
        let mut state = self.state();
        let position = state.position?;
        state.lines.push(line);
        Some(position)
    }

    /// Hands out the next event; one that was handed out before is passed over.
    pub fn publish(&self, event: &LiveEvent) {
        let mut state = self.state();
        if state.position.is_some_and(|position| event.sequence <= position) {
            return;
        }
        state.position = Some(event.sequence);
        state.lines.retain(|line| line.offer(event));
    }

    /// Notes where the stream stands, which is from `first` to `last`, before it is read on behind the position.
    pub fn resume(&self, first: u64, last: u64) {
        let mut state = self.state();
        match state.position {
            None => state.position = Some(last),
            Some(position) if position > last => {
                for line in state.lines.drain(..) {
                    line.tell(Item::Restarted);
                }
                state.position = Some(last);
            }
            Some(position) if position + 1 < first => {
                state
                    .lines
                    .retain(|line| line.tell(Item::Gap(position + 1, first - 1)));
                state.position = Some(first - 1);
            }
            Some(_) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gap_and_a_new_beginning_are_told() {
        let hub = Hub::default();
        let join = || {
            let limits = QueueLimits { events: 1, bytes: 1 };
            let (line, inbox) = line(Arc::default(), limits);
            (hub.join(line), inbox)
        };
        assert!(join().0.is_none(), "nobody joins before the stream was found");

        hub.resume(1, 10);
        let (position, mut inbox) = join();
        hub.resume(15, 20);
        hub.resume(1, 3);

        assert_eq!(position, Some(10));
        assert!(matches!(inbox.next().await, Some(Item::Gap(11, 14))));
        assert!(matches!(inbox.next().await, Some(Item::Restarted)));
        assert!(inbox.next().await.is_none());
        assert_eq!(hub.position(), Some(3));
    }
}
