//! The calls of transfers and extensions: what is sent, and how its outcome is written down.

use domain::{Iccid, ItemOutcome};
use once_client::model::Transfer;
use once_client::{ClientError, Lane, OnceClient};
use service_runtime::at_most_once::{Ledger, Made};
use sqlx::PgConnection;

use super::actions::diff;
use super::reason;
use super::spec::JobSpec;
use super::worker::Worker;
use crate::error::{AppError, StoreError};
use crate::store::{Item, Job, OpenCall, Settled, Store, begin_under};
use crate::trouble::Trouble;

/// A call and its SIMs.
#[derive(Debug)]
pub struct Batch {
    pub call: OpenCall,
    pub items: Vec<Item>,
}

impl Batch {
    pub fn iccids(&self) -> Vec<Iccid> {
        let iccids = self.items.iter();
        iccids
            .filter_map(|item| Iccid::from_i64(item.iccid).ok())
            .collect()
    }

    fn seqs(&self) -> Vec<i64> {
        self.items.iter().map(|item| item.seq).collect()
    }
}

/// The rows of a job's calls.
pub struct Calls<'a> {
    pub worker: &'a Worker,
    pub job: &'a Job,
    pub action: &'a JobSpec,
    /// The SIMs of a refused call are called again in parts.
    pub may_split: bool,
}

impl Ledger for Calls<'_> {
    type Call = Batch;
    type Receipt = Option<u64>;
    type Failure = ClientError;
    type Error = StoreError;

    async fn open(&self, batch: &Batch) -> Result<bool, StoreError> {
        let worker = self.worker;
        let mut transaction = begin_under(&worker.app.store, &worker.lease).await?;
        let seqs = batch.seqs();
        let opened = Store::intend_call(&mut transaction, worker.id, &batch.call, &seqs).await?;
        if opened.len() != seqs.len() {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn close(&self, batch: &Batch, made: &Made<Option<u64>, ClientError>) -> Result<(), StoreError> {
        let worker = self.worker;
        let call = &batch.call;
        let error = match made {
            Made::Done(_) => None,
            Made::Refused(error) | Made::NotSent(error) | Made::Unknown(error) => Some(error),
        };
        tracing::info!(
            job = %worker.id, call = %call.id, account = call.account, sims = batch.items.len(),
            kind = %self.job.kind, error = error.map(tracing::field::display), "1NCE was asked to act"
        );
        let mut settled = Vec::new();
        let mut transaction = begin_under(&worker.app.store, &worker.lease).await?;
        match made {
            Made::Done(order) => {
                let number = order.and_then(|number| i64::try_from(number).ok());
                if !Store::accept_call(&mut transaction, call.id, number).await? {
                    tracing::error!(call = %call.id, ?order, "1NCE tells an order that another call has made");
                    Store::accept_call(&mut transaction, call.id, None).await?;
                }
                let iccids: Vec<i64> = batch.items.iter().map(|item| item.iccid).collect();
                note_leaving(&mut transaction, self.action, &iccids).await?;
                let diff = diff(self.action, *order);
                let done = |seq: &i64| Settled::new(*seq, ItemOutcome::Succeeded, diff.clone());
                settled.extend(batch.seqs().iter().map(done));
            }
            Made::Refused(error) => {
                Store::take_back_call(&mut transaction, call.id).await?;
                if !(self.may_split && splits(error)) {
                    let (code, why) = reason(AppError::Provider(error.clone()));
                    let failed = |seq: &i64| Settled::failed(*seq, code, why.clone());
                    settled.extend(batch.seqs().iter().map(failed));
                }
            }
            Made::NotSent(_) => Store::take_back_call(&mut transaction, call.id).await?,
            Made::Unknown(error) => {
                tracing::warn!(job = %worker.id, call = %call.id, %error, "nobody knows what 1NCE did; it is read");
                Store::doubt_call(&mut transaction, call.id, worker.pause(0).as_secs_f64()).await?;
            }
        }
        Store::settle_items(&mut transaction, worker.id, &settled).await?;
        transaction.commit().await?;
        worker.metrics.settled(self.job.kind, &settled);
        Ok(())
    }
}

/// Transferred SIMs are expected to be gone from the list.
pub async fn note_leaving(
    transaction: &mut PgConnection,
    action: &JobSpec,
    iccids: &[i64],
) -> Result<(), StoreError> {
    match action {
        JobSpec::Transfer { .. } => Store::mark_leaving(transaction, iccids).await,
        _ => Ok(()),
    }
}

/// The newest order before an extension; `None` when 1NCE refuses to tell, which leaves a lost answer to a person.
pub async fn newest_order(client: &OnceClient, action: &JobSpec) -> Result<Option<i64>, Trouble> {
    if !matches!(action, JobSpec::Extension { .. }) {
        return Ok(None);
    }
    match client.list_orders(Lane::Command, 1, true).await {
        Ok(page) => {
            let newest = page.orders.iter().map(|order| order.order_number).max();
            Ok(Some(newest.unwrap_or(0).cast_signed()))
        }
        Err(error) if is_unreadable(&error) => Err(Trouble::from(&error)),
        Err(error) => {
            tracing::warn!(%error, "the orders before an extension cannot be read");
            Ok(None)
        }
    }
}

/// Whether nothing was read, and another reading may succeed.
pub fn is_unreadable(error: &ClientError) -> bool {
    error.is_the_accounts() || matches!(error, ClientError::Decode { .. } | ClientError::Uncertain { .. })
}

/// Makes the call; tells the order that 1NCE made of it, where it tells one.
pub async fn send(
    client: &OnceClient,
    action: &JobSpec,
    iccids: Vec<Iccid>,
) -> Made<Option<u64>, ClientError> {
    let outcome = match action {
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
            let receipt = client.extend(Lane::Command, &iccids, *product_id, payment).await;
            receipt.map(|receipt| receipt.order_number)
        }
        JobSpec::Update { .. } | JobSpec::Import { .. } => {
            Err(ClientError::Invalid("an update is no action".to_owned()))
        }
    };
    sort(outcome)
}

