//! One pass over the list.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryFutureExt};
use once_client::{ClientError, Lane, SimPage};
use service_runtime::lease::Lease;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::{SweepError, Sweeper};
use crate::app::announce::Announcements;
use crate::error::StoreError;
use crate::store::{Reading, Rejects, Store, SyncRun};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A page and when its request began, by the database's clock.
struct Fetched {
    number: i32,
    requested_at: DateTime<Utc>,
    page: SimPage,
}

impl Fetched {
    fn counted(&self) -> Option<i32> {
        self.page.total_pages.and_then(|pages| i32::try_from(pages).ok())
    }

    /// The list ends here. While 1NCE counts pages its count is believed, otherwise a short page is the end.
    fn is_last(&self, page_size: u32) -> bool {
        let records = self.page.sims.len() + self.page.rejects.len();
        match self.counted() {
            Some(pages) => records == 0 || pages <= self.number,
            None => records < page_size as usize,
        }
    }

    fn iccids(&self) -> Vec<i64> {
        self.page.sims.iter().map(|sim| sim.iccid.as_i64()).collect()
    }
}

impl Sweeper {
    /// Reads from the checkpoint to the end of the list; pages are asked for ahead and stored in order.
    pub(super) async fn read_pass(&self, lease: &Lease, run: &mut SyncRun) -> Result<(), SweepError> {
        let settings = &self.app.sweep;
        let mut previous = Vec::new();
        loop {
            if run.next_page > 1 && run.pages_total.is_some_and(|pages| pages < run.next_page) {
                return Ok(());
            }
            let mut pages = futures_util::stream::iter(self.pages_ahead(run))
                .map(|number| self.fetch_aside(number))
                .buffered(settings.pages_in_flight);
            while let Some(fetched) = pages.next().await {
                let fetched = fetched?;
                let iccids = fetched.iccids();
                // Without a count, a server that repeats its last page for ever would never end the list.
                let is_repeated = fetched.counted().is_none() && !iccids.is_empty() && iccids == previous;
                let is_last = is_repeated || fetched.is_last(settings.page_size);
                if !is_repeated {
                    self.store_page(lease, run, fetched).await?;
                }
                if is_last {
                    return Ok(());
                }
                previous = iccids;
            }
        }
    }

    /// The pages to ask for: to the counted end, or a few ahead; the very first page tells the count.
    fn pages_ahead(&self, run: &SyncRun) -> std::ops::RangeInclusive<i32> {
        let first = run.next_page;
        let ahead = i32::try_from(self.app.sweep.pages_in_flight).unwrap_or(i32::MAX);
        let last = match run.pages_total {
            Some(pages) => pages.max(first),
            None if first == 1 => 1,
            None => first.saturating_add(ahead - 1),
        };
        first..=last
    }

    /// Asks for a page in a task of its own, so that a granted call is sent and its answer timed while another page is
    /// being stored. The task ends with what this returns.
    fn fetch_aside(&self, number: i32) -> impl Future<Output = Result<Fetched, SweepError>> + use<> {
        let sweeper = self.clone();
        let task = async move { sweeper.fetch(number).await };
        AbortOnDropHandle::new(tokio::spawn(task.in_current_span()))
            .unwrap_or_else(move |error| Err(SweepError::Failed(format!("page {number}: {error}"))))
    }

    async fn fetch(&self, number: i32) -> Result<Fetched, SweepError> {
        let page_size = self.app.sweep.page_size;
        let page = u32::try_from(number).unwrap_or(1);
        let ask = move || {
            async move {
                let requested_at = self.app.store.now().await?;
                let answer = self.client.list_sims(Lane::Background, page, page_size).await;
                Ok(answer.map(|page| Fetched {
                    number,
                    requested_at,
                    page,
                }))
            }
            .boxed()
        };
        self.patiently(format!("page {number}"), ask).await
    }

    /// Asks until 1NCE answers, or for as long as the configuration allows.
    pub(super) async fn patiently<'a, T>(
        &'a self,
        what: String,
        ask: impl Fn() -> BoxFuture<'a, Result<Result<T, ClientError>, StoreError>> + Send,
    ) -> Result<T, SweepError> {
        let began = Instant::now();
        let limit = Duration::from_secs(self.app.sweep.give_up_after_seconds);
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match ask().await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if is_hopeless(&error) || began.elapsed() > limit {
                return Err(SweepError::Failed(format!("{what}: {error}")));
            }
            tracing::warn!(%error, what, "1NCE did not answer, asking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Stores a page, its events and the checkpoint behind it, or nothing of them.
    async fn store_page(&self, lease: &Lease, run: &mut SyncRun, fetched: Fetched) -> Result<(), SweepError> {
        let iccids = fetched.iccids();
        let pages_total = fetched.counted();
        let Fetched {
            number,
            requested_at,
            page,
        } = fetched;
        let mut next = run.clone();
        let mut rejects = Rejects::default();
        for reject in page.rejects {
            rejects.raws.push(reject.raw);
            rejects.reasons.push(reject.reason);
        }
        let mut change = self.app.outbox.begin_under(lease).await?;
        Store::note_page(&mut change, run, number, &iccids, &rejects).await?;
        let reading = Reading {
            account: self.client.account(),
            requested_at,
            sims: page.sims,
        };
        let stored = Store::store_reading(&mut change, reading).await?;
        let mut announcements = Announcements::new(&self.app.subjects);
        for reading in &stored {
            announcements.reading(reading, "1nce");
            let old = reading.old.as_ref().filter(|old| old.missing_since.is_none());
            *(if old.is_some() {
                &mut next.sims_changed
            } else {
                &mut next.sims_discovered
            }) += 1;
        }
        next.next_page = number + 1;
        next.sims_seen += i64::try_from(iccids.len()).unwrap_or(0);
        next.records_rejected += i64::try_from(rejects.raws.len()).unwrap_or(0);
        next.pages_total = pages_total;
        let total = page.total.and_then(|total| i64::try_from(total).ok());
        next.pass_total = next.pass_total.or(total);
        next.total_moved |= total != next.pass_total;
        Store::save_run(&mut change, &next).await?;
        change.events = announcements.batch;
        change.commit().await?;
        *run = next;
        self.metrics.pages.increment(1);
        self.metrics.changed.increment(stored.len() as u64);
        self.metrics.rejected.increment(rejects.raws.len() as u64);
        Ok(())
    }

    /// Starts the list again, to confirm what the passes before have shown.
    pub(super) async fn begin_pass(&self, lease: &Lease, run: &mut SyncRun) -> Result<(), SweepError> {
        let mut next = run.clone();
        next.pass += 1;
        next.next_page = 1;
        next.pages_total = None;
        next.pass_total = None;
        next.total_moved = false;
        next.sims_seen = 0;
        next.pass_started_at = Some(self.app.store.now().await?);
        let mut transaction = self.app.store.db().pool().begin().await?;
        lease.check(&mut transaction).await?;
        Store::save_run(&mut transaction, &next).await?;
        transaction.commit().await?;
        *run = next;
        Ok(())
    }
}

/// Asking again cannot help until a person changes something.
fn is_hopeless(error: &ClientError) -> bool {
    match error {
        ClientError::Login(failure) => failure.refused,
        ClientError::Rejected { .. }
        | ClientError::Unauthorized { .. }
        | ClientError::Config(_)
        | ClientError::Invalid(_)
        | ClientError::CapabilityUnavailable { .. } => true,
        _ => false,
    }
}
