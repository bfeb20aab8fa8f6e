//! An orderly end: one token that every loop watches, one tracker that waits for all of them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Asks for the end and waits for it. Clones speak of the same end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    /// The same as the token's state, which cannot be read without a lock; every request reads it.
    started: Arc<AtomicBool>,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every task to end.
    pub fn start(&self) {
        self.started.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Whether the end was asked for.
    pub fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Completes when the end is asked for.
    pub async fn started(&self) {
        self.token.cancelled().await;
    }

    /// Runs a task that the end waits for. The task watches [`Shutdown::started`] itself.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// What the work comes to; `None`, and the work is dropped, when the end comes first.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.started() => None,
            outcome = work => Some(outcome),
        }
    }

    /// Sleeps, but not beyond the end; `false` when the end came first.
    pub async fn sleep(&self, time: Duration) -> bool {
        self.or(tokio::time::sleep(time)).await.is_some()
    }

    /// Asks for the end and waits for every task, at most `limit`; `false` when some were still busy.
    pub async fn finish(&self, limit: Duration) -> bool {
        self.start();
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }

    /// Completes on SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the process may not install signal handlers.
    pub async fn on_signal() -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
}
