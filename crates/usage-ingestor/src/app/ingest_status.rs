//! How the streams stand.

use std::time::Duration;

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use domain::StreamState;
use messages::INGEST;
use once_client::{Capability, Offer};
use service_runtime::bus::BusError;

use super::App;
use super::receive::received_at;
use crate::error::AppError;
use crate::store::ingest_status::{OpenRow, ReadingsRow, StreamRow};
use crate::store::shadow_readings::ShadowReading;

/// The longest wait for what 1NCE offers, which is known in most cases.
const OFFER_LIMIT: Duration = Duration::from_secs(2);

/// Numbers of the whole platform.
#[derive(Debug, Clone, Default)]
pub struct IngestStatus {
    pub streams: Vec<StreamRow>,
    /// Batches that no transaction has merged.
    pub batches_waiting: u64,
    /// Age of the oldest of them, seconds.
    pub lag_seconds: f64,
    pub open: OpenRow,
    pub readings: ReadingsRow,
    /// The account is offered usage by API, as far as is known.
    pub api_available: bool,
    /// Why the readings do not go on: not offered, or a pause.
    pub why: Option<String>,
    /// Since when they do not, as far as this process has noticed.
    pub paused_since: Option<DateTime<Utc>>,
    /// The newest comparison of v2's usage with v1's.
    pub shadow: Option<ShadowReading>,
}

impl StreamRow {
    /// How the stream stands.
    pub fn state(&self) -> StreamState {
        match (self.silent_since, self.last_received_at) {
            (Some(_), _) => StreamState::Silent,
            (None, None) => StreamState::Never,
            (None, Some(_)) => StreamState::Flowing,
        }
    }
}

impl App {
    /// How the streams, the merge and the readings stand.
    ///
    /// # Errors
    /// The database's; JetStream's.
    pub async fn ingest_status(&self) -> Result<IngestStatus, AppError> {
        let (batches_waiting, lag_seconds) = self.backlog().await?;
        let offers = tokio::time::timeout(OFFER_LIMIT, self.client.capabilities()).await;
        let lacking = match offers.map(|offers| offers.offer(Capability::Usage)) {
            Ok(Offer::Unavailable(why)) => Some(why),
            Ok(_) => None,
            Err(_) => Some("1NCE has not told yet what it offers".to_owned()),
        };
        let pause = self.readings.pause();
        Ok(IngestStatus {
            streams: self.store.streams().await?,
            batches_waiting,
            lag_seconds,
            open: self.store.open_questions().await?,
            readings: self.store.readings().await?,
            api_available: !pause.as_ref().is_some_and(|pause| pause.unavailable) && lacking.is_none(),
            why: pause.as_ref().map(|pause| pause.why.clone()).or(lacking),
            paused_since: pause.map(|pause| pause.since),
            shadow: self.store.newest_shadow_reading().await?,
        })
    }

    /// Batches that wait, and the age of the oldest, seconds.
    ///
    /// The merge takes a batch out of the stream in the moment in which it is stored, so what lies there waits.
    async fn backlog(&self) -> Result<(u64, f64), AppError> {
        let stream = self.ingest_stream().await?;
        let state = &stream.cached_info().state;
        if state.messages == 0 {
            return Ok((0, 0.0));
        }
        let age = match stream.get_raw_message(state.first_sequence).await {
            Ok(oldest) => received_at(&oldest.headers)
                .or_else(|| DateTime::from_timestamp(oldest.time.unix_timestamp(), 0))
                .map_or(TimeDelta::zero(), |at| Utc::now() - at),
            // It was merged meanwhile.
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => TimeDelta::zero(),
            Err(error) => return Err(self.no_stream(&error).into()),
        };
        Ok((state.messages, age.num_milliseconds().max(0) as f64 / 1000.0))
    }

    /// Batches that wait.
    pub(super) async fn batches_waiting(&self) -> Result<u64, AppError> {
        Ok(self.ingest_stream().await?.cached_info().state.messages)
    }

    async fn ingest_stream(&self) -> Result<Stream, AppError> {
        let stream = self
            .bus
            .jetstream()
            .get_stream(self.subjects.stream(INGEST.name))
            .await;
        Ok(stream.map_err(|error| self.no_stream(&error))?)
    }

    fn no_stream(&self, error: &dyn std::fmt::Display) -> BusError {
        BusError::JetStream {
            what: format!("stream {}", self.subjects.stream(INGEST.name)),
            reason: error.to_string(),
        }
    }
}
