//! The REST surface: routes, envelope, authentication and validation.

mod area;
mod asyncapi;
mod body;
mod bulk;
mod bulk_body;
mod bulk_docs;
mod docs;
mod docs_examples;
mod docs_limits;
mod docs_revalidation;
mod docs_texts;
mod docs_usage;
mod health;
mod import;
mod import_cells;
mod import_csv;
mod ingest;
mod ingest_body;
mod jobs;
mod jobs_view;
mod list_query;
mod live;
mod live_body;
mod live_query;
mod overview;
mod overview_view;
mod params;
mod redoc;
mod sim_events;
mod sims;
mod sims_export;
mod update_body;
mod usage;
mod usage_export;
mod usage_query;
mod usage_view;

use actix_web::guard;
use actix_web::{Resource, Route, web};

pub use docs::openapi;

use area::AREAS;

use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate as auth;
use crate::rest::frame::request_id as request;
use crate::rest::frame::{envelope, idempotency};

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource(
            "/api/v1/sims",
            "GET, POST",
            [web::get().to(sims::list_sims), web::post().to(bulk::update_sims)],
        ))
        .service(resource(
            "/api/v1/sims/{iccid}",
            "GET, PUT",
            [web::get().to(sims::get_sim), web::put().to(sims::update_sim)],
        ))
        .service(resource(
            "/api/v1/sims/{iccid}/status",
            "GET",
            [web::get().to(sims::get_sim_status)],
        ))
        .service(resource("/health", "GET, HEAD", [read().to(health::report)]))
        .service(resource("/health/live", "GET, HEAD", [read().to(health::live)]))
        .service(resource("/health/ready", "GET, HEAD", [read().to(health::ready)]))
        .service(resource("/metrics", "GET", [web::get().to(health::metrics)]))
        .service(resource(
            "/openapi.json",
            "GET",
            [web::get().to(docs::openapi_json)],
        ))
        .service(resource("/redoc", "GET", [web::get().to(redoc::page)]))
        .service(resource("/redoc/redoc.js", "GET", [web::get().to(redoc::script)]))
        .service(resource("/docs", "GET", [web::get().to(docs::to_swagger)]))
        .service(resource("/docs/{file:.*}", "GET", [web::get().to(docs::swagger)]));
}

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

fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The addresses that are not yet operations.
pub fn all_routes(config: &mut web::ServiceConfig) {
    // A request is compared with one address after the other: those that are asked for most stand first.
    config
        .configure(bulk::sims_routes)
        .configure(routes)
        .configure(area_routes);
}
