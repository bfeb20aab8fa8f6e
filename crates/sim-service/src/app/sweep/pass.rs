//! One pass over the list.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryFutureExt};
use once_client::{ClientError, Generation, Lane, SimPage};
use service_runtime::ignored::Ignored;
use service_runtime::lease::Lease;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use uuid::Uuid;

use super::{SweepError, Sweeper};
use crate::app::announce::Announcements;
use crate::app::list_generation::from_word;
use crate::error::StoreError;
use crate::store::{Reading, Rejects, Store, SyncRun};
use crate::trouble::Trouble;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A page that takes longer is told.
const QUIET: Duration = Duration::from_secs(60);

/// A page and when its request began, by the database's clock.
struct Fetched {
    number: i32,
    requested_at: DateTime<Utc>,
    page: SimPage,
}

impl Fetched {
    fn records(&self) -> u64 {
        (self.page.sims.len() + self.page.rejects.len()) as u64
    }

    fn is_full(&self) -> bool {
        self.records() >= u64::from(self.page.page_size)
    }

    /// The pages that 1NCE counts; unknown where a full page shows that the count may be too small.
    fn counted(&self) -> Option<i32> {
        let pages = self
            .page
            .total_pages
            .and_then(|pages| i32::try_from(pages).ok())?;
        (!self.is_full() || pages > self.number).then_some(pages)
    }

    /// The SIMs that 1NCE counts; unknown where the pages up to this one hold more.
    fn total(&self) -> Option<i64> {
        let before = u64::from(self.page.page_size) * u64::from(self.number.unsigned_abs().saturating_sub(1));
        let total = self.page.total.filter(|total| *total >= before + self.records());
        total.and_then(|total| i64::try_from(total).ok())
    }

    /// The list ends here. While 1NCE counts pages its count is believed, otherwise a short page is the end.
    fn is_last(&self) -> bool {
        match self.counted() {
            Some(pages) => self.records() == 0 || pages <= self.number,
            None => !self.is_full(),
        }
    }

    fn iccids(&self) -> Vec<i64> {
        self.page.sims.iter().map(|sim| sim.iccid.as_i64()).collect()
    }
}

