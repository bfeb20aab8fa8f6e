//! Received batches to the books: records, days, fleet sums, events, rejects and what is announced, in one transaction.

mod announce;
#[cfg(test)]
mod books;
mod days;
mod presence;
mod read_batch;

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{RejectKind, StreamKind};
use messages::pb::usage as pb;
use service_runtime::outbox::Change;
use sqlx::PgConnection;

use super::App;
use super::merge_metrics::{Counts, Merged};
use crate::error::StoreError;
use crate::store::arrivals::{self, Arrivals};
use crate::store::copy::millis_to_time;
use crate::store::presence as presence_store;
use crate::store::rejects::NewReject;
use crate::store::usage_records::RecordKey;
use crate::store::{event_records, fleet_usage, members, rejects, stream_state, usage_days, usage_records};

#[cfg(fuzzing)]
pub use days::deltas;
pub use read_batch::read_batch;

/// A decoded message of the stream INGEST.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its place in the stream.
    pub sequence: i64,
    /// When a receiver took it.
    pub at: DateTime<Utc>,
    /// JetStream has delivered it before.
    pub again: bool,
    /// Its content.
    pub batch: pb::IngestBatch,
}

impl App {
    /// Merges batches in one transaction. Whether they were merged before, in part or whole, makes no difference.
    ///
    /// # Errors
    /// The database's; then nothing of it is stored.
    pub async fn merge(&self, received: Vec<Received>, writer: i16) -> Result<Merged, StoreError> {
        let began = Instant::now();
        let mut contents = Contents::of(received);
        let mut change = self.outbox.begin().await?;
        let merged = self.write(&mut change, &mut contents, writer).await?;
        change.commit().await?;
        self.merges.done(&merged, began.elapsed());
        Ok(merged)
    }

    async fn write(
        &self,
        change: &mut Change,
        contents: &mut Contents,
        writer: i16,
    ) -> Result<Merged, StoreError> {
        let told = contents.usage.len() as u64 + contents.usage_twice;
        let (facts, named) = presence::facts(&contents.events);
        let known = contents.again || contents.usage_twice > 0 || self.merges.expects_known();
        usage_records::insert(change, &mut contents.usage, known).await?;
        let new = contents.usage.len() as u64;
        self.book(change, &contents.usage, writer).await?;
        // What usage records name goes before what events do.
        let mut operators: BTreeMap<u32, &pb::Operator> =
            named.iter().map(|(id, named)| (*id, named)).collect();
        operators.extend(contents.operators.iter().map(|(id, named)| (*id, named)));
        let operators: Vec<&pb::Operator> = operators.into_values().collect();
        arrivals::remember_operators(change, &operators).await?;
        let new_events = event_records::insert(change, &contents.events).await?;
        presence_store::note(change, &facts).await?;
        rejects::keep(change, &contents.rejects).await?;
        let merged = Merged {
            usage: Counts {
                new,
                known: told - new,
            },
            events: Counts {
                new: new_events,
                known: contents.events.len() as u64 - new_events,
            },
            rejected: contents.rejects.len() as u64,
        };
        contents.count(change, &merged, writer).await?;
        Ok(merged)
    }

    /// Raises what depends on the new records: days, fleet sums, announcements.
    async fn book(
        &self,
        change: &mut Change,
        new: &[pb::UsageRecord],
        writer: i16,
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let mut iccids: Vec<i64> = new.iter().map(|record| record.iccid.cast_signed()).collect();
        iccids.dedup();
        let members = members::members(change, &iccids).await?;
        let deltas = days::deltas(new);
        let states = usage_days::raise(change, &deltas).await?;
        let sums = days::fleet_sums(new, &deltas, &states, &members);
        fleet_usage::raise(change, &sums, writer).await?;
        change.events = announce::usage_recorded(&self.subjects, &deltas, &states, &members);
        Ok(())
    }
}

/// Everything of some batches, each record once, in the order in which every writer takes rows.
#[derive(Debug, Default)]
struct Contents {
    usage: Vec<pb::UsageRecord>,
    usage_twice: u64,
    events: Vec<pb::EventRecord>,
    rejects: Vec<NewReject>,
    operators: BTreeMap<u32, pb::Operator>,
    again: bool,
    usage_batches: i64,
    event_batches: i64,
    received_at: DateTime<Utc>,
}

impl Contents {
    fn of(received: Vec<Received>) -> Self {
        let mut contents = Self::default();
        for Received {
            sequence,
            at,
            again,
            batch,
        } in received
        {
            contents.again |= again;
            contents.received_at = contents.received_at.max(at);
            contents.usage_batches += i64::from(!batch.usage.is_empty());
            contents.event_batches += i64::from(!batch.events.is_empty());
            contents.usage.extend(batch.usage);
            contents.events.extend(batch.events);
            let rejects = batch.rejects.into_iter();
            contents.rejects.extend(rejects.map(|record| NewReject {
                batch: sequence,
                received_at: at,
                record,
            }));
            let operators = batch.operators.into_iter();
            contents
                .operators
                .extend(operators.map(|operator| (operator.id, operator)));
        }
        let told = contents.usage.len();
        contents.usage.sort_by_key(RecordKey::of);
        contents.usage.dedup_by_key(|record| RecordKey::of(record));
        contents.usage_twice = (told - contents.usage.len()) as u64;
        let mut seen = HashSet::new();
        contents
            .rejects
            .sort_by(|a, b| a.record.raw.cmp(&b.record.raw).then(b.batch.cmp(&a.batch)));
        contents
            .rejects
            .retain(|reject| seen.insert((reject.batch, reject.record.raw.clone())));
        contents
    }

    /// Adds to the counts of the hour.
    async fn count(
        &self,
        transaction: &mut PgConnection,
        merged: &Merged,
        writer: i16,
    ) -> Result<(), sqlx::Error> {
        let oldest = self.usage.iter().map(|record| record.ended_at_ms).min();
        if let Some(oldest) = oldest {
            stream_state::note_first(transaction, StreamKind::Usage, millis_to_time(oldest)).await?;
        }
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let of_events = self
            .rejects
            .iter()
            .filter(|reject| reject.record.kind == RejectKind::Event.word());
        let event_rejects = of_events.count() as i64;
        let usage = Arrivals {
            batches: self.usage_batches,
            records: signed(merged.usage.new),
            duplicates: signed(merged.usage.known),
            rejects: self.rejects.len() as i64 - event_rejects,
            last_record_ms: self.usage.iter().map(|record| record.ended_at_ms).max(),
        };
        let events = Arrivals {
            batches: self.event_batches,
            records: signed(merged.events.new),
            duplicates: signed(merged.events.known),
            rejects: event_rejects,
            last_record_ms: self.events.iter().map(|event| event.occurred_at_ms).max(),
        };
        for (stream, arrivals) in [(StreamKind::Usage, usage), (StreamKind::Events, events)] {
            if arrivals != Arrivals::default() {
                arrivals::count(transaction, stream, self.received_at, writer, &arrivals).await?;
            }
        }
        Ok(())
    }
}
