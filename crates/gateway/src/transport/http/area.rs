use actix_web::web::ServiceConfig;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{bulk_docs, docs_usage, live, overview};
use crate::error::ApiCode;

/// Routes that belong together, with everything that is said about them. A route is written as `post /api/v1/sync/sims`;
/// the functions that take one say nothing about other areas' routes.
pub struct Area {
    /// Mounts them.
    pub routes: fn(&mut ServiceConfig),
    /// Describes them.
    pub document: fn() -> OpenApi,
    /// The example of a request's body.
    pub request: fn(&str) -> Option<Value>,
    /// The example of an answer when all is well.
    pub success: fn(&str) -> Option<Example>,
    /// Codes beside those that every route may answer.
    pub failures: fn(&str) -> &'static [ApiCode],
}

/// What a route answers when all is well.
pub enum Example {
    /// In `data` of the usual envelope.
    Data(Value),
    /// The whole body.
    Whole(Value),
}

/// Every area but SIMs, syncs and operations.
pub const AREAS: &[Area] = &[docs_usage::AREA, live::AREA, bulk_docs::AREA, overview::AREA];
