//! Daily usage from 1NCE's API: history of new SIMs, gaps of the stream, and the regular check of closed days.
//!
//! One call reads one SIM, and 1NCE allows ten a second for everything. So nothing walks the fleet on a timer: each SIM's
//! next reading waits in `sync_state` by priority and date, and the budget's background lane sets the pace.

mod compare;
mod shadow;
mod verdict;

use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use domain::{Iccid, ShadowOutcome};
use once_client::model::{RejectedRecord, Usage};
use once_client::{ClientError, Lane};
use service_runtime::ignored::Ignored;
use service_runtime::shutdown::Shutdown;

use super::App;
use crate::error::{AppError, StoreError};
use crate::store::Scope;
use crate::store::api_readings::{ASKED, DueReading, FailedReading, NextCheck};

use verdict::{Trouble, Unread, compared_through, not_found, trouble, unreadable_answer};

/// 1NCE corrects its last days (FACTS §7).
const READ_AGAIN_DAYS: u64 = 3;
/// 1NCE keeps usage for six months (FACTS §7).
const KEPT_DAYS: u64 = 184;
/// Less than the two minutes for which a reading is taken.
const LONGEST_READING: Duration = Duration::from_secs(110);
/// When nothing was due.
const IDLE: Duration = Duration::from_secs(5);
/// After the first failure of a SIM; doubles.
const FIRST_WAIT: f64 = 60.0;
const LONGEST_WAIT: f64 = 6.0 * 3600.0;
/// After an answer without any day: as often as SIMs are read that no stream feeds.
const EMPTY_WAIT: f64 = 86_400.0;
/// 1NCE says of the SIM itself that it does not know it, or that it is expired.
const UNKNOWN_WAIT: f64 = 7.0 * 86_400.0;
/// How often the numbers for the metrics are counted.
const COUNT: Duration = Duration::from_secs(60);

impl App {
    /// Makes one SIM's reading due now, or every SIM's in scope; answers how many.
    ///
    /// # Errors
    /// When the scope holds no such SIM, or the database's.
    pub async fn start_readings(
        &self,
        scope: Scope,
        iccid: Option<Iccid>,
        from: Option<NaiveDate>,
    ) -> Result<u64, AppError> {
        let queued = match iccid {
            Some(iccid) if self.store.ask_reading(scope, iccid, from).await? => 1,
            Some(_) => return Err(AppError::UnknownSim),
            None => self.store.ask_all_readings(scope, from).await?,
        };
        self.readings.wake();
        Ok(queued)
    }

    /// Reads what is due until the end, `readings_in_flight` SIMs at a time.
    pub fn run_readings(&self, shutdown: &Shutdown) {
        for _ in 0..self.config.readings_in_flight {
            let (app, end) = (self.clone(), shutdown.clone());
            shutdown.spawn(async move { app.read_due(&end).await });
        }
        let (app, end) = (self.clone(), shutdown.clone());
        shutdown.spawn(async move { app.compare_generations(&end).await });
        let (app, end) = (self.clone(), shutdown.clone());
        shutdown.spawn(async move { app.count_readings(&end).await });
    }

    async fn read_due(&self, end: &Shutdown) {
        while !end.has_started() {
            let wait = match self.read_next(end).await {
                Ok(None) => continue,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::warn!(%error, "the readings by API wait for the database");
                    IDLE
                }
            };
            let woken = async {
                tokio::select! {
                    () = self.readings.wake.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            };
            end.or(woken).await;
        }
    }

