use std::collections::HashSet;

use bytes::Bytes;
use messages::pb::usage as pb;
use prost::Message;
use sha2::{Digest, Sha256};

use super::Record;

/// NATS takes messages of 1 MiB; a rejected record of 256 KiB still fits behind what is there.
const FULL: usize = 448 * 1024;

/// A message for the stream INGEST.
#[derive(Debug)]
pub struct Encoded {
    /// The encoded batch.
    pub payload: Bytes,
    /// The hash of its bytes: the same batch sent again has the same.
    pub id: String,
}

/// Collects records into messages that are small enough to travel.
#[derive(Debug, Default)]
pub struct Batches {
    open: pb::IngestBatch,
    operators: HashSet<u32>,
    bytes: usize,
    full: Vec<Encoded>,
}

impl Batches {
    pub fn push(&mut self, record: Record<'_>) {
        let bytes = match &record {
            Record::Usage(usage, _) => usage.encoded_len(),
            Record::Event(event) => event.encoded_len(),
            Record::Rejected(rejected) => rejected.encoded_len(),
        };
        // A tag and a length in front of each.
        let bytes = bytes + 5;
        if self.bytes > 0 && self.bytes + bytes > FULL {
            self.close();
        }
        self.bytes += bytes;
        match record {
            Record::Usage(usage, operator) => {
                self.open.usage.push(usage);
                if let Some(operator) = operator
                    && self.operators.insert(operator.id)
                {
                    let operator = operator.owned();
                    self.bytes += operator.encoded_len() + 5;
                    self.open.operators.push(operator);
                }
            }
            Record::Event(event) => self.open.events.push(event),
            Record::Rejected(rejected) => self.open.rejects.push(rejected),
        }
    }

    /// What is there, empty batches aside.
    pub fn finish(mut self) -> Vec<Encoded> {
        if self.bytes > 0 {
            self.close();
        }
        self.full
    }

    fn close(&mut self) {
        let batch = std::mem::take(&mut self.open);
        self.operators.clear();
        self.bytes = 0;
        let payload = Bytes::from(batch.encode_to_vec());
        let digest = Sha256::digest(&payload);
        let id = digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        });
        self.full.push(Encoded { payload, id });
    }
}
