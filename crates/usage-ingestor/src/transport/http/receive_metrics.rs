//! What the receiver counts.

use std::time::Duration;

use actix_web::http::StatusCode;
use metrics::{Counter, Gauge, Histogram};
use service_runtime::metrics::Metrics;

use crate::app::receive::Receipt;

/// The receiver's metrics.
pub struct ReceiveMetrics {
    all: Metrics,
    seconds: Histogram,
    bytes: Counter,
    free: Gauge,
    records: Counter,
    rejected: Counter,
}

impl ReceiveMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            seconds: metrics.histogram("simward_receive_seconds", &[]),
            bytes: metrics.counter("simward_receive_body_bytes_total", &[]),
            free: metrics.gauge("simward_receive_memory_free_bytes", &[]),
            records: metrics.counter("simward_receive_records_total", &[]),
            rejected: metrics.counter("simward_receive_rejected_total", &[]),
            all: metrics.clone(),
        }
    }

    pub fn read(&self, bytes: usize, free: usize) {
        self.bytes.increment(bytes as u64);
        self.free.set(free as f64);
    }

    pub fn stored(&self, receipt: &Receipt) {
        self.records.increment(receipt.received as u64);
        self.rejected.increment(receipt.rejected as u64);
    }

    pub fn answered(&self, status: StatusCode, time: Duration) {
        self.seconds.record(time.as_secs_f64());
        let labels = [("status", status.as_str())];
        self.all
            .counter("simward_receive_requests_total", &labels)
            .increment(1);
    }
}