    /// Reads the most urgent SIM; answers how long to wait before the next one, if at all.
    async fn read_next(&self, end: &Shutdown) -> Result<Option<Duration>, StoreError> {
        let Some(due) = self.store.take_reading().await? else {
            return Ok(Some(IDLE));
        };
        // Asked before 1NCE is: a failure of the database costs no answer that was paid with a call.
        let next = NextCheck {
            stream_flows: self.usage_stream_flows().await?,
            check_days: self.config.check_days,
        };
        let today = Utc::now().date_naive();
        let from = self.first_day(&due, today);
        let lane = if due.priority == ASKED {
            Lane::Interactive
        } else {
            Lane::Background
        };
        let reading = async {
            let told = self.client.usage(lane, due.iccid, from, today).await;
            let not_found = matches!(told, Err(ClientError::NotFound { .. }));
            // A path that is gone says the same of every SIM: only the SIM itself can be unknown.
            let known = match not_found {
                true => Some(
                    self.client
                        .get_sim(lane, due.iccid)
                        .await
                        .map(|sim| sim.is_some()),
                ),
                false => None,
            };
            (told, known)
        };
        let (told, known) = match end.or(tokio::time::timeout(LONGEST_READING, reading)).await {
            Some(Ok(answers)) => answers,
            // Silence, or a budget that gave nothing for so long: no other SIM would fare better.
            Some(Err(_)) => {
                let seconds = LONGEST_READING.as_secs();
                let reason =
                    format!("no answer of 1NCE, or no room in the request budget, for {seconds} seconds");
                let pause = self.readings.failing(&reason);
                return self.pause("postponed", &due, &reason, pause).await;
            }
            // The end: somebody else need not wait for it.
            None => {
                self.store.postpone_reading(due.iccid, 0.0).await?;
                return Ok(None);
            }
        };
        match told {
            Ok(usage) => self.store_told(&due, &usage, (from, today), next).await,
            Err(error) => self.put_back(&due, &error, known).await,
        }
    }

    /// Stores what an answer tells. One that leaves something untold is a failed reading: the days that it tells are
    /// kept, the rest is kept as it came, and none counts as compared.
    async fn store_told(
        &self,
        due: &DueReading,
        usage: &Usage,
        (from, today): (NaiveDate, NaiveDate),
        next: NextCheck,
    ) -> Result<Option<Duration>, StoreError> {
        self.readings.going();
        let Unread { reason, rejects } = match compared_through(usage, from, today) {
            Ok(through) => {
                self.store.store_reading(due, &usage.days, through, next).await?;
                self.count_reading("read");
                if usage.days.iter().any(|day| day.data.total.bytes() > 0) {
                    self.readings.used.notify_one();
                }
                return Ok(None);
            }
            Err(unread) => unread,
        };
        let wait = if usage.days.is_empty() && rejects.is_empty() {
            EMPTY_WAIT
        } else {
            wait_after(due.attempts)
        };
        self.fail(due, "unreadable", &reason, wait, usage, &rejects)
            .await?;
        Ok(None)
    }

    /// A SIM's own reading failed.
    async fn fail(
        &self,
        due: &DueReading,
        outcome: &'static str,
        reason: &str,
        wait: f64,
        told: &Usage,
        rejects: &[RejectedRecord],
    ) -> Result<(), StoreError> {
        tracing::warn!(error = reason, iccid = %due.iccid, outcome, "usage was not read by API");
        self.count_reading(outcome);
        let failed = FailedReading {
            days: &told.days,
            rejects,
            reason,
            wait,
        };
        self.store.store_failed_reading(due, failed).await
    }

    /// The day after the last one that was compared, and the days before it that 1NCE may have corrected; a new SIM's
    /// history as far as is configured; never more than 1NCE keeps.
    fn first_day(&self, due: &DueReading, today: NaiveDate) -> NaiveDate {
        let next = due.checked_through.map_or_else(
            || today - Days::new(self.config.history_days.unsigned_abs()),
            |day| day - Days::new(READ_AGAIN_DAYS - 1),
        );
        let wanted = due.from_day.map_or(next, |day| day.min(next));
        wanted.max(today - Days::new(KEPT_DAYS)).min(today)
    }

