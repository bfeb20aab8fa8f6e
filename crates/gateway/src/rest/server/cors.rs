//! CORS: which pages of other origins may ask. Inside of the outermost layer, so that its answers have request id and
//! security headers; outside of the routes, so that a preflight needs no key.

use actix_cors::Cors;
use actix_web::middleware::{Compat, Condition};

use crate::config::cors_origins;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const ALLOWED: [&str; 7] = [
    "X-API-Key",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
];
const EXPOSED: [&str; 9] = [
    "ETag",
    "X-Request-Id",
    "X-Trace-Id",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Location",
    "Idempotent-Replayed",
];
/// How long a browser remembers what a preflight said, seconds.
const MAX_AGE: usize = 3600;

/// The layer for these origins; without any it does nothing.
pub fn layer(origins: &str) -> Compat<Condition<Cors>> {
    let mut cors = Cors::default()
        .allowed_methods(METHODS)
        .allowed_headers(ALLOWED)
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE);
    for origin in cors_origins(origins) {
        cors = match origin {
            "*" => cors.allow_any_origin().send_wildcard(),
            origin => cors.allowed_origin(origin),
        };
    }
    let any = cors_origins(origins).next().is_some();
    Compat::new(Condition::new(any, cors))
}
