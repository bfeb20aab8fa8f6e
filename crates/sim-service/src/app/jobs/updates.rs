//! Updates and imports: what is kept here in sets, what lives at 1NCE one by one, some at the same time.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use domain::{Iccid, ItemOutcome};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use once_client::{ClientError, Lane, OnceClient};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::plan::{Step, plan};
use super::reason;
use super::worker::{MOST_ATTEMPTS, Progress, Worker};
use crate::app::announce::Announcements;
use crate::app::change_request::ChangeRequest;
use crate::app::update_sim::{MadeChange, patch_sims};
use crate::error::{AppError, StoreError};
use crate::store::{Item, Job, Settled, SimPatch, Store, StoredSim};
use crate::trouble::{Trouble, may_be_the_sims};

/// Items that are looked at together.
const AT_ONCE: i64 = 500;
/// Items that are looked at together when 1NCE could not be used before.
const FIRST: i64 = 8;
/// How long an item waits for another writer of its SIM.
const PATIENCE: Duration = Duration::from_secs(30);

/// An item, and what is wanted of its SIM.
type Wanted = (Item, ChangeRequest);

impl Worker {
    /// Some items of an update, or of an import when the job has no change of its own. Where it has waited for 1NCE, a few
    /// go first, one after the other.
    pub async fn update_some(
        &self,
        job: &Job,
        change: Option<&ChangeRequest>,
    ) -> Result<Progress, StoreError> {
        let has_waited = job.waiting_since.is_some();
        let most = if has_waited { FIRST } else { AT_ONCE };
        let items = self.app.store.due_items(self.id, most).await?;
        if items.is_empty() {
            let open = self.app.store.has_open_items(self.id).await?;
            return Ok(if open { Progress::Waits } else { Progress::Nothing });
        }
        let sims = self.sims_of(job, &items).await?;
        let window = TimeDelta::seconds(self.app.jobs.unchanged_within_seconds.into());
        let fresh_since = self.app.store.now().await? - window;
        let (mut settled, mut here, mut at_provider) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let request = wanted_of(&item, change)?;
            let (step, outcome) = plan(&item, &request, sims.get(&item.iccid), job.dry_run, fresh_since);
            settled.extend(outcome);
            match step {
                Step::Settled => {}
                Step::Here => here.push((item, request)),
                Step::AtProvider => at_provider.push((item, request)),
            }
        }
        self.settle(job, &settled).await?;
        self.patch_here(job, &here).await?;
        if has_waited && !at_provider.is_empty() {
            if let Some(trouble) = self.trouble_of_all().await {
                return Ok(Progress::Away(trouble));
            }
            self.end_wait(job).await?;
        }
        self.change_some(job, at_provider, has_waited).await
    }

    /// What lives at 1NCE, until it cannot be used any more.
    async fn change_some(
        &self,
        job: &Job,
        wanted: Vec<Wanted>,
        one_by_one: bool,
    ) -> Result<Progress, StoreError> {
        let trouble = OnceCell::new();
        let mut changes: Vec<BoxFuture<'_, Result<(), StoreError>>> = Vec::new();
        for wanted in wanted {
            changes.push(self.change_one(job, wanted, &trouble).boxed());
        }
        let in_flight = if one_by_one {
            1
        } else {
            self.app.jobs.items_in_flight
        };
        futures_util::stream::iter(changes)
            .buffer_unordered(in_flight)
            .try_collect::<()>()
            .await?;
        Ok(trouble.into_inner().map_or(Progress::Went, Progress::Away))
    }

    /// What keeps every account from being used: each is asked for a page of one SIM.
    async fn trouble_of_all(&self) -> Option<Trouble> {
        let mut found = None;
        for client in self.app.clients.iter() {
            found = Some(trouble_of(client).await?);
        }
        found
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

    /// One SIM at 1NCE, unless the job is paused or cancelled meanwhile, or 1NCE cannot be used.
    async fn change_one(
        &self,
        job: &Job,
        (item, request): Wanted,
        trouble: &OnceCell<Trouble>,
    ) -> Result<(), StoreError> {
        if trouble.get().is_some() || !self.may_begin().await? {
            return Ok(());
        }
        let Ok(iccid) = Iccid::from_i64(item.iccid) else {
            return self.fail(job, &item, AppError::UnknownSim).await;
        };
        // While somebody else writes the SIM, it waits for the next look.
        let work = self.change_alone(job, &item, &request, iccid);
        let error = match self.app.write_alone(iccid, PATIENCE, work).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error {
            AppError::Store(error) if !error.is_permanent() => Err(error),
            AppError::Provider(error)
                if error.is_the_accounts() || matches!(error, ClientError::CapabilityUnavailable { .. }) =>
            {
                self.not_changed(job, &item, iccid, error, trouble).await
            }
            error => self.fail(job, &item, error).await,
        }
    }

    /// The same, while nobody else writes the SIM at 1NCE.
    async fn change_alone(
        &self,
        job: &Job,
        item: &Item,
        request: &ChangeRequest,
        iccid: Iccid,
    ) -> Result<(), AppError> {
        // It may have changed since the look at all of them.
        let stored = self.app.store.sim(job.scope(), iccid).await?;
        let stored = stored.ok_or(AppError::UnknownSim)?;
        let changed = self.app.change_at_provider(Lane::Bulk, &stored, request);
        let made = MadeChange {
            scope: job.scope(),
            stored: &stored,
            request,
            at_provider: Some(changed.await?),
            actor: &job.created_by,
        };
        self.store_one(job, item, made).await
    }

    /// 1NCE failed. Where it answers something else meanwhile, it is this SIM that it fails for: the SIM is tried a few
    /// times. Otherwise nobody is to blame, and the job waits.
    async fn not_changed(
        &self,
        job: &Job,
        item: &Item,
        iccid: Iccid,
        error: ClientError,
        trouble: &OnceCell<Trouble>,
    ) -> Result<(), StoreError> {
        let found = if may_be_the_sims(&error) {
            self.trouble_of_all().await
        } else {
            Some(Trouble::from(&error))
        };
        if let Some(found) = found {
            trouble.get_or_init(async || found).await;
            return Ok(());
        }
        if item.attempts + 1 < MOST_ATTEMPTS {
            tracing::debug!(job = %self.id, %iccid, %error, "is tried again later");
            let pause = self.pause(item.attempts).as_secs_f64();
            return self.postpone(&[item.seq], pause).await;
        }
        self.fail(job, item, AppError::Provider(error)).await
    }

    async fn fail(&self, job: &Job, item: &Item, error: AppError) -> Result<(), StoreError> {
        let (code, message) = reason(error);
        self.settle(job, &[Settled::failed(item.seq, code, message)])
            .await
    }

    /// What 1NCE did, what is kept here, the events and the outcome, all together.
    async fn store_one(&self, job: &Job, item: &Item, made: MadeChange<'_>) -> Result<(), AppError> {
        let diff = made.diff();
        let outcome = if made.is_unchanged() {
            ItemOutcome::Unchanged
        } else {
            ItemOutcome::Succeeded
        };
        let diff = (!diff.is_empty()).then_some(Value::Object(diff));
        let settled = [Settled::new(item.seq, outcome, diff)];
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

/// What keeps the account from being used, if anything: the smallest question tells.
async fn trouble_of(client: &OnceClient) -> Option<Trouble> {
    let answer = client.list_sims(Lane::Bulk, 1, 1).await;
    let error = answer.err().filter(ClientError::is_the_accounts)?;
    Some(Trouble::from(&error))
}

fn wanted_of(item: &Item, change: Option<&ChangeRequest>) -> Result<ChangeRequest, StoreError> {
    match (change, &item.change) {
        (Some(change), _) => Ok(change.clone()),
        (None, Some(change)) => Ok(serde_json::from_value(change.clone())?),
        (None, None) => Ok(ChangeRequest::default()),
    }
}
