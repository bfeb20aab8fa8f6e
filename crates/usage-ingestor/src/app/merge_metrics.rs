//! What the merges did, and whether the next one will probably meet records that are stored already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};
use service_runtime::metrics::Metrics;

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

/// Shared by every merge of a process.
#[derive(Clone)]
pub struct MergeMetrics {
    seconds: Histogram,
    usage: [Counter; 2],
    events: [Counter; 2],
    rejected: Counter,
    met_known: Arc<AtomicBool>,
}

impl MergeMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let records = |stream, outcome| {
            let labels = [("stream", stream), ("outcome", outcome)];
            metrics.counter("simward_merge_records_total", &labels)
        };
        Self {
            seconds: metrics.histogram("simward_merge_seconds", &[]),
            usage: [records("usage", "new"), records("usage", "known")],
            events: [records("events", "new"), records("events", "known")],
            rejected: metrics.counter("simward_merge_rejected_total", &[]),
            met_known: Arc::default(),
        }
    }

    /// Counts a committed merge.
    pub fn done(&self, merged: &Merged, time: Duration) {
        self.seconds.record(time.as_secs_f64());
        for ([new, known], counts) in [(&self.usage, merged.usage), (&self.events, merged.events)] {
            new.increment(counts.new);
            known.increment(counts.known);
        }
        self.rejected.increment(merged.rejected);
        self.met_known.store(merged.usage.known > 0, Ordering::Relaxed);
    }

    /// 1NCE's repetitions come in rows: after one, the quick way would fail again.
    pub fn expects_known(&self) -> bool {
        self.met_known.load(Ordering::Relaxed)
    }
}
