//! Calls that nobody answered: settled by reading 1NCE, and left to a person where that proves nothing.

use domain::{AccountSlug, Iccid, ItemOutcome};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use messages::ErrorCode;
use once_client::model::Order;
use once_client::{ClientError, Generation, Lane, OnceClient};
use service_runtime::at_most_once::{Seen, Verdict, judge};

use super::actions::diff;
use super::calls::{is_unreadable, note_leaving};
use super::spec::JobSpec;
use super::worker::{MOST_ATTEMPTS, Progress, Worker};
use crate::app::list_generation::ask_of;
use crate::error::StoreError;
use crate::store::{CallItem, Job, OpenCall, Settled, Store, begin_under};
use crate::trouble::Trouble;

/// Pages of orders, ten each, that are read to find the one that a call made.
const MOST_PAGES: u32 = 20;
/// SIMs that are read at the same time.
const AT_ONCE: usize = 8;

/// What a reading of 1NCE has shown.
#[derive(Debug, Default)]
struct Proof {
    done: Vec<i64>,
    order: Option<u64>,
    /// Why the rest could not be read.
    trouble: Option<Trouble>,
    /// Why the rest may never be shown, for people.
    note: Option<String>,
}

impl Worker {
    /// Reads about calls without an outcome that are due: of this process, or of one that died.
    pub async fn settle_calls(
        &self,
        job: &Job,
        action: &JobSpec,
        calls: &[OpenCall],
    ) -> Result<Progress, StoreError> {
        for call in calls {
            if self.shutdown.has_started() {
                return Ok(Progress::Went);
            }
            if let Some(trouble) = self.settle_call(job, action, call).await? {
                self.metrics.reading_failed(job.kind);
                return Ok(Progress::Away(trouble));
            }
        }
        self.end_wait(job).await?;
        Ok(Progress::Went)
    }

    /// Returns what kept the reading from being made.
    async fn settle_call(
        &self,
        job: &Job,
        action: &JobSpec,
        call: &OpenCall,
    ) -> Result<Option<Trouble>, StoreError> {
        let all = self.app.store.call_items(call.id).await?;
        let client = AccountSlug::parse(&call.account)
            .ok()
            .and_then(|account| self.app.client(&account));
        let proof = match (client, action) {
            (None, _) => return self.leave_call(job, call, &all).await,
            (Some(client), JobSpec::Extension { .. }) => self.find_order(client, call, &all).await?,
            (Some(client), _) => {
                let generation = self.app.list_generation(client).await?;
                find_gone(client, generation, &all).await
            }
        };
        let (mut settled, mut later, mut looked) = (Vec::new(), Vec::new(), 0);
        for item in all.iter().filter(|item| item.is_open) {
            let seen = if proof.done.contains(&item.iccid) {
                Seen::Done
            } else if proof.trouble.is_some() {
                Seen::Unreadable
            } else {
                Seen::Nothing
            };
            match judge(seen, item.looks(), MOST_ATTEMPTS.unsigned_abs()) {
                Verdict::Done => {
                    let diff = diff(action, proof.order);
                    settled.push(Settled::new(item.seq, ItemOutcome::Succeeded, diff));
                }
                Verdict::ReadAgain { looks } if looks > item.looks() => {
                    looked = looked.max(item.attempts + 1);
                    later.push(item.seq);
                }
                Verdict::ReadAgain { .. } => {}
                Verdict::Uncertain => {
                    let known = self.known(call, item.attempts + 1, proof.note.as_deref()).await?;
                    settled.push(uncertain(item.seq, known));
                }
            }
        }
        let mut transaction = begin_under(&self.app.store, &self.lease).await?;
        if !proof.done.is_empty() {
            let order = proof.order.and_then(|number| i64::try_from(number).ok());
            if !Store::accept_call(&mut transaction, call.id, order).await? {
                // Another call took the order meanwhile: the next reading tells.
                return Ok(None);
            }
            note_leaving(&mut transaction, action, &proof.done).await?;
        }
        Store::settle_items(&mut transaction, self.id, &settled).await?;
        let pause = self.pause(looked).as_secs_f64();
        Store::postpone_items(&mut transaction, self.id, &later, pause).await?;
        transaction.commit().await?;
        self.metrics.settled(job.kind, &settled);
        Ok(proof.trouble)
    }

    /// Nobody can read the account of the call any more.
    async fn leave_call(
        &self,
        job: &Job,
        call: &OpenCall,
        all: &[CallItem],
    ) -> Result<Option<Trouble>, StoreError> {
        let note = format!("the 1NCE account `{}` is not configured any more", call.account);
        let mut settled = Vec::new();
        for item in all.iter().filter(|item| item.is_open) {
            let known = self.known(call, item.attempts, Some(&note)).await?;
            settled.push(uncertain(item.seq, known));
        }
        self.settle(job, &settled).await?;
        Ok(None)
    }

