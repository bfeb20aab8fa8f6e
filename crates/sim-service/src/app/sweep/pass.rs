//! One pass over the list.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::ProviderSim;
use futures_util::{FutureExt, StreamExt};
use once_client::{ClientError, Lane, SimPage};
use service_runtime::lease::Lease;

use super::{SweepError, Sweeper};
use crate::app::announce::Announcements;
use crate::store::{Reading, Store, SyncRun};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A page and when its request began, by the database's clock.
struct Fetched {
    number: i32,
    requested_at: DateTime<Utc>,
    page: SimPage,
}

impl Fetched {
    /// The list ends here: the page is short, or 1NCE counts no further one.
    fn is_last(&self, page_size: u32) -> bool {
        let records = self.page.sims.len() + self.page.rejects.len();
        let counted = self.page.total_pages.and_then(|pages| i32::try_from(pages).ok());
        records < page_size as usize || counted.is_some_and(|pages| pages <= self.number)
    }
}

impl Sweeper {
    /// Reads from the checkpoint to the end of the list; pages are asked for ahead and stored in order.
    pub(super) async fn read_pass(&self, lease: &Lease, run: &mut SyncRun) -> Result<(), SweepError> {
        let settings = &self.app.sweep;
        let ahead = i32::try_from(settings.pages_in_flight).unwrap_or(i32::MAX);
        loop {
            let first = run.next_page;
            let last = match run.pages_total {
                Some(pages) if pages >= first => pages,
                _ if first == 1 => 1,
                _ => first.saturating_add(ahead - 1),
            };
            let mut pages = futures_util::stream::iter(first..=last)
                .map(|number| self.fetch(number).boxed())
                .buffered(settings.pages_in_flight);
            while let Some(fetched) = pages.next().await {
                let fetched = fetched?;
                let is_last = fetched.is_last(settings.page_size);
                self.store_page(lease, run, fetched).await?;
                if is_last {
                    return Ok(());
                }
            }
        }
    }

    /// Asks until 1NCE gives the page, or for as long as the configuration allows.
    async fn fetch(&self, number: i32) -> Result<Fetched, SweepError> {
        let settings = &self.app.sweep;
        let began = Instant::now();
        let limit = Duration::from_secs(settings.give_up_after_seconds);
        let mut pause = FIRST_PAUSE;
        loop {
            let requested_at = self.app.store.now().await?;
            let page = u32::try_from(number).unwrap_or(1);
            let error = match self
                .client
                .list_sims(Lane::Background, page, settings.page_size)
                .await
            {
                Ok(page) => {
                    return Ok(Fetched {
                        number,
                        requested_at,
                        page,
                    });
                }
                Err(error) => error,
            };
            if is_hopeless(&error) || began.elapsed() > limit {
                return Err(SweepError::Failed(format!("page {number}: {error}")));
            }
            tracing::warn!(%error, number, "a page did not come, asking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Stores a page, its events and the checkpoint behind it, or nothing of them.
    async fn store_page(&self, lease: &Lease, run: &mut SyncRun, fetched: Fetched) -> Result<(), SweepError> {
        let Fetched {
            number,
            requested_at,
            page,
        } = fetched;
        let mut next = run.clone();
        let iccids: Vec<i64> = page
            .sims
            .iter()
            .map(|sim: &ProviderSim| sim.iccid.as_i64())
            .collect();
        let rejects: Vec<(String, String)> = page
            .rejects
            .into_iter()
            .map(|reject| (reject.raw, reject.reason))
            .collect();
        let mut transaction = self.app.store.db().pool().begin().await?;
        lease.check(&mut transaction).await?;
        Store::note_page(&mut transaction, run.id, run.pass, number, &iccids, &rejects).await?;
        let reading = Reading {
            account: self.client.account(),
            requested_at,
            sims: page.sims,
        };
        let stored = Store::store_reading(&mut transaction, reading).await?;
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
        next.records_rejected += i64::try_from(rejects.len()).unwrap_or(0);
        next.pages_total = page.total_pages.and_then(|pages| i32::try_from(pages).ok());
        let total = page.total.and_then(|total| i64::try_from(total).ok());
        next.pass_total = next.pass_total.or(total);
        next.total_moved |= total != next.pass_total;
        Store::save_run(&mut transaction, &next).await?;
        announcements.batch.write(&mut transaction).await?;
        transaction.commit().await?;
        *run = next;
        self.metrics.pages.increment(1);
        self.metrics.changed.increment(stored.len() as u64);
        if !announcements.batch.is_empty() {
            self.app.outbox.poke();
        }
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
