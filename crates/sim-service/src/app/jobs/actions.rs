//! Transfers and extensions: which SIMs are called, in calls of up to a hundred.

use std::collections::BTreeMap;

use domain::{AccountSlug, Iccid, ItemOutcome, JobStatus};
use messages::ErrorCode;
use once_client::{Capability, ClientError, Offer, OnceClient};
use serde_json::{Value, json};
use service_runtime::at_most_once::{Left, Made, Step, call_once, next_step};
use uuid::Uuid;

use super::calls::{Batch, Calls, newest_order, send, splits};
use super::plan::{UNKNOWN, UNLISTED};
use super::spec::{JobSpec, is_expired};
use super::worker::{Progress, Worker};
use super::{as_of, reason};
use crate::app::get_sim::unconfigured;
use crate::app::update_sim::EXPIRED;
use crate::error::StoreError;
use crate::store::{Item, Job, OpenCall, Scope, Settled, StoredSim};
use crate::trouble::Trouble;

/// Items that are looked at together.
const AT_ONCE: i64 = 500;
/// SIMs of one call.
const MOST_CALLED: usize = 100;
/// Refused SIMs of a job of which none was accepted: later refusals are believed to be about all SIMs of a call.
const MOST_REFUSED: i64 = 20;

impl Worker {
    /// A step of a transfer or extension.
    pub async fn act_on_some(&self, job: &Job, action: &JobSpec) -> Result<Progress, StoreError> {
        let store = &self.app.store;
        let begins = job.status == JobStatus::Running;
        let calls = store.open_calls(self.id).await?;
        let open = if !calls.is_empty() {
            Left::Due
        } else if store.has_called_items(self.id).await? {
            Left::Later
        } else {
            Left::No
        };
        let items = match open {
            Left::No | Left::Later if begins => store.due_items(self.id, AT_ONCE).await?,
            _ => Vec::new(),
        };
        let intended = if !items.is_empty() {
            Left::Due
        } else if begins && store.has_open_items(self.id).await? {
            Left::Later
        } else {
            Left::No
        };
        match next_step(begins, open, intended) {
            Step::Settle => self.settle_calls(job, action, &calls).await,
            Step::Begin => self.begin_some(job, action, items).await,
            Step::Wait => Ok(Progress::Waits),
            Step::End => Ok(Progress::Nothing),
        }
    }

    async fn begin_some(
        &self,
        job: &Job,
        action: &JobSpec,
        items: Vec<Item>,
    ) -> Result<Progress, StoreError> {
        let sims = self.sims_of(job, &items).await?;
        let mut settled = Vec::new();
        let mut groups: BTreeMap<AccountSlug, Vec<Item>> = BTreeMap::new();
        for item in items {
            match self.judge(action, &item, sims.get(&item.iccid)) {
                Err((code, why)) => settled.push(Settled::failed(item.seq, code, why)),
                Ok(sim) => groups.entry(sim.account.clone()).or_default().push(item),
            }
        }
        self.settle(job, &settled).await?;
        for (account, items) in groups {
            let Some(client) = self.app.client(&account) else {
                continue;
            };
            let progress = if job.dry_run {
                self.tell(job, action, client, &items, &sims).await?
            } else {
                self.act_on(job, action, client, &items).await?
            };
            if matches!(progress, Progress::Away(_) | Progress::Failed(..)) {
                return Ok(progress);
            }
        }
        Ok(Progress::Went)
    }

