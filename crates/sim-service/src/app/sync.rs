use chrono::{DateTime, TimeDelta, Utc};

use domain::RunReason;

use super::App;
use crate::error::AppError;
use crate::store::{SyncRun, SyncState};

/// How the readings of one account stand, and how they go on.
#[derive(Debug)]
pub struct AccountStatus {
    /// The account.
    pub account: String,
    /// What is stored.
    pub state: SyncState,
    /// When the active run's pass ends at its pace.
    pub eta: Option<DateTime<Utc>>,
    /// When the next scheduled run is due.
    pub next_due_at: Option<DateTime<Utc>>,
}

impl App {
    /// Queues a run of one account, or of all; an active run is returned as it is.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an account that is not configured.
    pub async fn start_sync(
        &self,
        account: &str,
        accept_mass_missing: bool,
        actor: &str,
    ) -> Result<Vec<SyncRun>, AppError> {
        let wanted = |name: &str| account.is_empty() || account == name;
        let names: Vec<&str> = self
            .clients
            .iter()
            .map(|client| client.account().as_str())
            .filter(|name| wanted(name))
            .collect();
        if names.is_empty() {
            return Err(AppError::field("account", "is not configured"));
        }
        let mut runs = Vec::new();
        for name in names {
            runs.push(
                self.store
                    .queue_run(name, RunReason::Request, Some(actor), accept_mass_missing)
                    .await?,
            );
        }
        self.wake.notify_waiters();
        Ok(runs)
    }

    /// Queues the runs that are due.
    ///
    /// # Errors
    /// The database's.
    pub async fn queue_due_runs(&self) -> Result<(), AppError> {
        let mut queued = false;
        for client in self.clients.iter() {
            let interval = self.sweep.sweep_interval_seconds;
            queued |= self
                .store
                .queue_due_run(client.account().as_str(), interval)
                .await?;
        }
        if queued {
            self.wake.notify_waiters();
        }
        Ok(())
    }

    /// How the readings of every account stand.
    ///
    /// # Errors
    /// The database's.
    pub async fn sync_status(&self) -> Result<Vec<AccountStatus>, AppError> {
        let mut accounts = Vec::new();
        for client in self.clients.iter() {
            accounts.push(self.account_status(client.account().as_str()).await?);
        }
        Ok(accounts)
    }

    async fn account_status(&self, account: &str) -> Result<AccountStatus, AppError> {
        let state = self.store.sync_state(account).await?;
        let active = state.active.as_ref();
        let eta = active.and_then(|run| eta(run, state.pages_per_second, Utc::now()));
        let interval =
            TimeDelta::seconds(i64::try_from(self.sweep.sweep_interval_seconds).unwrap_or(i64::MAX / 1000));
        let newest = active.or(state.last.as_ref());
        let next_due_at = newest.and_then(|run| run.queued_at.checked_add_signed(interval));
        Ok(AccountStatus {
            account: account.to_owned(),
            state,
            eta,
            next_due_at,
        })
    }
}

/// When the pass is through at this pace; `None` while no page comes or the end is not known.
fn eta(run: &SyncRun, pages_per_second: f64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let left = f64::from((run.pages_total? - run.next_page + 1).max(0));
    if pages_per_second <= 0.0 {
        return None;
    }
    let seconds = (left / pages_per_second).min(1e9);
    now.checked_add_signed(TimeDelta::milliseconds((seconds * 1000.0) as i64))
}
