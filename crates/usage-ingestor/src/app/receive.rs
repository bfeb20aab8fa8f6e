//! A body of the Data Streamer to the stream INGEST: durable when this returns.

use async_nats::HeaderMap;
use chrono::{DateTime, SecondsFormat, Utc};
use messages::header;
use service_runtime::bus::{BusError, Publication};

use super::App;
use super::decode::{self, Encoded, Limits, NoArray};

/// What became of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Records in it.
    pub received: usize,
    /// Those that could not be read; they are kept with their reasons.
    pub rejected: usize,
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// Sending it again changes nothing.
    #[error(transparent)]
    NoArray(#[from] NoArray),
    /// JetStream has not stored everything.
    #[error(transparent)]
    NotStored(#[from] BusError),
}

impl App {
    /// Takes a body. On success JetStream has stored every record of it, read or rejected.
    ///
    /// # Errors
    /// [`ReceiveError`]; after the second kind some records may be stored, which does no harm when they come again.
    pub async fn receive(&self, body: &[u8]) -> Result<Receipt, ReceiveError> {
        let decoded = decode::decode(body, &Limits::at(Utc::now(), &self.config))?;
        self.publish(decoded.batches).await?;
        Ok(Receipt {
            received: decoded.received,
            rejected: decoded.rejected,
        })
    }

    /// Hands batches to the merge.
    pub(super) async fn publish(&self, batches: Vec<Encoded>) -> Result<(), BusError> {
        let subject = self.subjects.ingest();
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let publications = batches.into_iter().map(|batch| Publication {
            subject: subject.clone(),
            id: batch.id,
            headers: vec![
                (header::CONTENT_TYPE, "application/protobuf".to_owned()),
                (header::TIME, now.clone()),
            ],
            payload: batch.payload,
        });
        self.bus.store_all("a batch", publications.collect()).await
    }
}

/// When a receiver took a batch. JetStream's own time of it would be compared with the clock of another host.
pub fn received_at(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    headers.get(header::TIME)?.as_str().parse().ok()
}
