//! Who waits in this process: one queue for each caller, of which only the first asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Mutex as FairMutex, MutexGuard as FairGuard, Semaphore, SemaphorePermit};

use super::caller::Caller;
use crate::lane::Lane;

/// Organizations of one process that take turns at the same time; more wait until one of them was served.
const ORGANIZATIONS_AT_ONCE: usize = 64;

struct Queue {
    length: usize,
    head: Arc<FairMutex<()>>,
}

pub(super) struct Waiting {
    queues: Mutex<HashMap<Caller, Queue>>,
    organizations: Semaphore,
}

/// Stands in its queue for as long as it lives, also when its future is dropped.
pub(super) struct Waiter<'a> {
    waiting: &'a Waiting,
    pub caller: Caller,
    pub since: Instant,
    head: Arc<FairMutex<()>>,
}

/// Held by the first of a queue.
pub(super) struct First<'a> {
    _head: FairGuard<'a, ()>,
    _organization: Option<SemaphorePermit<'a>>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            queues: Mutex::default(),
            organizations: Semaphore::new(ORGANIZATIONS_AT_ONCE),
        }
    }
}

impl Waiting {
    fn queues(&self) -> MutexGuard<'_, HashMap<Caller, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn join(&self, caller: Caller) -> Waiter<'_> {
        let mut queues = self.queues();
        let queue = queues.entry(caller).or_insert_with(|| Queue {
            length: 0,
            head: Arc::default(),
        });
        queue.length += 1;
        Waiter {
            waiting: self,
            caller,
            since: Instant::now(),
            head: Arc::clone(&queue.head),
        }
    }

    /// Whoever waits, in no order.
    pub(super) fn callers(&self) -> Vec<Caller> {
        self.queues().keys().copied().collect()
    }

    /// How many calls wait, by lane.
    pub(super) fn counts(&self) -> [u64; Lane::COUNT] {
        let mut counts = [0; Lane::COUNT];
        for (caller, queue) in self.queues().iter() {
            counts[caller.lane.index()] += queue.length as u64;
        }
        counts
    }
}

impl Waiter<'_> {
    /// Waits until it is the first of its queue.
    pub(super) async fn first(&self) -> First<'_> {
        let head = self.head.lock().await;
        let organization = match self.caller.organization {
            // It is never closed.
            Some(_) => self.waiting.organizations.acquire().await.ok(),
            None => None,
        };
        First {
            _head: head,
            _organization: organization,
        }
    }

    /// Whether others stand behind it in its queue.
    pub(super) fn leads_others(&self) -> bool {
        let queues = self.waiting.queues();
        queues.get(&self.caller).is_some_and(|queue| queue.length > 1)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut queues = self.waiting.queues();
        if let Some(queue) = queues.get_mut(&self.caller) {
            queue.length -= 1;
            if queue.length == 0 {
                queues.remove(&self.caller);
            }
        }
    }
}
