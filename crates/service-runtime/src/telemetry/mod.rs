//! JSON logs and OpenTelemetry traces. Called once in `main`: the log subscriber is the one thing a process shares.

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::TelemetryConfig;

mod statements;

/// Why logs or traces cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is no filter.
    #[error("RUST_LOG: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The trace exporter cannot be built.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Something else logs already.
    #[error("logging was started before: {0}")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends the last traces when dropped.
#[derive(Debug)]
pub struct TelemetryGuard(Option<SdkTracerProvider>);

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Starts logging to standard output and, where an endpoint is configured, tracing.
///
/// # Errors
/// When a setting cannot be used, or when called twice.
pub fn init(config: &TelemetryConfig, service: &'static str) -> Result<TelemetryGuard, TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter)?;
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_filter(filter);
    let provider = tracer_provider(config, service)?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_filter(EnvFilter::new("info"))
    });
    let statements = provider.as_ref().map(|provider| {
        statements::Statements(provider.tracer("sqlx")).with_filter(EnvFilter::new(statements::FILTER))
    });
    tracing_subscriber::registry()
        .with(logs)
        .with(traces)
        .with(statements)
        .try_init()?;
    Ok(TelemetryGuard(provider))
}

fn tracer_provider(
    config: &TelemetryConfig,
    service: &'static str,
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let endpoint = format!("{}/v1/traces", config.otlp_endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .build()?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build();
    Ok(Some(provider))
}

/// Writes the current trace into message headers.
pub fn inject_trace(headers: &mut async_nats::HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Headers(headers));
}

/// The current trace as a `traceparent` value, for messages that are sent later.
pub fn current_traceparent() -> Option<String> {
    let mut headers = async_nats::HeaderMap::new();
    inject_trace(&mut headers);
    headers.get("traceparent").map(|value| value.as_str().to_owned())
}

/// Makes `span` a child of the trace in message headers.
pub fn follow_trace(span: &Span, headers: Option<&async_nats::HeaderMap>) {
    if let Some(headers) = headers {
        let parent = TraceContextPropagator::new().extract(&ReadHeaders(headers));
        // A span without an OpenTelemetry layer has no parent to set; that is no fault.
        if let Err(error) = span.set_parent(parent) {
            tracing::trace!(%error, "the trace is not followed");
        }
    }
}

/// The trace that `span` belongs to, 32 hex digits; `None` when it is not traced.
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

struct Headers<'a>(&'a mut async_nats::HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key, value.as_str());
    }
}

struct ReadHeaders<'a>(&'a async_nats::HeaderMap);

impl Extractor for ReadHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(async_nats::HeaderValue::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn following() -> Option<String> {
        let span = tracing::info_span!("test");
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("traceparent", PARENT);
        follow_trace(&span, Some(&headers));
        trace_id(&span)
    }

    #[test]
    fn a_span_names_the_trace_that_it_follows_or_begins() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            assert_eq!(following().as_deref(), PARENT.get(3..35));
            let own = trace_id(&tracing::info_span!("first")).unwrap();
            assert_eq!(own.len(), 32);
            assert_ne!(Some(own.as_str()), PARENT.get(3..35));
        });
    }

    #[test]
    fn without_a_tracer_there_is_no_trace() {
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            assert_eq!(following(), None);
        });
    }
}
