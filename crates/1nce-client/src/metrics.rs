//! The client's metrics, written to the recorder that the process hands in; labels never carry an ICCID.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};

use crate::lane::Lane;

const TARGET: Metadata<'static> = Metadata::new("once_client", Level::INFO, Some(module_path!()));

/// Whose failures a breaker counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BreakerLabels {
    pub group: &'static str,
    /// `v1` and `v2` of the SIM API, otherwise `none`.
    pub generation: &'static str,
}

/// Writes to the recorder of this process; cheap to clone.
#[derive(Clone)]
pub(crate) struct ClientMetrics {
    recorder: Arc<dyn Recorder + Send + Sync>,
    account: String,
}

impl ClientMetrics {
    pub(crate) fn new(recorder: Arc<dyn Recorder + Send + Sync>, account: &str) -> Self {
        let counters = [
            (
                "once_calls_total",
                "calls to 1NCE by endpoint, generation and status",
            ),
            ("once_retries_total", "calls repeated after a failure"),
            ("once_throttled_total", "429 answers seen"),
            (
                "once_budget_grants_total",
                "calls granted by the request budget, by lane",
            ),
            (
                "once_budget_timeouts_total",
                "waits for the request budget that ended without a grant, by lane",
            ),
            (
                "once_budget_local_total",
                "times the budget changed to its local fallback",
            ),
            ("once_token_refreshes_total", "token requests by result"),
        ];
        for (name, text) in counters {
            recorder.describe_counter(name.into(), Some(Unit::Count), text.into());
        }
        for (name, text) in [
            (
                "once_call_seconds",
                "time from sending a call to its whole answer",
            ),
            ("once_budget_wait_seconds", "wait for the request budget, by lane"),
        ] {
            recorder.describe_histogram(name.into(), Some(Unit::Seconds), text.into());
        }
        recorder.describe_gauge(
            "once_budget_starved_seconds".into(),
            Some(Unit::Seconds),
            "how long a lane has waited without a grant, by lane".into(),
        );
        recorder.describe_gauge(
            "once_breaker_open".into(),
            None,
            "1 while calls are held back, by group and generation".into(),
        );
        let account = account.to_owned();
        Self { recorder, account }
    }

    fn key(&self, name: &'static str, labels: &[(&'static str, String)]) -> Key {
        let own = std::iter::once(Label::new("account", self.account.clone()));
        let more = labels.iter().map(|(key, value)| Label::new(*key, value.clone()));
        Key::from_parts(name, own.chain(more).collect::<Vec<_>>())
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, String)]) -> Counter {
        self.recorder.register_counter(&self.key(name, labels), &TARGET)
    }

    fn histogram(&self, name: &'static str, labels: &[(&'static str, String)]) -> Histogram {
        self.recorder.register_histogram(&self.key(name, labels), &TARGET)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, String)]) -> Gauge {
        self.recorder.register_gauge(&self.key(name, labels), &TARGET)
    }

    /// One request was answered (`status` is a number) or failed (`status` is a word).
    pub(crate) fn call(&self, endpoint: &str, generation: &str, status: &str, took: Duration) {
        let endpoint = ("endpoint", endpoint.to_owned());
        let labels = [
            endpoint.clone(),
            ("generation", generation.to_owned()),
            ("status", status.to_owned()),
        ];
        self.counter("once_calls_total", &labels).increment(1);
        self.histogram("once_call_seconds", &[endpoint])
            .record(took.as_secs_f64());
    }

    pub(crate) fn retry(&self, endpoint: &str) {
        self.counter("once_retries_total", &[("endpoint", endpoint.to_owned())])
            .increment(1);
    }

    pub(crate) fn throttled(&self, group: &str) {
        self.counter("once_throttled_total", &[("group", group.to_owned())])
            .increment(1);
    }

    pub(crate) fn granted(&self, group: &str, lane: Lane, waited: Duration) {
        let labels = [("group", group.to_owned()), ("lane", lane.word().to_owned())];
        self.counter("once_budget_grants_total", &labels).increment(1);
        self.histogram("once_budget_wait_seconds", &labels)
            .record(waited.as_secs_f64());
    }

    /// A wait that ended without a grant.
    pub(crate) fn budget_timeout(&self, group: &str, lane: Lane, waited: Duration) {
        let labels = [("group", group.to_owned()), ("lane", lane.word().to_owned())];
        self.counter("once_budget_timeouts_total", &labels).increment(1);
        self.histogram("once_budget_wait_seconds", &labels)
            .record(waited.as_secs_f64());
    }

    /// How long a lane has waited without a grant.
    pub(crate) fn starved(&self, group: &str, lane: Lane, time: Duration) {
        let labels = [("group", group.to_owned()), ("lane", lane.word().to_owned())];
        self.gauge("once_budget_starved_seconds", &labels)
            .set(time.as_secs_f64());
    }

    pub(crate) fn went_local(&self, group: &str) {
        self.counter("once_budget_local_total", &[("group", group.to_owned())])
            .increment(1);
    }

    pub(crate) fn token_refresh(&self, result: &str) {
        self.counter("once_token_refreshes_total", &[("result", result.to_owned())])
            .increment(1);
    }

    pub(crate) fn breaker_open(&self, breaker: BreakerLabels, open: bool) {
        let labels = [
            ("group", breaker.group.to_owned()),
            ("generation", breaker.generation.to_owned()),
        ];
        self.gauge("once_breaker_open", &labels)
            .set(if open { 1.0 } else { 0.0 });
    }
}
