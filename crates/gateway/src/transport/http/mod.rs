//! The REST surface: routes, envelope, authentication and validation.

mod area;
mod auth;
mod body;
mod docs;
mod docs_examples;
mod docs_usage;
mod envelope;
mod health;
mod ingest;
mod ingest_body;
mod list_query;
mod middleware;
mod overview;
mod overview_view;
mod params;
mod request;
mod route_metrics;
mod sim_events;
mod sims;
mod sync;
mod update_body;
mod usage;
mod usage_export;
mod usage_query;
mod usage_view;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::guard;
use actix_web::{App, HttpServer, Resource, Route, web};
use service_runtime::ignored::Ignored;

pub use docs::openapi;

use area::AREAS;

use crate::app::write_usage::write_usage;
use crate::app::{CHANGE_LIMIT, Gateway};
use crate::error::{ApiCode, ApiError, GatewayError};

/// A client sends its headers within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than usual load balancers keep a connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// What running requests get at the end, seconds: a change to its limit, and its answer. Connections without a request
/// close at once.
const STOP_SECONDS: u64 = CHANGE_LIMIT.as_secs() + 2;
/// Connections of one HTTP thread; more wait. Each costs a file descriptor.
const MAX_CONNECTIONS: usize = 4096;

/// Binds and serves; the end of the process waits for it.
pub(crate) fn serve(gateway: Arc<Gateway>) -> Result<SocketAddr, GatewayError> {
    let data = web::Data::from(Arc::clone(&gateway));
    let mut http = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .wrap(middleware::Front::new(
                data.metrics.clone(),
                data.shutdown.clone(),
            ))
            .configure(area_routes)
            .configure(routes)
            .default_service(web::to(unknown_route))
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals();
    if gateway.config.workers > 0 {
        http = http.workers(gateway.config.workers);
    }
    let listen = gateway.config.listen.clone();
    let failed = |source| GatewayError::Listen {
        listen: listen.clone(),
        source,
    };
    let http = http.bind(listen.as_str()).map_err(failed)?;
    let addr = http.addrs().first().copied();
    let addr = addr.ok_or_else(|| failed(std::io::ErrorKind::AddrNotAvailable.into()))?;
    let server = http.run();
    let handle = server.handle();
    gateway.shutdown.clone().spawn(keep(gateway, server, handle));
    Ok(addr)
}

/// Serves and counts until the end; the last counts are taken when no request can come any more.
async fn keep(gateway: Arc<Gateway>, server: Server, handle: ServerHandle) {
    let server = tokio::spawn(server);
    while gateway.shutdown.sleep(gateway.config.key_usage_flush()).await {
        write_usage(&gateway).await;
    }
    handle.stop(true).await;
    match server.await {
        Ok(outcome) => outcome.ignored("stopping the HTTP server"),
        Err(error) => tracing::error!(%error, "the HTTP server did not stop in order"),
    }
    write_usage(&gateway).await;
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/api/v1/sims", "GET", [web::get().to(sims::list_sims)]))
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
        .service(resource("/docs", "GET", [web::get().to(docs::to_swagger)]))
        .service(resource("/docs/{file:.*}", "GET", [web::get().to(docs::swagger)]));
}

/// The areas stand first: `/sims/export` is no ICCID.
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
