use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use messages::pb::common::{HealthCheck, HealthRequest, HealthResponse};
use messages::{sim_rpc, usage_rpc};
use serde::Serialize;
use service_runtime::bus::RpcError;
use utoipa::ToSchema;

use super::request::RequestId;
use crate::app::Gateway;
use crate::error::ApiError;

const LIMIT: Duration = Duration::from_millis(1500);

/// How one part stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckView {
    name: String,
    ok: bool,
    /// Without it the service is not ready.
    required: bool,
    detail: Option<String>,
}

/// How one service stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceView {
    service: String,
    ready: bool,
    /// Without it the gateway is not ready; without another it works with limits.
    required: bool,
    checks: Vec<CheckView>,
}

/// How everything stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ready`, `degraded` (works with limits) or `unready`, which it also is while it ends.
    status: &'static str,
    services: Vec<ServiceView>,
}

impl From<HealthResponse> for ServiceView {
    fn from(health: HealthResponse) -> Self {
        let checks = health.checks.into_iter().map(|check| CheckView {
            name: check.name,
            ok: check.ok,
            required: check.required,
            detail: (!check.detail.is_empty()).then_some(check.detail),
        });
        Self {
            service: health.service,
            ready: health.ready,
            required: true,
            checks: checks.collect(),
        }
    }
}

impl HealthView {
    fn of(services: Vec<ServiceView>) -> Self {
        let ready = services.iter().all(|service| service.ready || !service.required);
        let whole = services
            .iter()
            .all(|service| service.ready && service.checks.iter().all(|check| check.ok));
        let status = match (ready, whole) {
            (true, true) => "ready",
            (true, false) => "degraded",
            (false, _) => "unready",
        };
        Self { status, services }
    }
}

/// On the main runtime, to whose reactor the connections belong that are asked.
async fn ask(gateway: Data<Gateway>, request: &HttpRequest) -> Result<HealthView, ApiError> {
    let request_id = RequestId::of_request(request);
    let asked = Arc::clone(&gateway);
    let work = async move {
        let own = asked.health.report();
        let sims = asked
            .bus
            .call::<sim_rpc::Health>(&HealthRequest {}, LIMIT, &request_id);
        let usage = asked
            .bus
            .call::<usage_rpc::Health>(&HealthRequest {}, LIMIT, &request_id);
        Ok(tokio::join!(own, sims, usage))
    };
    let (own, sims, usage) = gateway.on_main(work).await?;
    let sims = sims.unwrap_or_else(|error| silent("sim", error));
    let usage = usage.unwrap_or_else(|error| silent("usage", error));
    // SIMs are served without it.
    let usage = ServiceView {
        required: false,
        ..usage.into()
    };
    let mut view = HealthView::of(vec![own.into(), sims.into(), usage]);
    if gateway.shutdown.has_started() {
        view.status = "unready";
    }
    Ok(view)
}

/// A service that does not answer.
fn silent(service: &str, error: RpcError) -> HealthResponse {
    HealthResponse {
        service: service.to_owned(),
        ready: false,
        checks: vec![HealthCheck {
            name: "answers".to_owned(),
            ok: false,
            required: true,
            detail: error.message,
        }],
    }
}

/// How everything stands
#[utoipa::path(
    get, path = "/health", tag = "Operations",
    responses((status = 200, description = "The report, whatever it says", body = HealthView))
)]
pub async fn report(gateway: Data<Gateway>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(ask(gateway, &request).await?))
}

/// Whether requests can be served
#[utoipa::path(
    get, path = "/health/ready", tag = "Operations",
    responses((status = 200, description = "Ready", body = HealthView), (status = 503, description = "Not ready", body = HealthView))
)]
pub async fn ready(gateway: Data<Gateway>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let view = ask(gateway, &request).await?;
    let status = if view.status == "unready" {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    Ok(HttpResponse::build(status).json(view))
}

/// Whether the process lives
#[utoipa::path(
    get, path = "/health/live", tag = "Operations",
    responses((status = 200, description = "It lives"))
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "live" }))
}

/// Metrics in Prometheus' text format
#[utoipa::path(
    get, path = "/metrics", tag = "Operations",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain"))
)]
pub async fn metrics(gateway: Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(gateway.metrics.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(ready: bool, ok: bool) -> ServiceView {
        let check = CheckView {
            name: "redis".into(),
            ok,
            required: false,
            detail: None,
        };
        ServiceView {
            service: "s".into(),
            ready,
            required: true,
            checks: vec![check],
        }
    }

    #[test]
    fn a_limit_degrades_and_an_unready_service_makes_all_unready() {
        assert_eq!(HealthView::of(vec![service(true, true)]).status, "ready");
        assert_eq!(
            HealthView::of(vec![service(true, true), service(true, false)]).status,
            "degraded"
        );
        assert_eq!(
            HealthView::of(vec![service(true, true), service(false, true)]).status,
            "unready"
        );
        let spare = ServiceView {
            required: false,
            ..service(false, true)
        };
        assert_eq!(
            HealthView::of(vec![service(true, true), spare]).status,
            "degraded"
        );
    }
}
