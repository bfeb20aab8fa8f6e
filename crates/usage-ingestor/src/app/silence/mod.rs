//! Notices that a stream went silent or came back, announces it, and has the gap filled from the API.

mod expected;

use std::time::Duration;

use chrono::{DateTime, Days, TimeDelta, Utc};
use domain::StreamKind;
use messages::pb::usage::{UsageStreamResumed, UsageStreamSilent};
use messages::{EventEnvelope, EventType};
use prost::Message;
use service_runtime::outbox::OutboxBatch;
use service_runtime::shutdown::Shutdown;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use crate::error::{AppError, StoreError};
use crate::store::stream_state::{self, StreamState};
use expected::Expectation;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Fewer missing records than this are no sign: small fleets are quiet for hours.
const MISSED: f64 = 20.0;
/// While a stream is silent its SIMs are read by API so often.
const FILL_EVERY_HOURS: i64 = 6;

impl App {
    /// Looks at the streams until the end; replicas take turns by a lock in the database.
    pub async fn watch_streams(&self, end: &Shutdown) {
        while end.sleep(LOOK).await {
            for stream in StreamKind::ALL {
                if let Err(error) = self.look_at_stream(stream, Utc::now()).await {
                    tracing::warn!(%error, %stream, "the stream could not be looked at");
                }
            }
        }
    }

    /// Whether the usage stream has brought anything lately and is not silent.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage_stream_flows(&self) -> Result<bool, StoreError> {
        stream_state::flows(&self.store, StreamKind::Usage).await
    }

    /// Compares what arrived with what usually does.
    ///
    /// # Errors
    /// The database's, or JetStream's.
    pub async fn look_at_stream(&self, stream: StreamKind, now: DateTime<Utc>) -> Result<(), AppError> {
        // While the database was away, batches came that are not counted yet.
        let waiting = self.batches_waiting().await?;
        let mut change = self.outbox.begin().await?;
        if !stream_state::alone(&mut change, stream).await? {
            return Ok(());
        }
        let arrivals = stream_state::arrivals(&mut change, stream, now).await?;
        let Some(last_received) = arrivals.last_received_at else {
            return Ok(());
        };
        let state = stream_state::load(&mut change, stream).await?;
        let expectation = Expectation::of(&arrivals.by_hour, now);
        let quiet = (now - last_received).to_std().unwrap_or_default();
        let silent = quiet >= self.config.silent_after()
            && waiting == 0
            && expectation.between(last_received, now) >= MISSED;
        let next = StreamState {
            expected_per_hour: Some(expectation.at(now)),
            silent_since: match state.silent_since {
                None if silent => Some(last_received),
                Some(since) if !silent && last_received > since => None,
                unchanged => unchanged,
            },
            ..state
        };
        self.announce(&mut change.events, stream, &state, &next, last_received, now);
        let next = match stream {
            StreamKind::Usage => fill_gap(&mut change, &state, next, now).await?,
            StreamKind::Events => next,
        };
        stream_state::save(&mut change, stream, &next).await?;
        change.commit().await?;
        self.metrics
            .gauge("simward_stream_silent", &[("stream", stream.word())])
            .set(if next.silent_since.is_some() { 1.0 } else { 0.0 });
        Ok(())
    }

    /// Says what changed, if anything did.
    fn announce(
        &self,
        events: &mut OutboxBatch,
        stream: StreamKind,
        before: &StreamState,
        after: &StreamState,
        last_received: DateTime<Utc>,
        now: DateTime<Utc>,
    ) {
        match (before.silent_since, after.silent_since) {
            (None, Some(_)) => {
                tracing::warn!(%stream, %last_received, "the Data Streamer is silent: look at the stream in 1NCE's portal");
                let silent = UsageStreamSilent {
                    stream: stream.to_string(),
                    last_received_at: Some(last_received.into()),
                    expected_per_hour: after.expected_per_hour.unwrap_or(0.0),
                };
                self.push_event(events, EventType::UsageStreamSilent, now, silent.encode_to_vec());
            }
            (Some(since), None) => {
                tracing::info!(%stream, %since, "the Data Streamer sends again");
                let resumed = UsageStreamResumed {
                    stream: stream.to_string(),
                    silent_since: Some(since.into()),
                    resumed_at: Some(last_received.into()),
                };
                self.push_event(
                    events,
                    EventType::UsageStreamResumed,
                    now,
                    resumed.encode_to_vec(),
                );
            }
            _ => {}
        }
    }

    fn push_event(&self, events: &mut OutboxBatch, event: EventType, time: DateTime<Utc>, payload: Vec<u8>) {
        let envelope = EventEnvelope {
            id: Uuid::now_v7(),
            event,
            source: "usage-ingestor",
            time,
            iccid: None,
            organization: None,
        };
        events.push(&self.subjects, &envelope, payload);
    }
}

/// Hands a gap to the readings by API: at once when it begins, while it lasts every few hours, and once when it ends.
async fn fill_gap(
    transaction: &mut PgConnection,
    before: &StreamState,
    mut after: StreamState,
    now: DateTime<Utc>,
) -> Result<StreamState, StoreError> {
    let ended = before.silent_since.filter(|_| after.silent_since.is_none());
    let filled = after.filled_until;
    let filled_lately = filled.is_some_and(|filled| now - filled < TimeDelta::hours(FILL_EVERY_HOURS));
    let gap = ended.or(after.silent_since.filter(|_| !filled_lately));
    if let Some(since) = gap {
        let sims = stream_state::fill_gap(transaction, since.date_naive() - Days::new(1)).await?;
        tracing::info!(sims, %since, "the gap of the stream is read by API");
        after.filled_until = after.silent_since.map(|_| now);
    }
    Ok(after)
}
