//! How everything stands, for whatever watches the gateway: it knows no envelope and has no key.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use messages::pb::common::{HealthCheck, HealthRequest, HealthResponse};
use messages::{sim_rpc, usage_rpc};
use serde_json::{Value, json};
use service_runtime::bus::RpcError;
use utoipa::ToSchema;

use super::frame::fields::{Word, words};
use super::frame::said::{Said, Success};
use super::frame::state::RequestState;
use super::frame::{AnyQuery, Example, Operation, Reply, operations, view};
use crate::app::Gateway;
use crate::error::ApiError;

const LIMIT: Duration = Duration::from_millis(1500);

pub fn operations() -> Vec<Operation> {
    operations![
        get_health.unmetered(),
        get_readiness.unmetered(),
        get_liveness.unmetered(),
        get_metrics.unmetered(),
    ]
}

words! {
    /// Whether requests are served: `degraded` with limits, `unready` not, or not for long because the gateway ends.
    pub enum HealthStatus as "HealthStatus" { Ready = "ready", Degraded = "degraded", Unready = "unready" }
}

words! {
    /// A process that answers lives.
    pub enum Life as "LivenessStatus" { Live = "live" }
}

view! {
    /// How one part stands.
    pub struct CheckView from HealthCheck as check {
        name: String = "database",
        ok: bool = true,
        /// Without it the service is not ready.
        required: bool = true,
        detail: Option<String>,
    }
}

view! {
    /// How one service stands.
    pub struct ServiceView from HealthResponse as health {
        service: String = "gateway",
        ready: bool = true,
        /// Without it the gateway is not ready; without another it works with limits.
        required: bool = true => true,
        checks: Vec<CheckView>,
    }
}

view! {
    /// How everything stands.
    pub struct HealthView {
        status: Word<HealthStatus>,
        services: Vec<ServiceView>,
    }
}

view! {
    /// That the process lives.
    pub struct LivenessView {
        status: Word<Life>,
    }
}

impl HealthView {
    fn of(services: Vec<ServiceView>) -> Self {
        let ready = services.iter().all(|service| service.ready || !service.required);
        let whole = services
            .iter()
            .all(|service| service.ready && service.checks.iter().all(|check| check.ok));
        let status = match (ready, whole) {
            (true, true) => HealthStatus::Ready,
            (true, false) => HealthStatus::Degraded,
            (false, _) => HealthStatus::Unready,
        };
        Self {
            status: Word(status),
            services,
        }
    }

    fn is_unready(&self) -> bool {
        self.status.0 == HealthStatus::Unready
    }

    fn example_of(is_ready: bool) -> Value {
        let check = |name: &str, ok: bool| {
            let detail = (!ok).then_some("no answer");
            json!({ "name": name, "ok": ok, "required": true, "detail": detail })
        };
        let service = |name: &str, database: bool, required: bool| {
            json!({
                "service": name, "ready": database, "required": required,
                "checks": [check("database", database), check("nats", true)],
            })
        };
        json!({
            "status": if is_ready { "ready" } else { "unready" },
            "services": [service("gateway", is_ready, true), service("sim", true, true), service("usage", true, false)],
        })
    }
}

/// On the main runtime, to whose reactor the connections belong that are asked.
async fn ask(gateway: Data<Gateway>, request: &HttpRequest) -> Result<HealthView, ApiError> {
    let request_id = Arc::clone(&RequestState::of(request).id);
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
        view.status = Word(HealthStatus::Unready);
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

/// The report, whatever it says.
struct Health(HealthView);

/// The report; its status says whether requests can be served.
struct Readiness(HealthView);

struct Liveness;

/// An answer that is the thing itself.
fn bare<T: ToSchema>(said: &mut Said, status: StatusCode, description: &'static str, example: Value) {
    let schema = said.refer::<T>();
    said.successes.push(Success {
        status: status.as_u16(),
        description,
        content_type: "application/json",
        schema,
        examples: vec![("success", example)],
        revalidates: false,
    });
}

impl Reply for Health {
    fn respond(self, _: &HttpRequest) -> Result<HttpResponse, ApiError> {
        Ok(HttpResponse::Ok().json(self.0))
    }

    fn describe(said: &mut Said) {
        let example = HealthView::example_of(true);
        bare::<HealthView>(said, StatusCode::OK, "The report, whatever it says", example);
    }
}

impl Reply for Readiness {
    fn respond(self, _: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let status = if self.0.is_unready() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        Ok(HttpResponse::build(status).json(self.0))
    }

    fn describe(said: &mut Said) {
        let unready = StatusCode::SERVICE_UNAVAILABLE;
        bare::<HealthView>(said, StatusCode::OK, "Ready", HealthView::example_of(true));
        bare::<HealthView>(said, unready, "Not ready", HealthView::example_of(false));
    }
}

impl Reply for Liveness {
    fn respond(self, _: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let status = Word(Life::Live);
        Ok(HttpResponse::Ok().json(LivenessView { status }))
    }

    fn describe(said: &mut Said) {
        bare::<LivenessView>(said, StatusCode::OK, "It lives", LivenessView::example());
    }
}

/// How everything stands
///
/// The gateway and each service that it asks, part by part; 200 whatever it says, as `/health/ready` is what a probe asks.
#[utoipa::path(method(get, head), path = "/health", tag = "Operations")]
async fn get_health(_: AnyQuery, gateway: Data<Gateway>, request: HttpRequest) -> Result<Health, ApiError> {
    Ok(Health(ask(gateway, &request).await?))
}

/// Whether requests can be served
///
/// For load balancers: 200 or 503.
#[utoipa::path(method(get, head), path = "/health/ready", tag = "Operations")]
async fn get_readiness(
    _: AnyQuery,
    gateway: Data<Gateway>,
    request: HttpRequest,
) -> Result<Readiness, ApiError> {
    Ok(Readiness(ask(gateway, &request).await?))
}

/// Whether the process lives
///
/// For whoever restarts it; no server is asked.
#[utoipa::path(method(get, head), path = "/health/live", tag = "Operations")]
async fn get_liveness(_: AnyQuery) -> Result<Liveness, ApiError> {
    Ok(Liveness)
}

/// Metrics in Prometheus' text format
///
/// Of this process.
#[utoipa::path(
    get, path = "/metrics", tag = "Operations",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain", example = json!(
        "simward_http_requests_total{route=\"/api/v1/sims\",method=\"GET\",status=\"200\"} 1\n"
    )))
)]
async fn get_metrics(_: AnyQuery, gateway: Data<Gateway>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(gateway.metrics.render()))
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
        assert_eq!(
            HealthView::of(vec![service(true, true)]).status.0,
            HealthStatus::Ready
        );
        assert_eq!(
            HealthView::of(vec![service(true, true), service(true, false)])
                .status
                .0,
            HealthStatus::Degraded
        );
        assert_eq!(
            HealthView::of(vec![service(true, true), service(false, true)])
                .status
                .0,
            HealthStatus::Unready
        );
        let spare = ServiceView {
            required: false,
            ..service(false, true)
        };
        assert_eq!(
            HealthView::of(vec![service(true, true), spare]).status.0,
            HealthStatus::Degraded
        );
    }
}
