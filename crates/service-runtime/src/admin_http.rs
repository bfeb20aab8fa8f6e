//! Health and metrics of a service that runs alone. In the all-in-one process the gateway shows them.

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::health::Health;
use crate::metrics::Metrics;

/// Serves `/health`, `/health/live`, `/health/ready` and `/metrics`; returns the server and its port.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(listen: &str, health: Health, metrics: Metrics) -> std::io::Result<(Server, u16)> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(health.clone()))
            .app_data(web::Data::new(metrics.clone()))
            .route("/health", web::get().to(report))
            .route("/health/ready", web::get().to(report))
            .route("/health/live", web::get().to(live))
            .route("/metrics", web::get().to(text))
    })
    .workers(1)
    .disable_signals()
    .bind(listen)?;
    let port = server.addrs().first().map_or(0, std::net::SocketAddr::port);
    Ok((server.run(), port))
}

async fn report(health: web::Data<Health>) -> HttpResponse {
    let report = health.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    HttpResponse::build(status).json(report)
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "live" }))
}

async fn text(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(metrics.render())
}
