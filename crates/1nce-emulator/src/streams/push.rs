//! One stream at work: fill, cut, post, wait for 200, go on.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::time::{Instant, sleep};

use super::mixer::{Batch, Mixer};
use super::source::Source;
use super::types::{StreamConfig, StreamState};
use super::{Shared, Status};
use crate::world::World;

const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// SIMs that make the pause between two looks at the clock a millisecond longer.
const SIMS_PER_MS: usize = 100;

/// A stream and where it is.
pub struct Push {
    world: Data<World>,
    shared: Arc<Shared>,
    config: StreamConfig,
    account: usize,
    client: reqwest::Client,
    source: Source,
    mixer: Mixer,
    /// When the rate allows the next batch.
    next_post: Instant,
}

impl Push {
    /// `source` says where the stream begins.
    pub fn new(
        world: Data<World>,
        shared: Arc<Shared>,
        account: usize,
        source: Source,
    ) -> Result<Self, reqwest::Error> {
        let config = shared.config.clone();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_millis(config.timeout_ms))
            .build()?;
        Ok(Self {
            mixer: Mixer::new(config.clone(), world.seed ^ shared.id),
            world,
            shared,
            config,
            account,
            client,
            source,
            next_post: Instant::now(),
        })
    }

    /// Never ends by itself; the runtime or a deletion drops it.
    pub async fn run(mut self) {
        loop {
            self.until_running().await;
            match self.next_batch().await {
                Some(batch) => self.deliver(batch).await,
                None => self.pause(self.poll()).await,
            }
        }
    }

    /// Time between two looks at the clock when nothing is due.
    fn poll(&self) -> Duration {
        let sims = self.shared.status().sims;
        Duration::from_millis(self.config.linger_ms.clamp(20, 1000) + (sims / SIMS_PER_MS) as u64)
    }

    /// Sleeps, unless someone changes the stream or the clock.
    async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = sleep(duration) => {}
            () = self.shared.wake.notified() => {}
        }
    }

    async fn until_running(&mut self) {
        while self.shared.status().state != StreamState::Running {
            self.shared.wake.notified().await;
        }
        if let Some(at) = self.shared.status().restarted_at.take() {
            self.source.jump(at);
            self.mixer.clear();
        }
    }

    /// Fills up to a whole batch, or what there is after the linger time.
    async fn next_batch(&mut self) -> Option<Batch> {
        let mut lingered = self.config.linger_ms == 0;
        loop {
            while !self.mixer.full() {
                if !self.source.step(&self.world, &mut self.mixer.ready) {
                    break;
                }
                self.report(None);
                tokio::task::yield_now().await;
            }
            self.report(None);
            if self.mixer.full() || self.mixer.empty() || lingered {
                break;
            }
            self.pause(Duration::from_millis(self.config.linger_ms)).await;
            lingered = true;
        }
        let flush = !self.mixer.full();
        let (domain, now) = self.world.settled();
        let account = &domain.accounts[self.account];
        self.shared.status().sims = account.fleet.len();
        self.mixer.next(account, now, flush)
    }

    /// Says how far everything is acknowledged.
    fn report(&self, under_way: Option<&Batch>) {
        let waiting = under_way.and_then(|batch| batch.oldest).into_iter();
        let oldest = waiting.chain(self.mixer.oldest()).min();
        let mut status = self.shared.status();
        let walked = self.source.walked();
        status.position = oldest.map_or(walked, |at| walked.min(at - 1));
        status.idle = under_way.is_none() && self.mixer.empty();
    }

    /// Posts the same bytes until they are acknowledged or a restart gives them up.
    async fn deliver(&mut self, batch: Batch) {
        self.report(Some(&batch));
        let mut posted = false;
        let mut in_a_row: u32 = 0;
        loop {
            while self.shared.status().state != StreamState::Running {
                self.shared.wake.notified().await;
            }
            if self.shared.status().restarted_at.is_some() {
                return;
            }
            if self.config.rate > 0 {
                tokio::time::sleep_until(self.next_post).await;
                let length = batch.len() as f64 / f64::from(self.config.rate);
                self.next_post = Instant::now() + Duration::from_secs_f64(length);
            }
            if !std::mem::replace(&mut posted, true) {
                self.shared.status().truth.sent += batch.fresh;
            }
            match self.post(&batch).await {
                Ok(()) => break,
                Err(()) => in_a_row += 1,
            }
            if self.config.max_failures > 0 && in_a_row >= self.config.max_failures {
                self.shared.fail();
                in_a_row = 0;
            } else {
                let doubled = self.config.retry_ms.saturating_mul(1 << (in_a_row - 1).min(16));
                self.pause(Duration::from_millis(doubled).min(LONGEST_PAUSE))
                    .await;
            }
            while self.shared.status().state != StreamState::Running {
                self.shared.wake.notified().await;
            }
            if self.shared.status().restarted_at.is_some() {
                return;
            }
        }
        self.mixer.acknowledged(&batch);
        self.shared.status().count(&batch);
        self.report(None);
    }

    /// Only 200 is an acknowledgement.
    async fn post(&self, batch: &Batch) -> Result<(), ()> {
        let mut request = self
            .client
            .post(&self.config.url)
            .header(CONTENT_TYPE, "application/json")
            .body(batch.body.clone());
        if let Some(user) = &self.config.user {
            request = request.basic_auth(user, self.config.password.as_ref());
        }
        if self.config.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let outcome = request.send().await;
        let mut status = self.shared.status();
        let truth = &mut status.truth;
        truth.last_status = outcome.as_ref().ok().map(|answer| answer.status().as_u16());
        let why = match outcome {
            Ok(answer) if answer.status().as_u16() == 200 => return Ok(()),
            Ok(answer) => format!("answered with {}", answer.status()),
            Err(error) => reason(&error),
        };
        truth.failures += 1;
        truth.last_error = Some(why);
        Err(())
    }
}

/// An error with its causes.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Status {
    /// An acknowledged batch.
    fn count(&mut self, batch: &Batch) {
        self.truth.acked += batch.fresh;
        self.truth.batches += 1;
        self.truth.duplicates_sent += batch.repeated;
        self.truth.garbage_sent += batch.garbage;
    }
}
