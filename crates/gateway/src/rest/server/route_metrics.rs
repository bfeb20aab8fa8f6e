use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use service_runtime::metrics::Metrics;

struct Route {
    seconds: Histogram,
    counts: Vec<(&'static str, StatusCode, Counter)>,
}

/// The metric handles of one HTTP thread, made once per route, method and status.
pub struct RouteMetrics {
    metrics: Metrics,
    routes: RefCell<HashMap<&'static str, Route>>,
}

impl RouteMetrics {
    pub fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            routes: RefCell::default(),
        }
    }

    /// Counts one answer. `pattern` is the route as declared, so there are few of them.
    pub fn note(&self, pattern: &'static str, method: &'static str, status: StatusCode, time: Duration) {
        let mut routes = self.routes.borrow_mut();
        if let Some(route) = routes.get_mut(pattern) {
            route.note(&self.metrics, pattern, method, status, time);
            return;
        }
        let seconds = self
            .metrics
            .histogram("simward_http_seconds", &[("route", pattern)]);
        let mut route = Route {
            seconds,
            counts: Vec::new(),
        };
        route.note(&self.metrics, pattern, method, status, time);
        routes.insert(pattern, route);
    }
}

impl Route {
    fn note(
        &mut self,
        metrics: &Metrics,
        pattern: &str,
        method: &'static str,
        status: StatusCode,
        time: Duration,
    ) {
        self.seconds.record(time.as_secs_f64());
        let known = self
            .counts
            .iter()
            .find(|count| count.0 == method && count.1 == status);
        if let Some((_, _, count)) = known {
            count.increment(1);
            return;
        }
        let labels = [
            ("route", pattern),
            ("method", method),
            ("status", status.as_str()),
        ];
        let count = metrics.counter("simward_http_requests_total", &labels);
        count.increment(1);
        self.counts.push((method, status, count));
    }
}

/// The method as a label; clients can make up others.
pub fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
