use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::store::identity::keys::UsageRow;

/// How often one key was used since the last time that was written down.
#[derive(Debug, Default)]
pub struct KeyUsage {
    count: AtomicU64,
    last_used_ms: AtomicI64,
}

impl KeyUsage {
    /// Counts one use.
    pub fn note(&self, now: DateTime<Utc>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.last_used_ms
            .fetch_max(now.timestamp_millis(), Ordering::Relaxed);
    }
}

/// The counts of every key that this process has seen.
#[derive(Debug, Default)]
pub struct UsageBook(Mutex<HashMap<Uuid, Arc<KeyUsage>>>);

impl UsageBook {
    /// The counter of one key.
    pub fn of(&self, key_id: Uuid) -> Arc<KeyUsage> {
        Arc::clone(self.lock().entry(key_id).or_default())
    }

    /// Takes what was counted; keys that nobody holds any more are forgotten.
    pub fn take(&self) -> Vec<UsageRow> {
        let mut rows = Vec::new();
        self.lock().retain(|key_id, usage| {
            let held = Arc::strong_count(usage) > 1;
            let count = usage.count.swap(0, Ordering::Relaxed);
            let last_used_at = DateTime::from_timestamp_millis(usage.last_used_ms.load(Ordering::Relaxed));
            if let (1.., Some(last_used_at)) = (count, last_used_at) {
                rows.push(UsageRow {
                    key_id: *key_id,
                    count: i64::try_from(count).unwrap_or(i64::MAX),
                    last_used_at,
                });
            }
            held
        });
        rows
    }

    /// Puts back what could not be written.
    pub fn put_back(&self, rows: &[UsageRow]) {
        for row in rows {
            let usage = self.of(row.key_id);
            usage
                .count
                .fetch_add(u64::try_from(row.count).unwrap_or(0), Ordering::Relaxed);
            usage
                .last_used_ms
                .fetch_max(row.last_used_at.timestamp_millis(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<KeyUsage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_taken_once_and_come_back_when_not_written() {
        let book = UsageBook::default();
        let now = Utc::now();
        let key = book.of(Uuid::from_u128(7));
        key.note(now);
        key.note(now);
        let rows = book.take();
        assert_eq!((rows.len(), rows[0].count), (1, 2));
        assert_eq!(rows[0].last_used_at.timestamp_millis(), now.timestamp_millis());
        assert!(book.take().is_empty());
        book.put_back(&rows);
        assert_eq!(book.take()[0].count, 2);
    }

    #[test]
    fn a_key_that_nobody_holds_is_forgotten_but_its_last_uses_are_not() {
        let book = UsageBook::default();
        book.of(Uuid::from_u128(7)).note(Utc::now());
        assert_eq!(book.take().len(), 1);
        assert!(book.lock().is_empty());
    }
}
