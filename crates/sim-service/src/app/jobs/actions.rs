//! Transfers and extensions: written down before the call, called once, never repeated. What nobody answered is settled by
//! reading 1NCE, and where that proves nothing a person has to look.

use std::collections::BTreeMap;

use domain::{AccountSlug, Iccid, ItemOutcome};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use messages::ErrorCode;
use once_client::model::Transfer;
use once_client::{ClientError, Lane, OnceClient};
use serde_json::{Value, json};
use uuid::Uuid;

use super::plan::{UNKNOWN, UNLISTED};
use super::reason;
use super::spec::{JobSpec, is_expired};
use super::worker::{MOST_ATTEMPTS, Progress, Worker};
use crate::app::update_sim::EXPIRED;
use crate::error::{AppError, StoreError};
use crate::store::{CallItem, Item, Job, OpenCall, Settled, Store, StoredSim, begin_under};

/// Items that are looked at together.
const AT_ONCE: i64 = 500;
/// SIMs of one call.
const MOST_CALLED: usize = 100;
/// Pages of orders, ten each, that are read to find the one that a call made.
const MOST_PAGES: u32 = 20;

impl Worker {
    /// Some items of a transfer or extension: first what was called and not answered, then new calls.
    pub async fn act_on_some(&self, job: &Job, action: &JobSpec) -> Result<Progress, StoreError> {
        self.settle_calls(job, action).await?;
        let items = self.app.store.due_items(self.id, AT_ONCE).await?;
        if items.is_empty() {
            let open = self.app.store.has_open_items(self.id).await?;
            return Ok(if open { Progress::Waits } else { Progress::Nothing });
        }
        let sims = self.sims_of(job, &items).await?;
        let mut settled = Vec::new();
        let mut groups: BTreeMap<AccountSlug, Vec<Item>> = BTreeMap::new();
        for item in items {
            match self.judge(action, &item, sims.get(&item.iccid)) {
                Err((code, why)) => settled.push(Settled::failed(item.seq, code, why)),
                Ok(_) if job.dry_run => {
                    settled.push(Settled::new(item.seq, ItemOutcome::Succeeded, diff(action, None)));
                }
                Ok(account) => groups.entry(account).or_default().push(item),
            }
        }
        self.settle(job, &settled).await?;
        for (account, items) in groups {
            for items in items.chunks(MOST_CALLED) {
                if !self.may_begin().await? {
                    return Ok(Progress::Went);
                }
                if let failed @ Progress::Failed(..) = self.act(job, action, &account, items).await? {
                    return Ok(failed);
                }
            }
        }
        Ok(Progress::Went)
    }

    /// The account to ask, or why the SIM is left alone.
    fn judge(
        &self,
        action: &JobSpec,
        item: &Item,
        sim: Option<&StoredSim>,
    ) -> Result<AccountSlug, (ErrorCode, String)> {
        let sim = sim.ok_or_else(|| (ErrorCode::NotFound, UNKNOWN.to_owned()))?;
        if sim.missing_since.is_some() {
            return Err((ErrorCode::NotFound, UNLISTED.to_owned()));
        }
        if matches!(action, JobSpec::Transfer { .. }) && is_expired(sim) {
            return Err((ErrorCode::Conflict, EXPIRED.to_owned()));
        }
        if self.app.client(&sim.account).is_none() || Iccid::from_i64(item.iccid).is_err() {
            return Err(reason(crate::app::get_sim::unconfigured(sim)));
        }
        Ok(sim.account.clone())
    }

    /// One call: intended, made, and its outcome.
    async fn act(
        &self,
        job: &Job,
        action: &JobSpec,
        account: &AccountSlug,
        items: &[Item],
    ) -> Result<Progress, StoreError> {
        let Some(client) = self.app.client(account) else {
            return Ok(Progress::Went);
        };
        let order_before = match newest_order(client, action).await {
            Ok(number) => number,
            Err(error) => return self.not_called(job, items, error).await,
        };
        let call = OpenCall {
            id: Uuid::now_v7(),
            account: account.to_string(),
            called_at: self.app.store.now().await?,
            order_before,
        };
        let seqs: Vec<i64> = items.iter().map(|item| item.seq).collect();
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::intend_call(&mut transaction, self.id, &call, &seqs).await?;
        transaction.commit().await?;
        let iccids = items.iter().filter_map(|item| Iccid::from_i64(item.iccid).ok());
        let outcome = send(client, action, iccids.collect()).await;
        tracing::info!(
            job = %self.id, call = %call.id, account = account.as_str(), sims = items.len(), kind = %job.kind,
            error = outcome.as_ref().err().map(tracing::field::display), "1NCE was asked to act"
        );
        match outcome {
            Ok(number) => {
                self.called(job, action, call.id, &seqs, number).await?;
                Ok(Progress::Went)
            }
            Err(error) => self.not_done(job, &call, items, error).await,
        }
    }