    /// Puts the reading back; answers how long to leave 1NCE alone when the trouble is not the SIM's. `known`: whether 1NCE
    /// knows the SIM that it told nothing of.
    async fn put_back(
        &self,
        due: &DueReading,
        error: &ClientError,
        known: Option<Result<bool, ClientError>>,
    ) -> Result<Option<Duration>, StoreError> {
        let (mut whose, reason) = match known {
            Some(known) => not_found(&known),
            None => (trouble(error), error.to_string()),
        };
        if whose == Trouble::Server {
            whose = if self.readings.fails_for_all() {
                Trouble::Account
            } else {
                Trouble::Sim
            };
        }
        let (outcome, wait) = match whose {
            Trouble::Unavailable => {
                return self
                    .pause("unavailable", due, &reason, self.readings.unavailable(&reason))
                    .await;
            }
            Trouble::Account | Trouble::Server => {
                if let Some(reject) = unreadable_answer(error) {
                    self.store.keep_unread(due.iccid, &[reject]).await?;
                }
                return self
                    .pause("postponed", due, &reason, self.readings.failing(&reason))
                    .await;
            }
            Trouble::NotFound | Trouble::Expired => ("unknown", UNKNOWN_WAIT),
            Trouble::Sim => ("failed", wait_after(due.attempts)),
        };
        let rejects: Vec<RejectedRecord> = unreadable_answer(error).into_iter().collect();
        self.fail(due, outcome, &reason, wait, &Usage::default(), &rejects)
            .await?;
        Ok(None)
    }

    /// No SIM is the reason: this one keeps its attempts and its turn, and all wait.
    async fn pause(
        &self,
        outcome: &'static str,
        due: &DueReading,
        reason: &str,
        pause: Duration,
    ) -> Result<Option<Duration>, StoreError> {
        tracing::warn!(
            error = reason,
            outcome,
            ?pause,
            "the readings of usage by API pause"
        );
        self.count_reading(outcome);
        self.store
            .postpone_reading(due.iccid, pause.as_secs_f64())
            .await?;
        Ok(Some(pause))
    }

    fn count_reading(&self, outcome: &'static str) {
        self.metrics
            .counter("simward_usage_readings_total", &[("outcome", outcome)])
            .increment(1);
    }

    async fn count_readings(&self, end: &Shutdown) {
        let due = self.metrics.gauge("simward_usage_readings_due", &[]);
        let differ = self.metrics.gauge("simward_usage_days_that_differ", &[]);
        let paused = self.metrics.gauge("simward_usage_readings_paused", &[]);
        while end.sleep(COUNT).await {
            paused.set(if self.readings.pause().is_some() { 1.0 } else { 0.0 });
            match self.store.reading_numbers().await {
                Ok((waiting, days)) => {
                    due.set(waiting as f64);
                    differ.set(days as f64);
                }
                Err(error) => Err::<(), _>(error).ignored("counting the readings by API"),
            }
            match self.store.newest_shadow_reading().await {
                Ok(newest) => self.show_shadow_reading(newest.map(|shadow| shadow.outcome)),
                Err(error) => Err::<(), _>(error).ignored("looking for the newest reading through v2"),
            }
        }
    }

    /// One gauge an outcome: 1 for that of the newest comparison.
    fn show_shadow_reading(&self, newest: Option<ShadowOutcome>) {
        for outcome in ShadowOutcome::ALL {
            let gauge = self
                .metrics
                .gauge("simward_usage_shadow_reading", &[("outcome", outcome.word())]);
            gauge.set(if newest == Some(outcome) { 1.0 } else { 0.0 });
        }
    }
}

/// Doubles with each failure of a SIM, spread so that SIMs that failed together do not come together again.
fn wait_after(attempts: i32) -> f64 {
    let doubled = FIRST_WAIT * 2f64.powi(attempts.clamp(0, 20));
    let spread = 0.75 + rand::random::<f64>() / 2.0;
    doubled.min(LONGEST_WAIT) * spread
}
