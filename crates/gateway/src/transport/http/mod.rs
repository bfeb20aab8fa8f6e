//! The REST surface: routes, envelope, authentication and validation.

mod area;
mod audit_export;
mod audit_log;
mod audit_query;
mod body;
mod docs;
mod docs_audit;
mod docs_examples;
mod docs_identity;
mod docs_limits;
mod docs_revalidation;
mod docs_texts;
mod identity_body;
mod identity_keys;
mod identity_query;
mod identity_schema;
mod identity_sessions;
mod identity_users;
mod identity_view;
mod params;

use actix_web::{Resource, Route, web};

pub use docs::openapi;

use area::AREAS;

use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate as auth;
use crate::rest::frame::request_id as request;
use crate::rest::frame::{envelope, idempotency};

fn area_routes(config: &mut web::ServiceConfig) {
    for area in AREAS {
        config.configure(area.routes);
    }
}

/// A path with its methods; any other method is told which there are.
fn resource<const N: usize>(path: &str, allow: &'static str, routes: [Route; N]) -> Resource {
    let resource = routes.into_iter().fold(web::resource(path), Resource::route);
    resource.default_service(web::to(move || async move {
        let mut error = ApiError::new(ApiCode::MethodNotAllowed, "the path does not know this method");
        error.allow = Some(allow.to_owned());
        Err::<actix_web::HttpResponse, _>(error)
    }))
}

/// The addresses that are not yet operations.
pub fn all_routes(config: &mut web::ServiceConfig) {
    config.configure(area_routes);
}