    /// The SIM, or why it is left alone.
    fn judge<'a>(
        &self,
        action: &JobSpec,
        item: &Item,
        sim: Option<&'a StoredSim>,
    ) -> Result<&'a StoredSim, (ErrorCode, String)> {
        let sim = sim.ok_or_else(|| (ErrorCode::NotFound, UNKNOWN.to_owned()))?;
        if sim.missing_since.is_some() {
            return Err((ErrorCode::NotFound, UNLISTED.to_owned()));
        }
        if matches!(action, JobSpec::Transfer { .. }) && is_expired(sim) {
            return Err((ErrorCode::Conflict, EXPIRED.to_owned()));
        }
        if self.app.client(&sim.account).is_none() || Iccid::from_i64(item.iccid).is_err() {
            return Err(reason(unconfigured(sim)));
        }
        Ok(sim)
    }

    /// What a real run would do, without a call; it fails where the real one would.
    async fn tell(
        &self,
        job: &Job,
        action: &JobSpec,
        client: &OnceClient,
        items: &[Item],
        sims: &std::collections::HashMap<i64, StoredSim>,
    ) -> Result<Progress, StoreError> {
        let capability = match action {
            JobSpec::Transfer { .. } => Capability::Transfer,
            _ => Capability::Extension,
        };
        if let Offer::Unavailable(why) = client.capabilities().await.offer(capability) {
            return Ok(Progress::Failed(ErrorCode::CapabilityUnavailable, why));
        }
        let told: Vec<Settled> = items
            .iter()
            .map(|item| Settled {
                message: sims.get(&item.iccid).map(|sim| as_of(sim.last_synced_at)),
                ..Settled::new(item.seq, ItemOutcome::Succeeded, diff(action, None))
            })
            .collect();
        self.settle(job, &told).await?;
        Ok(Progress::Went)
    }

    async fn act_on(
        &self,
        job: &Job,
        action: &JobSpec,
        client: &OnceClient,
        items: &[Item],
    ) -> Result<Progress, StoreError> {
        for items in items.chunks(MOST_CALLED) {
            let progress = self.act(job, action, client, items.to_vec()).await?;
            if !matches!(progress, Progress::Went) {
                return Ok(progress);
            }
        }
        Ok(Progress::Went)
    }

    /// One call, and more when 1NCE refuses it: a refusal did nothing, so its SIMs are called in halves until those that
    /// are refused stand alone.
    async fn act(
        &self,
        job: &Job,
        action: &JobSpec,
        client: &OnceClient,
        items: Vec<Item>,
    ) -> Result<Progress, StoreError> {
        let mut parts = vec![items];
        while let Some(mut items) = parts.pop() {
            if !self.may_begin().await? {
                return Ok(Progress::Went);
            }
            let order_before = match newest_order(client, action).await {
                Ok(number) => number,
                Err(trouble) => return Ok(Progress::Away(trouble)),
            };
            let batch = Batch {
                call: OpenCall {
                    id: Uuid::now_v7(),
                    account: client.account().to_string(),
                    called_at: self.app.store.now().await?,
                    order_before,
                },
                items: items.clone(),
            };
            let calls = Calls {
                worker: self,
                job,
                action,
                may_split: items.len() > 1 && self.may_split().await?,
            };
            let made = call_once(&calls, &batch, send(client, action, batch.iccids())).await?;
            match made {
                None => return Ok(Progress::Went),
                Some(Made::NotSent(ClientError::CapabilityUnavailable { why, .. })) => {
                    return Ok(Progress::Failed(ErrorCode::CapabilityUnavailable, why));
                }
                Some(Made::NotSent(error)) => return Ok(Progress::Away(Trouble::from(&error))),
                Some(Made::Refused(error)) if calls.may_split && splits(&error) => {
                    let second = items.split_off(items.len() / 2);
                    parts.extend([second, items]);
                }
                Some(Made::Done(_) | Made::Refused(_) | Made::Unknown(_)) => {}
            }
            self.end_wait(job).await?;
        }
        Ok(Progress::Went)
    }

    /// Whether a refusal may be about single SIMs: not when 1NCE has refused many and accepted none.
    async fn may_split(&self) -> Result<bool, StoreError> {
        let job = self.app.store.job(Scope::All, self.id).await?;
        Ok(job.is_some_and(|job| {
            let succeeded = job.done - job.failed - job.unchanged - job.uncertain;
            succeeded > 0 || job.failed < MOST_REFUSED
        }))
    }
}

/// What an action changes.
pub fn diff(action: &JobSpec, order: Option<u64>) -> Option<Value> {
    match action {
        JobSpec::Transfer {
            target_organisation, ..
        } => Some(json!({ "target_organisation": { "from": null, "to": target_organisation } })),
        _ => order.map(|number| json!({ "order": { "from": null, "to": number.to_string() } })),
    }
}
