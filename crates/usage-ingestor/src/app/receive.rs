//! A body of the Data Streamer to the stream INGEST: durable when this returns.

use chrono::Utc;
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
        let publications = batches.into_iter().map(|batch| Publication {
            subject: subject.clone(),
            id: batch.id,
            headers: vec![(header::CONTENT_TYPE, "application/protobuf".to_owned())],
            payload: batch.payload,
        });
        self.bus.store_all("a batch", publications.collect()).await
    }
}
