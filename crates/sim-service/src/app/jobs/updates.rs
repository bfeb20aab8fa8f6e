//! Updates and imports: what is kept here in sets, what lives at 1NCE one by one, some at the same time.

use std::collections::HashMap;

use domain::{Iccid, ItemOutcome};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use once_client::Lane;
use serde_json::Value;

use super::plan::{Step, plan};
use super::reason;
use super::worker::{MOST_ATTEMPTS, Progress, Worker};
use crate::app::announce::Announcements;
use crate::app::change_request::ChangeRequest;
use crate::app::update_sim::{MadeChange, patch_sims};
use crate::error::{AppError, StoreError};
use crate::store::{Item, Job, Settled, SimPatch, Store, StoredSim};

/// Items that are looked at together.
const AT_ONCE: i64 = 500;

/// An item, and what is wanted of its SIM.
type Wanted = (Item, ChangeRequest);

impl Worker {
    /// Some items of an update, or of an import when the job has no change of its own.
    pub async fn update_some(
        &self,
        job: &Job,
        change: Option<&ChangeRequest>,
    ) -> Result<Progress, StoreError> {
        let items = self.app.store.due_items(self.id, AT_ONCE).await?;
        if items.is_empty() {
            let open = self.app.store.has_open_items(self.id).await?;
            return Ok(if open { Progress::Waits } else { Progress::Nothing });
        }
        let sims = self.sims_of(job, &items).await?;
        let (mut settled, mut here, mut at_provider) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let request = wanted_of(&item, change)?;
            let (step, outcome) = plan(&item, &request, sims.get(&item.iccid), job.dry_run);
            settled.extend(outcome);
            match step {
                Step::Settled => {}
                Step::Here => here.push((item, request)),
                Step::AtProvider => at_provider.push((item, request)),
            }
        }
        self.settle(job, &settled).await?;
        self.patch_here(job, &here).await?;
        let mut changes: Vec<BoxFuture<'_, Result<(), StoreError>>> = Vec::new();
        for wanted in at_provider {
            changes.push(self.change_one(job, wanted).boxed());
        }
        futures_util::stream::iter(changes)
            .buffer_unordered(self.app.jobs.items_in_flight)
            .try_collect::<()>()
            .await?;
        Ok(Progress::Went)
    }

    /// The stored SIMs of items that the job may touch, by number.
    pub async fn sims_of(&self, job: &Job, items: &[Item]) -> Result<HashMap<i64, StoredSim>, StoreError> {
        let iccids: Vec<i64> = items.iter().map(|item| item.iccid).collect();
        let sims = self.app.store.sims(job.scope(), &iccids).await?;
        Ok(sims
            .into_iter()
            .map(|sim| (sim.provider.iccid.as_i64(), sim))
            .collect())
    }

    /// Tags, metadata and tenants of many SIMs in one transaction. A SIM that has everything meanwhile, or is gone from
    /// the scope, stays pending: the next look tells.
    async fn patch_here(&self, job: &Job, here: &[Wanted]) -> Result<(), StoreError> {
        if here.is_empty() {
            return Ok(());
        }
        let by_number: HashMap<i64, &Wanted> = here.iter().map(|wanted| (wanted.0.iccid, wanted)).collect();
        let patches: Vec<(Iccid, &SimPatch)> = here
            .iter()
            .filter_map(|(item, request)| Some((Iccid::from_i64(item.iccid).ok()?, &request.patch)))
            .collect();
        let mut announcements = Announcements::new(&self.app.subjects);
        let mut change = self.app.outbox.begin_under(&self.lease).await?;
        let mut settled = Vec::new();
        for changed in patch_sims(&mut change, job.scope(), &patches).await? {
            let wanted = by_number.get(&changed.new.provider.iccid.as_i64());
            let (Some((item, request)), Some(old)) = (wanted, &changed.old) else {
                continue;
            };
            let diff = Some(Value::Object(request.diff(old)));
            settled.push(Settled::new(item.seq, ItemOutcome::Succeeded, diff));
            announcements.patched(&changed, &job.created_by);
        }
        Store::settle_items(&mut change, self.id, &settled).await?;
        change.events = announcements.batch;
        change.commit().await?;
        self.metrics.settled(job.kind, &settled);
        Ok(())
    }

    /// One SIM at 1NCE, unless the job is paused or cancelled meanwhile.
    async fn change_one(&self, job: &Job, (item, request): Wanted) -> Result<(), StoreError> {
        if !self.may_begin().await? {
            return Ok(());
        }
        let Ok(iccid) = Iccid::from_i64(item.iccid) else {
            return self.fail(job, &item, AppError::UnknownSim).await;
        };
        // It may have changed since the look at all of them.
        let Some(stored) = self.app.store.sim(job.scope(), iccid).await? else {
            return self.fail(job, &item, AppError::UnknownSim).await;
        };
        let outcome = self.app.change_at_provider(Lane::Bulk, &stored, &request).await;
        let error = match outcome {
            Ok(change) => {
                let made = MadeChange {
                    scope: job.scope(),
                    stored: &stored,
                    request: &request,
                    at_provider: Some(change),
                    actor: &job.created_by,
                };
                match self.store_one(job, &item, made).await {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        match error {
            AppError::Store(error) if !error.is_permanent() => Err(error),
            AppError::Provider(error) if error.is_retryable() && item.attempts + 1 < MOST_ATTEMPTS => {
                tracing::debug!(job = %self.id, %iccid, %error, "is tried again later");
                self.postpone(&[item.seq], self.pause_after(item.attempts, &error))
                    .await
            }
            error => self.fail(job, &item, error).await,
        }
    }

    async fn fail(&self, job: &Job, item: &Item, error: AppError) -> Result<(), StoreError> {
        let (code, message) = reason(error);
        self.settle(job, &[Settled::failed(item.seq, code, message)])
            .await
    }

    /// What 1NCE did, what is kept here, the events and the outcome, all together.
    async fn store_one(&self, job: &Job, item: &Item, made: MadeChange<'_>) -> Result<(), AppError> {
        let diff = Some(Value::Object(made.request.diff(made.stored)));
        let settled = [Settled::new(item.seq, ItemOutcome::Succeeded, diff)];
        let mut announcements = Announcements::new(&self.app.subjects);
        let begun = self.app.outbox.begin_under(&self.lease).await;
        let mut change = begun.map_err(StoreError::from)?;
        made.store(&mut change, &mut announcements).await?;
        Store::settle_items(&mut change, self.id, &settled).await?;
        change.events = announcements.batch;
        change.commit().await?;
        self.metrics.settled(job.kind, &settled);
        Ok(())
    }
}

fn wanted_of(item: &Item, change: Option<&ChangeRequest>) -> Result<ChangeRequest, StoreError> {
    match (change, &item.change) {
        (Some(change), _) => Ok(change.clone()),
        (None, Some(change)) => Ok(serde_json::from_value(change.clone())?),
        (None, None) => Ok(ChangeRequest::default()),
    }
}
