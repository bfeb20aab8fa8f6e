use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use domain::OrganizationId;
use serde_json::{Value, json};
use tracing::Instrument;
use utoipa::{IntoParams, OpenApi};
use uuid::Uuid;

use super::area::{Area, Example};
use super::auth::{Authenticated, ReadSims};
use super::docs_examples::TIME;
use super::envelope::{self, Answer};
use super::overview_view::OverviewView;
use super::params::{Faults, Params};
use super::request::span;
use super::resource;
use crate::app::{Gateway, overview};
use crate::auth::Permission;
use crate::error::ApiError;

pub const AREA: Area = Area {
    routes,
    document: Document::openapi,
    request: |_| None,
    success,
    failures: |_| &[],
};

/// As long as the gateway itself keeps it.
const MAX_AGE: HeaderValue = HeaderValue::from_static("private, max-age=5");

#[derive(OpenApi)]
#[openapi(paths(fleet_overview))]
struct Document;

/// For the documentation; `read` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct OverviewParams {
    /// Count the SIMs of one organization; a key of one organization counts its own anyway.
    #[param(format = Uuid)]
    organization_id: Option<String>,
}

/// The fleet at a glance
///
/// SIMs by status, quota, session, country and RAT, what they used today and this month (UTC), and how fresh that is. An
/// answer is up to 5 seconds old. What a service does not tell is null, and `missing` names it.
#[utoipa::path(
    get, path = "/api/v1/fleet/overview", tag = "Fleet", params(OverviewParams), security(("api_key" = ["read:sims"])),
    responses((status = 200, description = "The numbers", body = Answer<OverviewView>))
)]
pub async fn fleet_overview(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadSims>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let wanted = read(request.query_string())?;
    let span = span(&request, "GET /api/v1/fleet/overview", &context.request_id);
    let found = overview::overview(&gateway, &context, wanted)
        .instrument(span)
        .await;
    let (organization, found) = found?;
    let view = OverviewView::new(organization, &found, context.principal.may(Permission::ReadUsage));
    let mut answer = envelope::answer(StatusCode::OK, &view, &context.request_id)?;
    answer.headers_mut().insert(CACHE_CONTROL, MAX_AGE);
    Ok(answer)
}

fn read(query: &str) -> Result<Option<OrganizationId>, ApiError> {
    let mut faults = Faults::default();
    let params = Params::read(query, &["organization_id"], &mut faults);
    let wanted = params.get("organization_id").map(Uuid::parse_str);
    let wanted = match wanted {
        None => None,
        Some(Ok(id)) if !id.is_nil() => Some(OrganizationId(id)),
        Some(_) => {
            faults.add("organization_id", "is no UUID of an organization");
            None
        }
    };
    faults.or(wanted)
}

fn routes(config: &mut web::ServiceConfig) {
    let get = [web::get().to(fleet_overview)];
    config.service(resource("/api/v1/fleet/overview", "GET", get));
}

fn success(route: &str) -> Option<Example> {
    if route != "get /api/v1/fleet/overview" {
        return None;
    }
    let quota = json!({ "sufficient": 11000, "low": 900, "exhausted": 100, "unknown": 0, "not_told": 0 });
    let used = |since: &str, total: u64| -> Value {
        json!({
            "since": since, "volume_rx": total / 5, "volume_tx": total / 5 * 4, "total_volume": total, "sms_mo": 17,
            "sms_mt": 4,
        })
    };
    Some(Example::Data(json!({
        "organization_id": null, "as_of": TIME,
        "sims": {
            "total": 12000, "enabled": 11500, "disabled": 400, "expired": 100, "unknown": 0, "missing": 3,
        },
        "data_quota": quota, "sms_quota": quota,
        "sync": {
            "accounts": [{ "account": "main", "last_complete_at": TIME }], "oldest_synced_at": null,
            "newest_synced_at": null,
        },
        "connectivity": {
            "online": 9000, "offline": 2900, "unknown": 100,
            "countries": [
                { "mcc": "262", "country": "Germany", "sims": 11900 }, { "mcc": null, "country": null, "sims": 100 },
            ],
            "rats": [{ "rat": 6, "name": "LTE", "sims": 11900 }, { "rat": null, "name": null, "sims": 100 }],
        },
        "usage": { "today": used("2026-07-01", 262_144_000), "month": used("2026-07-01", 262_144_000) },
        "missing": [],
    })))
}
