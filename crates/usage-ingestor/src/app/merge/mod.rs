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
use messages::pb::usage as pb;
use sqlx::PgConnection;

use super::App;
use crate::error::StoreError;
use crate::store::arrivals::{self, Arrivals};
use crate::store::copy::millis_to_time;
use crate::store::presence as presence_store;
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

/// What a merge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Usage records stored now, and those that were stored before.
    pub usage: Counts,
    /// The same of events.
    pub events: Counts,
    /// Records that are kept as rejected.
    pub rejected: u64,
}

/// New and known records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stored now.
    pub new: u64,
    /// Stored before.
    pub known: u64,
}

impl App {
    /// Merges batches in one transaction. Whether they were merged before, in part or whole, makes no difference.
    ///
    /// # Errors
    /// The database's; then nothing of it is stored.
    pub async fn merge(&self, received: Vec<Received>, writer: i16) -> Result<Merged, StoreError> {
        let began = Instant::now();
        let mut work = Work::of(received);
        let mut transaction = self.store.db().pool().begin().await?;
        let merged = self.write(&mut transaction, &mut work, writer).await?;
        transaction.commit().await?;
        self.outbox.poke();
        self.merges.done(&merged, began.elapsed());
        Ok(merged)
    }

    async fn write(
        &self,
        transaction: &mut PgConnection,
        work: &mut Work,
        writer: i16,
    ) -> Result<Merged, StoreError> {
        let told = work.usage.len() as u64 + work.usage_twice;
        let (facts, named) = presence::facts(&work.events);
        let known = work.again || work.usage_twice > 0 || self.merges.expects_known();
        usage_records::insert(transaction, &mut work.usage, known).await?;
        let new = work.usage.len() as u64;
        self.book(transaction, &work.usage, writer).await?;
        // What usage records name goes before what events do.
        let mut operators: BTreeMap<u32, &pb::Operator> =
            named.iter().map(|(id, named)| (*id, named)).collect();
        operators.extend(work.operators.iter().map(|(id, named)| (*id, named)));
        let operators: Vec<&pb::Operator> = operators.into_values().collect();
        arrivals::remember_operators(transaction, &operators).await?;
        let new_events = event_records::insert(transaction, &work.events).await?;
        presence_store::note(transaction, &facts).await?;
        rejects::keep(transaction, &work.rejects).await?;
        let merged = Merged {
            usage: Counts {
                new,
                known: told - new,
            },
            events: Counts {
                new: new_events,
                known: work.events.len() as u64 - new_events,
            },
            rejected: work.rejects.len() as u64,
        };
        work.count(transaction, &merged, writer).await?;
        Ok(merged)
    }

    /// Raises what depends on the new records: days, fleet sums, announcements.
    async fn book(
        &self,
        transaction: &mut PgConnection,
        new: &[pb::UsageRecord],
        writer: i16,
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let mut iccids: Vec<i64> = new.iter().map(|record| record.iccid.cast_signed()).collect();
        iccids.dedup();
        let members = members::members(transaction, &iccids).await?;
        let deltas = days::deltas(new);
        let states = usage_days::raise(transaction, &deltas).await?;
        let sums = days::fleet_sums(new, &deltas, &states, &members);
        fleet_usage::raise(transaction, &sums, writer).await?;
        let events = announce::usage_recorded(&self.subjects, &deltas, &states, &members);
        events.write(transaction).await?;
        Ok(())
    }
}

/// Everything of some batches, each record once, in the order in which every writer takes rows.
#[derive(Debug, Default)]
struct Work {
    usage: Vec<pb::UsageRecord>,
    usage_twice: u64,
    events: Vec<pb::EventRecord>,
    rejects: Vec<(i64, DateTime<Utc>, pb::RejectedRecord)>,
    operators: BTreeMap<u32, pb::Operator>,
    again: bool,
    /// Batches that hold usage, and those that hold events.
    batches: (i64, i64),
    received_at: DateTime<Utc>,
}

impl Work {
    fn of(received: Vec<Received>) -> Self {
        let mut work = Self::default();
        for Received {
            sequence,
            at,
            again,
            batch,
        } in received
        {
            work.again |= again;
            work.received_at = work.received_at.max(at);
            work.batches.0 += i64::from(!batch.usage.is_empty());
            work.batches.1 += i64::from(!batch.events.is_empty());
            work.usage.extend(batch.usage);
            work.events.extend(batch.events);
            let rejects = batch.rejects.into_iter();
            work.rejects.extend(rejects.map(|reject| (sequence, at, reject)));
            let operators = batch.operators.into_iter();
            work.operators
                .extend(operators.map(|operator| (operator.id, operator)));
        }
        let told = work.usage.len();
        work.usage.sort_by_key(usage_records::record_key);
        work.usage
            .dedup_by_key(|record| usage_records::record_key(record));
        work.usage_twice = (told - work.usage.len()) as u64;
        let mut seen = HashSet::new();
        work.rejects
            .sort_by(|a, b| a.2.raw.cmp(&b.2.raw).then(b.0.cmp(&a.0)));
        work.rejects
            .retain(|(sequence, _, reject)| seen.insert((*sequence, reject.raw.clone())));
        work
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
            stream_state::note_first(transaction, "usage", millis_to_time(oldest)).await?;
        }
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let of_events = self
            .rejects
            .iter()
            .filter(|(_, _, reject)| reject.kind == "event");
        let event_rejects = of_events.count() as i64;
        let usage = Arrivals {
            batches: self.batches.0,
            records: signed(merged.usage.new),
            duplicates: signed(merged.usage.known),
            rejects: self.rejects.len() as i64 - event_rejects,
            last_record_ms: self.usage.iter().map(|record| record.ended_at_ms).max(),
        };
        let events = Arrivals {
            batches: self.batches.1,
            records: signed(merged.events.new),
            duplicates: signed(merged.events.known),
            rejects: event_rejects,
            last_record_ms: self.events.iter().map(|event| event.occurred_at_ms).max(),
        };
        for (stream, arrivals) in [("usage", usage), ("events", events)] {
            if arrivals != Arrivals::default() {
                arrivals::count(transaction, stream, self.received_at, writer, &arrivals).await?;
            }
        }
        Ok(())
    }
}