    /// What is known of a call that stays uncertain, for the person who has to look.
    async fn known(&self, call: &OpenCall, looks: i32, note: Option<&str>) -> Result<String, StoreError> {
        let told = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let now = self.app.store.now().await?;
        let order = call.order_before;
        let order = order.map_or_else(String::new, |number| {
            format!("; the newest order before it was {number}")
        });
        let note = note.map_or_else(String::new, |note| format!("; {note}"));
        Ok(format!(
            "1NCE was asked at {} and did not tell whether it did it; {looks} readings until {} showed nothing of it\
             {order}{note}: look at the account before asking again",
            told(call.called_at),
            told(now)
        ))
    }

    /// The order that an extension has made: newer than the call, of exactly its SIMs, no top-up, and of no other call.
    async fn find_order(
        &self,
        client: &OnceClient,
        call: &OpenCall,
        all: &[CallItem],
    ) -> Result<Proof, StoreError> {
        let Some(before) = call.order_before.and_then(|number| u64::try_from(number).ok()) else {
            return Ok(Proof {
                note: Some("1NCE did not tell the orders before it".to_owned()),
                ..Proof::default()
            });
        };
        let mut called: Vec<i64> = all.iter().map(|item| item.iccid).collect();
        called.sort_unstable();
        let mut found = Vec::new();
        for page in 1..=MOST_PAGES {
            let orders = match client.list_orders(Lane::Command, page, true).await {
                Ok(orders) => orders,
                Err(error) => return Ok(unread(&error)),
            };
            let newer = orders.orders.iter().filter(|order| order.order_number > before);
            let fits = newer.filter(|order| is_extension_of(order, &called));
            found.extend(fits.map(|order| order.order_number.cast_signed()));
            let reached = orders.orders.iter().any(|order| order.order_number <= before);
            if reached || orders.is_last {
                break;
            }
        }
        let store = &self.app.store;
        let taken = store.orders_of_calls(&call.account, &found).await?;
        found.retain(|number| !taken.contains(number));
        found.sort_unstable();
        found.dedup();
        let others = store.unnumbered_calls(call, &called).await?;
        if i64::try_from(found.len()).unwrap_or(i64::MAX) <= others {
            return Ok(Proof {
                note: (others > 0).then(|| format!("{others} other calls for the same SIMs were accepted")),
                ..Proof::default()
            });
        }
        Ok(Proof {
            done: called,
            order: found.first().map(|number| number.cast_unsigned()),
            ..Proof::default()
        })
    }
}

fn is_extension_of(order: &Order, called: &[i64]) -> bool {
    let mut iccids: Vec<i64> = order.iccids.iter().map(|iccid| iccid.as_i64()).collect();
    iccids.sort_unstable();
    let kind = order.order_type.as_deref();
    iccids == called && !kind.is_some_and(|kind| kind.contains("TOPUP"))
}

/// A reading that failed: one that 1NCE refuses shows nothing, any other did not take place.
fn unread(error: &ClientError) -> Proof {
    let trouble = Trouble::from(error);
    if is_unreadable(error) {
        return Proof {
            trouble: Some(trouble),
            ..Proof::default()
        };
    }
    Proof {
        note: Some(trouble.reason),
        ..Proof::default()
    }
}

/// The SIMs of a transfer that have left the account.
async fn find_gone(client: &OnceClient, generation: Generation, all: &[CallItem]) -> Proof {
    let mut looks: Vec<BoxFuture<'_, Result<Option<i64>, ClientError>>> = Vec::new();
    for item in all.iter().filter(|item| item.is_open) {
        looks.push(is_gone(client, generation, item.iccid).boxed());
    }
    let mut looks = futures_util::stream::iter(looks).buffer_unordered(AT_ONCE);
    let mut proof = Proof::default();
    while let Some(look) = looks.next().await {
        match look {
            Ok(gone) => proof.done.extend(gone),
            Err(error) if error.is_the_accounts() => proof.trouble = Some(Trouble::from(&error)),
            Err(error) => proof.note = Some(error.refusal().message),
        }
    }
    proof
}

/// The card, when 1NCE says that the account does not have it.
async fn is_gone(
    client: &OnceClient,
    generation: Generation,
    number: i64,
) -> Result<Option<i64>, ClientError> {
    let Ok(iccid) = Iccid::from_i64(number) else {
        return Ok(None);
    };
    let told = ask_of(client, generation, client.get_sim(Lane::Command, iccid)).await?;
    Ok(told.is_none().then_some(number))
}

fn uncertain(seq: i64, known: String) -> Settled {
    Settled {
        code: Some(ErrorCode::Upstream.word()),
        message: Some(known),
        ..Settled::new(seq, ItemOutcome::Uncertain, None)
    }
}
