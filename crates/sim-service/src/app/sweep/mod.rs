//! The sweep: reads an account's whole fleet, page by page, under a lease and from a checkpoint.
//!
//! One page is one transaction: changed rows, their events, what the page held, and the checkpoint. A process that
//! dies loses nothing but the page it had not stored; another one continues behind the checkpoint.

mod finish;
mod metrics;
mod pass;
mod verdict;

use std::time::Duration;

use futures_util::FutureExt;
use once_client::OnceClient;
use service_runtime::ignored::Ignored;
use service_runtime::lease::{Lease, LeaseError};
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use uuid::Uuid;

use self::metrics::SweepMetrics;
use self::verdict::Verdict;
use super::App;
use crate::error::StoreError;
use crate::store::SyncRun;

const POLL: Duration = Duration::from_secs(1);

/// Why a sweep stops before its end.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    /// The run is given up; people are told this text.
    #[error("{0}")]
    Failed(String),
    /// The database failed, or another process continues: the run stays as it is.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SweepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<LeaseError> for SweepError {
    fn from(error: LeaseError) -> Self {
        Self::Store(error.into())
    }
}

/// Works on one account's runs until the end. Every replica does; the lease lets one at a time through.
pub async fn run(app: App, client: OnceClient, metrics: Metrics, shutdown: Shutdown) {
    let account = client.account().to_string();
    let metrics = SweepMetrics::new(&metrics, &account);
    let sweeper = Sweeper {
        app,
        client,
        account,
        metrics,
        owner: Uuid::now_v7(),
    };
    while !shutdown.has_started() {
        if let Err(error) = sweeper.take_up(&shutdown).await {
            tracing::warn!(%error, account = sweeper.account, "the sweep pauses at its checkpoint");
        }
        tokio::select! {
            () = shutdown.started() => {}
            () = sweeper.app.wake.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Cheap to clone; clones work on the same account as one owner.
#[derive(Clone)]
struct Sweeper {
    app: App,
    client: OnceClient,
    account: String,
    metrics: SweepMetrics,
    owner: Uuid,
}

impl Sweeper {
    /// Takes up the account's active run, if there is one that nobody works on.
    async fn take_up(&self, shutdown: &Shutdown) -> Result<(), StoreError> {
        let store = &self.app.store;
        if store.active_run(&self.account).await?.is_none() {
            return Ok(());
        }
        let time = Duration::from_secs(self.app.sweep.lease_seconds);
        let name = format!("sweep {}", self.account);
        let Some(lease) = Lease::acquire(store.db(), &name, self.owner, time).await? else {
            return Ok(());
        };
        // Meanwhile another process may have finished the run and released the lease.
        let Some(run) = store.take_up_run(&self.account, &lease).await? else {
            return Ok(lease.release(store.db()).await?);
        };
        tracing::info!(run = %run.id, account = self.account, pass = run.pass, page = run.next_page, "sweep");
        self.metrics.running.set(1.0);
        let outcome = tokio::select! {
            outcome = self.drive(&lease, run).boxed() => outcome,
            error = self.keep_lease(&lease, time) => Err(error),
            () = shutdown.started() => Ok(()),
        };
        self.metrics.running.set(0.0);
        self.metrics.waiting.set(0.0);
        if matches!(outcome, Err(StoreError::Lease(LeaseError::Lost(_)))) {
            return outcome;
        }
        lease
            .release(store.db())
            .await
            .ignored("releasing the sweep's lease");
        outcome
    }

    /// Keeps the lease while no page comes; returns when it is lost or the database does not answer any more.
    async fn keep_lease(&self, lease: &Lease, time: Duration) -> StoreError {
        loop {
            tokio::time::sleep(time / 3).await;
            if let Err(error) = self.renew(lease).await {
                return error;
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut transaction = self.app.store.db().pool().begin().await?;
        lease.check(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// From the checkpoint to the end of the run.
    async fn drive(&self, lease: &Lease, mut run: SyncRun) -> Result<(), StoreError> {
        match self.passes(lease, &mut run).await {
            Ok(()) => Ok(()),
            Err(SweepError::Store(error)) if error.is_permanent() => {
                let reason = format!("page {} cannot be stored: {error}", run.next_page);
                self.fail(lease, run, reason).await
            }
            Err(SweepError::Store(error)) => Err(error),
            Err(SweepError::Failed(reason)) => self.fail(lease, run, reason).await,
        }
    }

    async fn passes(&self, lease: &Lease, run: &mut SyncRun) -> Result<(), SweepError> {
        loop {
            self.read_pass(lease, run).await?;
            let verdict = self.judge(run).await?;
            tracing::info!(run = %run.id, pass = run.pass, ?verdict, "pass is over");
            match verdict {
                Verdict::Confirm => self.begin_pass(lease, run).await?,
                Verdict::End { gone, unjudged } => return self.complete(lease, run, &gone, &unjudged).await,
            }
        }
    }
}
