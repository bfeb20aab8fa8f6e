//! The REST surface: routes, envelope, authentication and validation.

mod area;
mod asyncapi;
mod audit_export;
mod audit_log;
mod audit_query;
mod auth;
mod body;
mod bulk;
mod bulk_body;
mod bulk_docs;
mod conditional;
mod connection;
mod cors;
mod docs;
mod docs_audit;
mod docs_examples;
mod docs_identity;
mod docs_limits;
mod docs_revalidation;
mod docs_texts;
mod docs_usage;
mod envelope;
mod health;
mod idempotency;
mod identity_body;
mod identity_keys;
mod identity_organizations;
mod identity_query;
mod identity_schema;
mod identity_sessions;
mod identity_users;
mod identity_view;
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
mod middleware;
mod overview;
mod overview_view;
mod params;
mod rate;
mod redoc;
mod request;
mod route_metrics;
mod server;
mod sim_events;
mod sims;
mod sims_export;
mod sync;
mod trace;
mod update_body;
mod usage;
mod usage_export;
mod usage_query;
mod usage_view;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::guard;
use actix_web::{App, Resource, Route, web};
use service_runtime::ignored::Ignored;

pub use docs::openapi;

use area::AREAS;

use crate::app::Gateway;
use crate::app::write_usage::write_usage;
use crate::cache::Membership;
use crate::error::{ApiCode, ApiError, GatewayError};

/// Binds and serves; the end of the process waits for it.
pub(crate) fn serve(gateway: Arc<Gateway>, membership: Membership) -> Result<SocketAddr, GatewayError> {
    let (server, addr) = server::server(&gateway)?;
    let handle = server.handle();
    let shutdown = gateway.shutdown.clone();
    shutdown.spawn(keep(gateway, server, handle, membership));
    Ok(addr)
}

fn app(
    data: web::Data<Gateway>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let front = middleware::Front::new(
        data.metrics.clone(),
        data.shutdown.clone(),
        data.config.hsts_seconds,
    );
    let cors = cors::layer(&data.config.cors_origins);
    App::new()
        .app_data(data)
        .wrap(cors)
        .wrap(front)
        // A request is compared with one address after the other: those that are asked for most stand first.
        .configure(bulk::sims_routes)
        .configure(routes)
        .configure(area_routes)
        .default_service(web::to(unknown_route))
}

/// Serves and counts until the end; the last counts are taken when no request can come any more.
async fn keep(gateway: Arc<Gateway>, server: Server, handle: ServerHandle, membership: Membership) {
    let server = tokio::spawn(server);
    while gateway.shutdown.sleep(gateway.config.key_usage_flush()).await {
        write_usage(&gateway).await;
    }
    handle.stop(true).await;
    match server.await {
        Ok(outcome) => outcome.ignored("stopping the HTTP server"),
        Err(error) => tracing::error!(%error, "the HTTP server did not stop in order"),
    }
    drop(membership);
    write_usage(&gateway).await;
}

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
        .service(resource(
            "/api/v1/sync/status",
            "GET",
            [web::get().to(sync::sync_status)],
        ))
        .service(resource(
            "/api/v1/sync/sims",
            "POST",
            [web::post().to(sync::start_sync)],
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
        error.allow = Some(allow);
        Err::<actix_web::HttpResponse, _>(error)
    }))
}

fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn unknown_route() -> Result<actix_web::HttpResponse, ApiError> {
    Err(ApiError::new(ApiCode::NotFound, "there is nothing at this path"))
}
