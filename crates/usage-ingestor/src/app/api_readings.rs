//! Daily usage from 1NCE's API: history of new SIMs, gaps of the stream, and the regular check of closed days.
//!
//! One call reads one SIM, and 1NCE allows ten a second for everything. So nothing walks the fleet on a timer: each SIM's
//! next reading waits in `sync_state` by priority and date, and the budget's background lane sets the pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use domain::Iccid;
use once_client::{ClientError, Lane};
use service_runtime::ignored::Ignored;
use service_runtime::shutdown::Shutdown;
use tokio::sync::Notify;

use super::App;
use crate::error::{AppError, StoreError};
use crate::store::Scope;
use crate::store::api_readings::{ASKED, DueReading, NextCheck};

/// 1NCE corrects its last days (FACTS §7).
const READ_AGAIN_DAYS: u64 = 3;
/// 1NCE keeps usage for six months (FACTS §7).
const KEPT_DAYS: u64 = 184;
/// Less than the two minutes for which a reading is taken.
const LONGEST_READING: Duration = Duration::from_secs(110);
/// While the account, not the SIM, is the trouble.
const ACCOUNT_WAIT: Duration = Duration::from_secs(10);
/// When nothing was due.
const IDLE: Duration = Duration::from_secs(5);
/// After the first failure of a SIM; doubles.
const FIRST_WAIT: f64 = 60.0;
const LONGEST_WAIT: f64 = 6.0 * 3600.0;
/// 1NCE does not know the SIM, or it is expired.
const UNKNOWN_WAIT: f64 = 7.0 * 86_400.0;
/// Until the API is asked again whether it offers usage.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(3600);
/// How often the numbers for the metrics are counted.
const COUNT: Duration = Duration::from_secs(60);

/// What the readings of one process share.
#[derive(Clone)]
pub struct Readings {
    wake: Arc<Notify>,
    available: Arc<AtomicBool>,
}

impl Default for Readings {
    fn default() -> Self {
        Self {
            wake: Arc::default(),
            available: Arc::new(AtomicBool::new(true)),
        }
    }
}

impl Readings {
    /// Whether 1NCE offers usage by API, as far as is known.
    pub fn available(&self) -> bool {
        self.available.load(Ordering::Relaxed)
    }
}

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
        self.readings.wake.notify_waiters();
        Ok(queued)
    }

    /// Reads what is due until the end, `readings_in_flight` SIMs at a time.
    pub fn run_readings(&self, shutdown: &Shutdown) {
        for _ in 0..self.config.readings_in_flight {
            let (app, end) = (self.clone(), shutdown.clone());
            shutdown.spawn(async move { app.read_due(&end).await });
        }
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
        let reading = self.client.usage(lane, due.iccid, from, today);
        let told = match end.or(tokio::time::timeout(LONGEST_READING, reading)).await {
            Some(Ok(told)) => told,
            // The end, or a budget that gave nothing for so long: somebody else need not wait for it.
            None | Some(Err(_)) => {
                self.store.postpone_reading(due.iccid, 0.0, None).await?;
                return Ok(None);
            }
        };
        match told {
            Ok(usage) => {
                self.readings.available.store(true, Ordering::Relaxed);
                let yesterday = today - Days::new(1);
                self.store
                    .store_reading(&due, &usage.days, yesterday, next)
                    .await?;
                self.count_reading("read");
                Ok(None)
            }
            Err(error) => self.put_back(&due, &error).await,
        }
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

    /// Puts the reading back; answers how long to leave 1NCE alone when the trouble is not the SIM's.
    async fn put_back(&self, due: &DueReading, error: &ClientError) -> Result<Option<Duration>, StoreError> {
        let mut pause = None;
        let (outcome, wait, failed) = match error {
            ClientError::CapabilityUnavailable { .. } => {
                self.readings.available.store(false, Ordering::Relaxed);
                pause = Some(UNAVAILABLE_WAIT);
                ("unavailable", UNAVAILABLE_WAIT.as_secs_f64(), false)
            }
            ClientError::NotFound { .. } | ClientError::Expired { .. } => ("unknown", UNKNOWN_WAIT, true),
            error if is_the_accounts(error) => {
                pause = Some(ACCOUNT_WAIT);
                ("postponed", ACCOUNT_WAIT.as_secs_f64(), false)
            }
            _ => {
                let doubled = FIRST_WAIT * 2f64.powi(due.attempts.clamp(0, 20));
                let spread = 0.75 + rand::random::<f64>() / 2.0;
                ("failed", doubled.min(LONGEST_WAIT) * spread, true)
            }
        };
        tracing::warn!(%error, iccid = %due.iccid, outcome, "usage was not read by API");
        self.count_reading(outcome);
        let text = error.to_string();
        self.store
            .postpone_reading(due.iccid, wait, failed.then_some(text.as_str()))
            .await?;
        Ok(pause)
    }

    fn count_reading(&self, outcome: &'static str) {
        self.metrics
            .counter("simward_usage_readings_total", &[("outcome", outcome)])
            .increment(1);
    }

    async fn count_readings(&self, end: &Shutdown) {
        let due = self.metrics.gauge("simward_usage_readings_due", &[]);
        let differ = self.metrics.gauge("simward_usage_days_that_differ", &[]);
        while end.sleep(COUNT).await {
            match self.store.reading_numbers().await {
                Ok((waiting, days)) => {
                    due.set(waiting as f64);
                    differ.set(days as f64);
                }
                Err(error) => Err::<(), _>(error).ignored("counting the readings by API"),
            }
        }
    }
}

/// Whether every other SIM would have met the same: bad credentials, no budget, 1NCE away.
fn is_the_accounts(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Login(_)
            | ClientError::Unauthorized { .. }
            | ClientError::Throttled { .. }
            | ClientError::BudgetTimeout { .. }
            | ClientError::CircuitOpen { .. }
            | ClientError::CapabilityUnknown { .. }
            | ClientError::Transport { .. }
    )
}