impl Sweeper {
    /// Reads from the checkpoint to the end of the list; pages are asked for ahead and stored in order.
    pub(super) async fn read_pass(&self, lease: &Lease, run: &mut SyncRun) -> Result<(), SweepError> {
        let in_flight = self.app.sweep.pages_in_flight;
        let mut previous = Vec::new();
        self.bind(lease, run).await?;
        let generation = read_generation(run)?;
        loop {
            if run.next_page > 1 && run.pages_total.is_some_and(|pages| pages < run.next_page) {
                return Ok(());
            }
            let id = run.id;
            let mut pages = futures_util::stream::iter(self.pages_ahead(run))
                .map(|number| self.fetch_aside(id, generation, number))
                .buffered(in_flight);
            while let Some(fetched) = pages.next().await {
                let fetched = fetched?;
                let iccids = fetched.iccids();
                // Without a count, a server that repeats its last page for ever would never end the list.
                let is_repeated = fetched.counted().is_none() && !iccids.is_empty() && iccids == previous;
                let is_last = is_repeated || fetched.is_last();
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

    /// The pages to ask for: to the counted end, or a few ahead, no more than were read; the very first page tells the
    /// count.
    fn pages_ahead(&self, run: &SyncRun) -> std::ops::RangeInclusive<i32> {
        let first = run.next_page;
        let ahead = i32::try_from(self.app.sweep.pages_in_flight).unwrap_or(i32::MAX);
        let last = match run.pages_total {
            Some(pages) => pages.max(first),
            None => first.saturating_add(ahead.min((first - 1).max(1)) - 1),
        };
        first..=last
    }

    /// Binds the run to one generation, from its first page to its last.
    async fn bind(&self, lease: &Lease, run: &mut SyncRun) -> Result<(), SweepError> {
        if run.generation.is_some() {
            return Ok(());
        }
        let generation = self.app.list_generation(&self.client).await?.word();
        let mut transaction = self.app.store.db().pool().begin().await?;
        lease.check(&mut transaction).await?;
        Store::bind_run(&mut transaction, run, generation).await?;
        transaction.commit().await?;
        run.generation = Some(generation.to_owned());
        Ok(())
    }

    /// Asks for a page in a task of its own, so that a granted call is sent and its answer timed while another page is
    /// being stored. The task ends with what this returns.
    fn fetch_aside(
        &self,
        run: Uuid,
        generation: Generation,
        number: i32,
    ) -> impl Future<Output = Result<Fetched, SweepError>> + use<> {
        let sweeper = self.clone();
        let task = async move { sweeper.fetch(run, generation, number).await };
        AbortOnDropHandle::new(tokio::spawn(task.in_current_span()))
            .unwrap_or_else(move |error| Err(SweepError::Failed(format!("page {number}: {error}"))))
    }

    async fn fetch(&self, run: Uuid, generation: Generation, number: i32) -> Result<Fetched, SweepError> {
        let page_size = self.app.sweep.page_size;
        let page = u32::try_from(number).unwrap_or(1);
        let ask = move || {
            async move {
                let requested_at = self.app.store.now().await?;
                let list = self
                    .client
                    .list_sims_in(generation, Lane::Background, page, page_size);
                let answer = list.await;
                Ok(answer.map(|page| Fetched {
                    number,
                    requested_at,
                    page,
                }))
            }
            .boxed()
        };
        self.patiently(run, format!("page {number}"), ask).await
    }

    /// Asks until 1NCE answers, or for as long as the configuration allows: the run stays at its checkpoint and tells why.
    pub(super) async fn patiently<'a, T>(
        &'a self,
        run: Uuid,
        what: String,
        ask: impl Fn() -> BoxFuture<'a, Result<Result<T, ClientError>, StoreError>> + Send,
    ) -> Result<T, SweepError> {
        let began = Instant::now();
        let limit = Duration::from_secs(self.app.sweep.give_up_after_seconds);
        let refused_limit = Duration::from_secs(self.app.sweep.give_up_refused_after_seconds);
        let mut refused_since = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.watched(run, ask()).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if is_hopeless(&error) {
                refused_since.get_or_insert_with(Instant::now);
            } else {
                refused_since = None;
            }
            let is_refused = refused_since.is_some_and(|since: Instant| since.elapsed() >= refused_limit);
            if is_refused || began.elapsed() > limit {
                return Err(SweepError::Failed(format!("{what}: {error}")));
            }
            let reason = Trouble::from(&error).told();
            self.note_wait(run, &reason).await;
            tracing::warn!(%error, what, "1NCE did not answer, asking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A question that is waited for; people are told when that takes long.
    async fn watched<T>(&self, run: Uuid, asked: impl Future<Output = T> + Send) -> T {
        let mut asked = std::pin::pin!(asked);
        loop {
            tokio::select! {
                answer = &mut asked => return answer,
                () = tokio::time::sleep(QUIET) => self.note_wait(run, "1NCE gave no answer for a minute").await,
            }
        }
    }

    async fn note_wait(&self, run: Uuid, reason: &str) {
        self.metrics.waiting.set(1.0);
        let noted = self.app.store.note_wait(run, reason).await;
        noted.ignored("noting why the sweep waits");
    }

    /// Stores a page, its events and the checkpoint behind it, or nothing of them.
    async fn store_page(&self, lease: &Lease, run: &mut SyncRun, fetched: Fetched) -> Result<(), SweepError> {
        let iccids = fetched.iccids();
        let (pages_total, total) = (fetched.counted(), fetched.total());
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
        next.pass_total = next.pass_total.or(total);
        next.total_moved |= total != next.pass_total;
        Store::save_run(&mut change, &next).await?;
        change.events = announcements.batch;
        change.commit().await?;
        *run = next;
        self.metrics.waiting.set(0.0);
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

/// The generation that the run is bound to.
pub(super) fn read_generation(run: &SyncRun) -> Result<Generation, SweepError> {
    let generation = run.generation.as_deref().and_then(from_word);
    generation.ok_or_else(|| SweepError::Failed("the run is bound to no generation of the API".to_owned()))
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

#[cfg(test)]
mod tests {
    use domain::{Iccid, ProviderSim};

    use super::*;

    /// A page of ten of which so many records came, and what 1NCE counts beside it.
    fn fetched(number: i32, records: i64, total: Option<u64>) -> Fetched {
        let sim = |place| {
            ProviderSim::bare(
                Iccid::from_i64(8_988_999_000_000_000_000 + place).unwrap(),
                "Enabled",
            )
        };
        Fetched {
            number,
            requested_at: DateTime::UNIX_EPOCH,
            page: SimPage {
                generation: Generation::V2,
                sims: (0..records).map(sim).collect(),
                rejects: Vec::new(),
                total,
                total_pages: total.map(|total| u32::try_from(total.div_ceil(10)).unwrap()),
                page: number.unsigned_abs(),
                page_size: 10,
            },
        }
    }

    #[test]
    fn a_full_page_overrules_a_total_that_is_not_larger() {
        // Counted too small, not at all, or cut at a round number.
        for total in [Some(0), Some(3), Some(20), None] {
            assert!(!fetched(2, 10, total).is_last(), "{total:?}");
            assert_eq!(fetched(2, 10, total).counted(), None);
        }
        assert_eq!(fetched(2, 10, Some(3)).total(), None);
        assert_eq!(fetched(2, 10, Some(20)).total(), Some(20));
        assert!(!fetched(2, 10, Some(21)).is_last());
    }

    #[test]
    fn a_total_that_is_contradicted_is_no_total() {
        assert_eq!(fetched(1, 3, Some(0)).total(), None);
        assert!(fetched(1, 3, Some(0)).is_last());
        assert_eq!(fetched(1, 3, Some(3)).total(), Some(3));
    }

    #[test]
    fn a_short_page_ends_a_list_whose_count_says_so_and_an_empty_one_any() {
        assert!(fetched(3, 5, Some(25)).is_last());
        assert!(
            !fetched(2, 9, Some(25)).is_last(),
            "a page may come short in the middle"
        );
        assert!(fetched(2, 0, Some(1_000_000)).is_last());
        assert!(fetched(3, 9, None).is_last());
    }
}