/// What the answer to a call that must not be repeated means.
fn sort(outcome: Result<Option<u64>, ClientError>) -> Made<Option<u64>, ClientError> {
    match outcome {
        Ok(order) => Made::Done(order),
        // Somebody between us and 1NCE gave up waiting: the call may have gone on.
        Err(
            error @ ClientError::Rejected {
                status: 408 | 499, ..
            },
        ) => Made::Unknown(error),
        Err(
            error @ (ClientError::Rejected { .. }
            | ClientError::Expired { .. }
            | ClientError::NotFound { .. }
            | ClientError::LimitReached { .. }
            | ClientError::Invalid(_)),
        ) => Made::Refused(error),
        Err(error) if error.nothing_sent() => Made::NotSent(error),
        Err(error) => Made::Unknown(error),
    }
}

/// Whether 1NCE refuses a call for something that may be wrong with one of its SIMs.
pub fn splits(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::NotFound { .. }
            | ClientError::Expired { .. }
            | ClientError::Rejected {
                status: 400 | 409 | 413 | 422,
                ..
            }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(status: u16) -> ClientError {
        ClientError::Rejected {
            status,
            code: None,
            message: String::new(),
            request_id: None,
        }
    }

    #[test]
    fn only_a_clear_refusal_says_that_nothing_happened() {
        assert!(matches!(sort(Err(rejected(400))), Made::Refused(_)));
        assert!(matches!(sort(Err(rejected(408))), Made::Unknown(_)));
        let failed = ClientError::Server {
            status: 503,
            message: String::new(),
            request_id: None,
        };
        assert!(matches!(sort(Err(failed)), Made::Unknown(_)));
        let cut = |may_be_sent| ClientError::Transport {
            message: String::new(),
            may_be_sent,
            request_id: None,
        };
        assert!(matches!(sort(Err(cut(true))), Made::Unknown(_)));
        assert!(matches!(sort(Err(cut(false))), Made::NotSent(_)));
        assert!(matches!(sort(Ok(None)), Made::Done(None)));
    }

    #[test]
    fn a_missing_right_is_no_fault_of_a_single_sim() {
        assert!(!splits(&rejected(403)));
        assert!(splits(&rejected(400)));
    }
}
