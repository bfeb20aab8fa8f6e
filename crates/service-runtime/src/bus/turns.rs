//! Who may work now. A service works on as many calls as it can serve; the others wait in the order in which they came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use messages::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RpcError;

/// Calls of one kind that a service instance works on at the same time, where nothing bounds them further.
pub(super) const MAX_IN_FLIGHT: usize = 256;
/// Calls that wait for their turn, each no longer than its caller waits; more are refused at once.
const MAX_WAITING: usize = 4096;

/// The turns of one kind of calls.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn new(working: usize) -> Self {
        Self {
            working: Arc::new(Semaphore::new(working)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// A turn before the caller stops waiting; `None` when there is none.
    async fn take(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let _place = self.waiting.try_acquire().ok()?;
        let turn = Arc::clone(&self.working).acquire_owned();
        tokio::time::timeout_at(deadline.into(), turn).await.ok()?.ok()
    }
}

/// The turn of one call.
#[derive(Debug, Clone)]
pub(super) struct CallTurn {
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    actions: Turns,
}

impl CallTurn {
    /// None yet; `actions` are the turns of calls that wait for others.
    pub(super) fn new(actions: &Turns) -> Self {
        Self {
            held: Arc::default(),
            actions: actions.clone(),
        }
    }

    /// Gives back what it holds and takes one of these; whether it got one.
    pub(super) async fn take(&self, turns: &Turns, deadline: Instant) -> bool {
        self.end();
        let turn = turns.take(deadline).await;
        let has_turn = turn.is_some();
        self.hold(turn);
        has_turn
    }

    /// Goes on among the calls that wait for others.
    pub(super) async fn move_to_actions(&self, deadline: Instant) -> Result<(), RpcError> {
        if self.take(&self.actions, deadline).await {
            Ok(())
        } else {
            Err(busy())
        }
    }

    /// Lets somebody else work.
    pub(super) fn end(&self) {
        self.hold(None);
    }

    fn hold(&self, turn: Option<OwnedSemaphorePermit>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

pub(super) fn busy() -> RpcError {
    RpcError::new(ErrorCode::Unavailable, "the service is busy")
}