    /// 1NCE accepted the call.
    async fn called(
        &self,
        job: &Job,
        action: &JobSpec,
        call: Uuid,
        seqs: &[i64],
        order: Option<u64>,
    ) -> Result<(), StoreError> {
        let diff = diff(action, order);
        let settled: Vec<Settled> = seqs
            .iter()
            .map(|seq| Settled::new(*seq, ItemOutcome::Succeeded, diff.clone()))
            .collect();
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        if let Some(number) = order.and_then(|number| i64::try_from(number).ok()) {
            Store::note_order(&mut transaction, call, number).await?;
        }
        Store::settle_items(&mut transaction, self.id, &settled).await?;
        transaction.commit().await?;
        self.metrics.settled(job.kind, &settled);
        Ok(())
    }

    /// 1NCE did not accept the call, or nobody knows.
    async fn not_done(
        &self,
        job: &Job,
        call: &OpenCall,
        items: &[Item],
        error: ClientError,
    ) -> Result<Progress, StoreError> {
        let is_refused = matches!(
            error,
            ClientError::Rejected { .. }
                | ClientError::Expired { .. }
                | ClientError::NotFound { .. }
                | ClientError::LimitReached { .. }
        );
        if !is_refused && !error.nothing_sent() {
            tracing::warn!(job = %self.id, call = %call.id, %error, "nobody knows what 1NCE did; it is read");
            let mut transaction = begin_under(&self.app.store, &self.lease).await?;
            Store::doubt_call(&mut transaction, call.id, self.pause(0).as_secs_f64()).await?;
            transaction.commit().await?;
            return Ok(Progress::Went);
        }
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        Store::take_back_call(&mut transaction, call.id).await?;
        transaction.commit().await?;
        self.not_called(job, items, error).await
    }

    /// Certainly nothing happened: the items are tried again, or fail.
    async fn not_called(
        &self,
        job: &Job,
        items: &[Item],
        error: ClientError,
    ) -> Result<Progress, StoreError> {
        if let ClientError::CapabilityUnavailable { why, .. } = error {
            return Ok(Progress::Failed(ErrorCode::CapabilityUnavailable, why));
        }
        let (again, given_up): (Vec<&Item>, Vec<&Item>) = items
            .iter()
            .partition(|item| error.is_retryable() && item.attempts + 1 < MOST_ATTEMPTS);
        let attempts = again.iter().map(|item| item.attempts).max().unwrap_or(0);
        let seconds = self.pause_after(attempts, &error);
        let seqs: Vec<i64> = again.iter().map(|item| item.seq).collect();
        self.postpone(&seqs, seconds).await?;
        let (code, why) = reason(AppError::Provider(error));
        let settled: Vec<Settled> = given_up
            .iter()
            .map(|item| Settled::failed(item.seq, code, why.clone()))
            .collect();
        self.settle(job, &settled).await?;
        Ok(Progress::Went)
    }

    /// Looks at every call without an outcome that is due: of this process, or of one that died.
    pub async fn settle_calls(&self, job: &Job, action: &JobSpec) -> Result<Progress, StoreError> {
        let calls = self.app.store.open_calls(self.id).await?;
        for call in &calls {
            if self.shutdown.has_started() {
                return Ok(Progress::Went);
            }
            self.settle_call(job, action, call).await?;
        }
        if !calls.is_empty() {
            return Ok(Progress::Went);
        }
        let waits = self.app.store.has_called_items(self.id).await?;
        Ok(if waits { Progress::Waits } else { Progress::Nothing })
    }

    async fn settle_call(&self, job: &Job, action: &JobSpec, call: &OpenCall) -> Result<(), StoreError> {
        let all = self.app.store.call_items(call.id).await?;
        let client = AccountSlug::parse(&call.account)
            .ok()
            .and_then(|account| self.app.client(&account));
        let proven = match (client, action) {
            (None, _) => Proof::default(),
            (Some(client), JobSpec::Extension { .. }) => self.find_order(client, call, &all).await?,
            (Some(client), _) => find_gone(client, &all).await,
        };
        let (mut settled, mut later) = (Vec::new(), Vec::new());
        for item in all.iter().filter(|item| item.is_open) {
            if proven.done.contains(&item.iccid) {
                let diff = diff(action, proven.order);
                settled.push(Settled::new(item.seq, ItemOutcome::Succeeded, diff));
            } else if item.attempts + 1 < MOST_ATTEMPTS && client.is_some() {
                later.push(item);
            } else {
                settled.push(uncertain(item.seq, call));
            }
        }
        self.settle(job, &settled).await?;
        let attempts = later.iter().map(|item| item.attempts).max().unwrap_or(0);
        let seqs: Vec<i64> = later.iter().map(|item| item.seq).collect();
        self.postpone(&seqs, self.pause(attempts + 1).as_secs_f64()).await
    }

