//! One writer of a SIM at a time, over all processes: what is read of a SIM to be written back with a change must not
//! become old in between.

use std::time::{Duration, Instant};

use domain::Iccid;
use service_runtime::ignored::Ignored;
use service_runtime::lease::Lease;
use uuid::Uuid;

use super::App;
use crate::error::{AppError, StoreError};
use crate::store::begin_under;

/// How long a process that died keeps others from writing its SIM.
const LEASE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

impl App {
    /// Does the work while nobody else writes this SIM at 1NCE; no connection of the database is held meanwhile. `None`,
    /// and nothing done, when another writer was not ready in time.
    ///
    /// # Errors
    /// The work's, and the database's.
    pub(super) async fn write_alone<T>(
        &self,
        iccid: Iccid,
        patience: Duration,
        work: impl Future<Output = Result<T, AppError>> + Send,
    ) -> Result<Option<T>, AppError> {
        let began = Instant::now();
        let (name, owner) = (format!("sim {iccid}"), Uuid::now_v7());
        let lease = loop {
            if let Some(lease) = Lease::acquire(self.store.db(), &name, owner, LEASE).await? {
                break lease;
            }
            if began.elapsed() >= patience {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        };
        let outcome = tokio::select! {
            outcome = work => outcome.map(Some),
            error = self.keep(&lease) => Err(AppError::Store(error)),
        };
        let released = lease.release(self.store.db()).await;
        released.ignored("releasing a SIM for other writers");
        outcome
    }

    /// Keeps the lease; returns when it is lost or the database does not answer any more.
    async fn keep(&self, lease: &Lease) -> StoreError {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            let renewed = async {
                let transaction = begin_under(&self.store, lease).await?;
                Ok(transaction.commit().await?)
            };
            if let Err(error) = renewed.await {
                return error;
            }
        }
    }
}
