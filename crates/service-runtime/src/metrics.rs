//! Metrics without a global recorder: a handle that makes counters, gauges and histograms, and the Prometheus text.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The metrics of one process. Clones write to the same place.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<dyn Recorder + Send + Sync>,
    text: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// An empty set of metrics; histograms count seconds in buckets from 0.5 ms to 10 s.
    ///
    /// # Errors
    /// Never for the buckets above; the builder's type asks for it.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new().set_buckets(&SECONDS)?.build_recorder();
        let text = recorder.handle();
        Ok(Self {
            recorder: Arc::new(recorder),
            text,
        })
    }

    /// The recorder, for crates that only know the `metrics` facade.
    pub fn recorder(&self) -> Arc<dyn Recorder + Send + Sync> {
        Arc::clone(&self.recorder)
    }

    /// A counter. Keep the handle: making one takes a lock.
    pub fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    /// A gauge.
    pub fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// A histogram of seconds.
    pub fn histogram(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    /// Sorts recorded values into their buckets; without it, or somebody who reads the text, they pile up.
    pub fn upkeep(&self) {
        self.text.run_upkeep();
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        self.text.run_upkeep();
        self.text.render()
    }
}

static METADATA: Metadata<'static> = Metadata::new("simward", Level::INFO, None);

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<Label> = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_shows_in_the_text() {
        let metrics = Metrics::new().unwrap();
        metrics
            .counter("simward_test_total", &[("kind", "a")])
            .increment(3);
        assert!(metrics.render().contains("simward_test_total{kind=\"a\"} 3"));
    }
}
