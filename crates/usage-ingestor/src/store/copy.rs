//! PostgreSQL's binary COPY format: numbers in network order, each behind its length.

use chrono::{DateTime, Utc};

/// Milliseconds from 1970 to 2000, where PostgreSQL begins to count.
const EPOCH_MS: i64 = 946_684_800_000;

/// A moment of the wire, which the decoder has checked to lie in years that exist.
pub fn millis_to_time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Rows on their way into a table.
#[derive(Debug)]
pub struct BinaryCopy(Vec<u8>);

impl BinaryCopy {
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes + 32);
        buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        // No flags, no extension of the header.
        buffer.extend_from_slice(&[0; 8]);
        Self(buffer)
    }

    /// Begins a row of so many columns.
    pub fn row(&mut self, columns: i16) {
        self.0.extend_from_slice(&columns.to_be_bytes());
    }

    pub fn smallint(&mut self, value: i16) {
        self.field(&value.to_be_bytes());
    }

    pub fn integer(&mut self, value: i32) {
        self.field(&value.to_be_bytes());
    }

    pub fn bigint(&mut self, value: i64) {
        self.field(&value.to_be_bytes());
    }

    /// A `timestamptz` from milliseconds since 1970.
    pub fn time(&mut self, millis: i64) {
        self.bigint((millis - EPOCH_MS) * 1000);
    }

    pub fn uuid(&mut self, value: Option<uuid::Uuid>) {
        match value {
            Some(value) => self.field(value.as_bytes()),
            None => self.0.extend_from_slice(&(-1i32).to_be_bytes()),
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&(-1i16).to_be_bytes());
        self.0
    }

    fn field<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.0.extend_from_slice(&(N as i32).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}