    /// The order that an extension has made: newer than the call, of exactly its SIMs, no top-up, and of no other call.
    async fn find_order(
        &self,
        client: &OnceClient,
        call: &OpenCall,
        all: &[CallItem],
    ) -> Result<Proof, StoreError> {
        let Some(before) = call.order_before.and_then(|number| u64::try_from(number).ok()) else {
            return Ok(Proof::default());
        };
        let mut called: Vec<i64> = all.iter().map(|item| item.iccid).collect();
        called.sort_unstable();
        for page in 1..=MOST_PAGES {
            let Ok(orders) = client.list_orders(Lane::Command, page, true).await else {
                return Ok(Proof::default());
            };
            for order in orders.orders.iter().filter(|order| order.order_number > before) {
                let mut iccids: Vec<i64> = order.iccids.iter().map(|iccid| iccid.as_i64()).collect();
                iccids.sort_unstable();
                let is_top_up = order
                    .order_type
                    .as_deref()
                    .is_some_and(|kind| kind.contains("TOPUP"));
                let number = order.order_number.cast_signed();
                if iccids == called && !is_top_up && !self.app.store.is_order_of_call(number).await? {
                    return Ok(Proof {
                        done: called,
                        order: Some(order.order_number),
                    });
                }
            }
            let reached = orders.orders.iter().any(|order| order.order_number <= before);
            if reached || orders.is_last {
                break;
            }
        }
        Ok(Proof::default())
    }
}

/// What a reading of 1NCE has proven.
#[derive(Debug, Default)]
struct Proof {
    done: Vec<i64>,
    order: Option<u64>,
}

/// The SIMs of a transfer that have left the account.
async fn find_gone(client: &OnceClient, all: &[CallItem]) -> Proof {
    let mut looks: Vec<BoxFuture<'_, Option<i64>>> = Vec::new();
    for item in all.iter().filter(|item| item.is_open) {
        looks.push(is_gone(client, item.iccid).boxed());
    }
    let looks = futures_util::stream::iter(looks).buffer_unordered(8);
    let done: Vec<Option<i64>> = looks.collect().await;
    Proof {
        done: done.into_iter().flatten().collect(),
        order: None,
    }
}

/// The card, when 1NCE says that the account does not have it.
async fn is_gone(client: &OnceClient, number: i64) -> Option<i64> {
    let iccid = Iccid::from_i64(number).ok()?;
    let told = client.get_sim(Lane::Command, iccid).await;
    matches!(told, Ok(None)).then_some(number)
}

/// The newest order before an extension; `None` when 1NCE does not tell, which leaves a lost answer to a person.
async fn newest_order(client: &OnceClient, action: &JobSpec) -> Result<Option<i64>, ClientError> {
    if !matches!(action, JobSpec::Extension { .. }) {
        return Ok(None);
    }
    match client.list_orders(Lane::Command, 1, true).await {
        Ok(page) => {
            let newest = page.orders.iter().map(|order| order.order_number).max();
            Ok(Some(newest.unwrap_or(0).cast_signed()))
        }
        Err(error) if error.is_retryable() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the orders before an extension cannot be read");
            Ok(None)
        }
    }
}

/// Returns the order that 1NCE told.
async fn send(client: &OnceClient, action: &JobSpec, iccids: Vec<Iccid>) -> Result<Option<u64>, ClientError> {
    match action {
        JobSpec::Transfer {
            target_organisation, ..
        } => {
            let transfer = Transfer {
                target_organisation: *target_organisation,
                iccids,
                ranges: Vec::new(),
            };
            client.transfer(Lane::Command, &transfer).await.map(|()| None)
        }
        JobSpec::Extension {
            product_id,
            payment_method,
            ..
        } => {
            let payment = JobSpec::payment(payment_method);
            let receipt = client
                .extend(Lane::Command, &iccids, *product_id, payment)
                .await?;
            Ok(receipt.order_number)
        }
        JobSpec::Update { .. } | JobSpec::Import { .. } => {
            Err(ClientError::Invalid("an update is no action".to_owned()))
        }
    }
}

fn diff(action: &JobSpec, order: Option<u64>) -> Option<Value> {
    match action {
        JobSpec::Transfer {
            target_organisation, ..
        } => Some(json!({ "target_organisation": { "from": null, "to": target_organisation } })),
        _ => order.map(|number| json!({ "order": { "from": null, "to": number.to_string() } })),
    }
}

fn uncertain(seq: i64, call: &OpenCall) -> Settled {
    Settled {
        code: Some(ErrorCode::Upstream.word()),
        message: Some(format!(
            "1NCE was asked at {} and did not tell whether it did it: look at the account before asking again",
            call.called_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        )),
        ..Settled::new(seq, ItemOutcome::Uncertain, None)
    }
}
