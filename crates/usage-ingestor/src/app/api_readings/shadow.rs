//! v2's usage is in no published file (FACTS-2026-11 U8), and v1 ends: while both live, one SIM a day is read through both, so
//! that everybody knows before what v2 tells.

use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use domain::{Iccid, ShadowOutcome};
use futures_util::FutureExt;
use once_client::model::{RejectedRecord, Usage};
use once_client::{ClientError, Generation, Lane};
use service_runtime::shutdown::Shutdown;

use super::compare::{Comparison, compare};
use super::verdict::unreadable_answer;
use crate::app::App;
use crate::error::StoreError;
use crate::store::shadow_readings::{ShadowReading, Taken};

/// Days of one comparison before today.
const COMPARED_DAYS: u64 = 14;
/// How long a process may take for it.
const TAKEN: Duration = Duration::from_secs(300);
/// Until it is tried again when it could not be made.
const AGAIN: Duration = Duration::from_secs(600);
/// How often is looked whether one is due.
const LOOK: Duration = Duration::from_secs(60);

/// What both generations told of a SIM.
enum Told {
    Both(Usage, Usage),
    /// v2 told nothing that can be compared.
    Not(Comparison, Vec<RejectedRecord>),
    /// Nothing can be said today, for this reason.
    Nothing(String),
}

impl App {
    /// Makes one comparison a day until the end.
    pub(super) async fn compare_generations(&self, end: &Shutdown) {
        while !end.has_started() {
            let wait = match end.or(self.compare_today()).await {
                None => return,
                Some(Ok(wait)) => wait,
                Some(Err(error)) => {
                    tracing::warn!(%error, "the comparison of v2's usage with v1's waits for the database");
                    LOOK
                }
            };
            let woken = async {
                tokio::select! {
                    () = self.readings.used.notified(), if wait == LOOK => {}
                    () = tokio::time::sleep(wait) => {}
                }
            };
            end.or(woken).await;
        }
    }

    /// Makes today's comparison when it is due and possible; answers how long to wait for the next look.
    async fn compare_today(&self) -> Result<Duration, StoreError> {
        let account = self.client.account().to_string();
        // Looked for first: without one nothing is taken, and the first that is read will do.
        let Some(iccid) = self.store.used_sim(&account).await? else {
            return Ok(LOOK);
        };
        let day = match self
            .store
            .take_shadow_reading(&account, TAKEN.as_secs_f64())
            .await?
        {
            Taken::Mine(day) => day,
            Taken::Others | Taken::Made => return Ok(AGAIN),
        };
        let (from_day, to_day) = (day - Days::new(COMPARED_DAYS), day - Days::new(1));
        let made = match self.read_both(iccid, from_day, day).await {
            Told::Both(v1, v2) => {
                let records = self.store.records_by_day(iccid, from_day, to_day).await?;
                compare(&v1, &v2, &records)
            }
            Told::Not(made, rejects) => {
                self.store.keep_unread(iccid, &rejects).await?;
                made
            }
            Told::Nothing(why) => {
                tracing::info!(why, "v2's usage cannot be compared with v1's now");
                self.store
                    .postpone_shadow_reading(&account, day, AGAIN.as_secs_f64())
                    .await?;
                return Ok(AGAIN);
            }
        };
        if made.outcome == ShadowOutcome::Agrees {
            tracing::info!(%iccid, what = made.what, "v2 tells the same usage as v1");
        } else {
            tracing::warn!(%iccid, outcome = made.outcome.word(), what = made.what, "v2 does not tell usage as v1 does");
        }
        let shadow = ShadowReading {
            iccid,
            from_day,
            to_day,
            read_at: Utc::now(),
            outcome: made.outcome,
            what: made.what,
        };
        self.store.store_shadow_reading(&account, day, &shadow).await?;
        self.show_shadow_reading(Some(shadow.outcome));
        Ok(AGAIN)
    }

    /// Reads a SIM through both generations, if both live.
    async fn read_both(&self, iccid: Iccid, from: NaiveDate, to: NaiveDate) -> Told {
        for generation in [Generation::V1, Generation::V2] {
            // Boxed, here and below: what the client nests is too deep for the compiler otherwise.
            match self.client.standing(Lane::Background, generation).boxed().await {
                Ok(standing) if standing.is_alive() => {}
                Ok(standing) => return Told::Nothing(format!("{}: {standing:?}", generation.word())),
                Err(error) => return Told::Nothing(error.to_string()),
            }
        }
        let read = |generation| {
            let usage = self
                .client
                .usage_in(generation, Lane::Background, iccid, from, to);
            usage.boxed()
        };
        let v1 = match read(Generation::V1).await {
            Ok(usage) if usage.rejects.is_empty() && !usage.days.is_empty() => usage,
            Ok(_) => return Told::Nothing("v1's own answer cannot be read".to_owned()),
            Err(error) => return Told::Nothing(format!("v1: {error}")),
        };
        match read(Generation::V2).await {
            Ok(v2) if v2.rejects.is_empty() => Told::Both(v1, v2),
            Ok(v2) => {
                let first = v2.rejects.first().map(|reject| reject.reason.clone());
                let rows = v2.rejects.len() + v2.days.len();
                let why = first.unwrap_or_default();
                unreadable(format!("{} of {rows} rows: {why}", v2.rejects.len()), v2.rejects)
            }
            Err(error) => without_v2(&error),
        }
    }
}

fn unreadable(what: String, mut rejects: Vec<RejectedRecord>) -> Told {
    for reject in &mut rejects {
        reject.reason = format!("v2: {}", reject.reason);
    }
    let outcome = ShadowOutcome::Unreadable;
    Told::Not(Comparison { outcome, what }, rejects)
}

fn without_v2(error: &ClientError) -> Told {
    match error {
        ClientError::CapabilityUnavailable { why, .. } => {
            let outcome = ShadowOutcome::NotOffered;
            let what = why.clone();
            Told::Not(Comparison { outcome, what }, Vec::new())
        }
        ClientError::Decode { reason, .. } => {
            unreadable(reason.clone(), unreadable_answer(error).into_iter().collect())
        }
        error => Told::Nothing(format!("v2: {error}")),
    }
}
