//! Spans of database statements. sqlx tells of each statement in an event when it is over; here it becomes a span
//! under the one that waited for it, so no query has to be wrapped.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Where sqlx tells of statements.
const TARGET: &str = "sqlx::query";
/// What [`Statements`] has to see.
pub(super) const FILTER: &str = "sqlx::query=trace";

/// Makes the spans. A statement outside of a sampled trace costs nothing more.
pub(super) struct Statements(pub(super) SdkTracer);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let parent = tracing::Span::current().context();
        if !parent.span().span_context().is_sampled() {
            return;
        }
        let mut statement = Statement::default();
        event.record(&mut statement);
        let end = SystemTime::now();
        self.0
            .span_builder("db.query")
            .with_kind(SpanKind::Client)
            .with_start_time(end - statement.took)
            .with_attributes([
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.query.summary", statement.summary),
                KeyValue::new("db.response.returned_rows", statement.rows),
            ])
            .start_with_context(&self.0, &parent)
            .end_with_timestamp(end);
    }
}

/// What sqlx tells. Its text of the statement stays out: the first words are enough.
#[derive(Default)]
struct Statement {
    summary: String,
    rows: i64,
    took: Duration,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            value.clone_into(&mut self.summary);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = i64::try_from(value).unwrap_or(i64::MAX);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
