//! An example for every answer in the OpenAPI document, and the errors that each route can answer.

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, ResponseBuilder};

use crate::error::ApiCode;

const TIME: &str = "2026-07-01T12:00:00Z";

pub struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let methods = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
            ];
            for (method, operation) in methods {
                if let Some(operation) = operation {
                    describe(&format!("{method} {path}"), operation);
                }
            }
        }
    }
}

fn describe(route: &str, operation: &mut Operation) {
    let example = success(route);
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        if response.content.is_empty() {
            let content = ContentBuilder::new().example(Some(example.clone())).build();
            response
                .content
                .insert("application/json".to_owned(), content.into());
        }
        for content in response.content.values_mut() {
            exemplify(content, &example);
        }
    }
    if let (Some(RefOr::T(body)), Some(example)) = (&mut operation.request_body, request(route)) {
        for content in body.content.values_mut() {
            exemplify(content, &example);
        }
    }
    let mut by_status: std::collections::BTreeMap<u16, Vec<ApiCode>> = std::collections::BTreeMap::new();
    for code in failures(route) {
        by_status.entry(code.row().1.as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let words: Vec<&str> = codes.iter().map(|code| code.row().0).collect();
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Failure")))
            .example(Some(failure(words[0])))
            .build();
        let response = ResponseBuilder::new()
            .description(words.join(", "))
            .content("application/json", content)
            .build();
        operation
            .responses
            .responses
            .insert(status.to_string(), response.into());
    }
}

fn exemplify(content: &mut RefOr<Content>, example: &Value) {
    if let RefOr::T(content) = content {
        content.example = Some(example.clone());
    }
}

fn failures(route: &str) -> Vec<ApiCode> {
    if !route.contains("/api/") {
        return Vec::new();
    }
    let mut codes = vec![
        ApiCode::Unauthorized,
        ApiCode::InvalidApiKey,
        ApiCode::Forbidden,
        ApiCode::Validation,
        ApiCode::Unavailable,
        ApiCode::Internal,
    ];
    if route.contains("{iccid}") {
        codes.extend([
            ApiCode::InvalidIccid,
            ApiCode::NotFound,
            ApiCode::Upstream,
            ApiCode::UpstreamRateLimited,
        ]);
    }
    if !route.starts_with("get") {
        codes.extend([
            ApiCode::Conflict,
            ApiCode::PayloadTooLarge,
            ApiCode::UnsupportedMediaType,
            ApiCode::CapabilityUnavailable,
        ]);
    }
    codes
}

fn failure(word: &str) -> Value {
    let details = if word == ApiCode::Validation.row().0 {
        json!({ "fields": [{ "field": "label", "reason": "is a text of at most 255 characters" }] })
    } else {
        json!({})
    };
    json!({
        "success": false,
        "error": { "code": word, "message": "what went wrong, for a person", "details": details },
        "meta": meta(),
    })
}

fn request(route: &str) -> Option<Value> {
    match route {
        "put /api/v1/sims/{iccid}" => Some(json!({
            "label": "pump-17", "imei_lock": true, "status": "Enabled", "tags": ["north"], "metadata": { "site": 4 }
        })),
        "post /api/v1/sync/sims" => Some(json!({ "account": "main" })),
        _ => None,
    }
}

fn success(route: &str) -> Value {
    let data = match route {
        "get /api/v1/sims" => return page(),
        "get /api/v1/sims/{iccid}" | "put /api/v1/sims/{iccid}" => sim(),
        "get /api/v1/sims/{iccid}/status" => json!({
            "iccid": "8988999000000000017", "status": "Enabled",
            "status_details": { "is_active": true, "is_expired": false, "is_suspended": false },
            "activation_date": TIME, "last_checked": TIME,
        }),
        "get /api/v1/sync/status" => json!({ "accounts": [{
            "account": "main", "sims_known": 12000, "sims_missing": 0, "running": run("running"),
            "last_finished": run("completed"), "last_complete_at": TIME, "next_due_at": TIME,
            "breaker": "closed", "budget_rate": 10.0, "budget_used": { "background": 540, "interactive": 3 },
        }] }),
        "post /api/v1/sync/sims" => json!({ "runs": [run("queued")], "status_url": "/api/v1/sync/status" }),
        "get /health/live" => return json!({ "status": "live" }),
        "get /metrics" => {
            return json!(
                "simward_http_requests_total{route=\"/api/v1/sims\",method=\"GET\",status=\"200\"} 1\n"
            );
        }
        _ => return health(),
    };
    json!({ "success": true, "data": data, "meta": meta() })
}

fn meta() -> Value {
    json!({ "timestamp": TIME, "request_id": "019cf7a0-0000-7000-8000-000000000001" })
}

fn page() -> Value {
    json!({
        "success": true, "data": [sim()],
        "pagination": {
            "total": 1, "total_is_capped": false, "page": 1, "page_size": 50, "total_pages": 1,
            "has_next": false, "has_prev": false, "next_cursor": null,
        },
        "meta": meta(),
    })
}

fn health() -> Value {
    let check = |name: &str| json!({ "name": name, "ok": true, "required": true, "detail": null });
    json!({ "status": "ready", "services": [
        { "service": "gateway", "ready": true, "checks": [check("database"), check("nats")] },
        { "service": "sim", "ready": true, "checks": [check("database"), check("nats")] },
    ] })
}

fn run(state: &str) -> Value {
    json!({
        "id": "019cf7a0-0000-7000-8000-000000000002", "account": "main", "state": state, "reason": "request",
        "started_at": TIME, "finished_at": null, "pass": 1, "pages_done": 40, "pages_total": 120, "sims_seen": 4000,
        "sims_discovered": 2, "sims_changed": 11, "sims_missing": 0, "records_rejected": 0, "resumed": 0, "eta": TIME,
        "pages_per_second": 8.9, "error": null,
    })
}

fn sim() -> Value {
    let quota = json!({
        "total_volume": 524288000, "status": "sufficient", "threshold_reached_date": null, "quota_exceeded_date": null,
    });
    json!({
        "iccid": "8988999000000000017", "iccid_with_luhn": "89889990000000000176", "imsi": "901405000000017",
        "imsi_2": null, "current_imsi": "901405000000017", "msisdn": "882999000000017", "status": "Enabled",
        "provider_status": "Enabled", "label": "pump-17", "ip_address": "10.0.0.17", "imei": "3500000000000101",
        "imei_lock": false, "account": "main", "organization_id": "00000000-0000-0000-0000-000000000001",
        "current_rat": null, "current_country": null, "current_operator": null, "activation_date": TIME,
        "data_quota_status": "sufficient", "sms_quota_status": "sufficient", "data_quota": quota,
        "sms_quota": { "total_volume": 250, "status": "sufficient", "threshold_reached_date": null, "quota_exceeded_date": null },
        "tags": ["north"], "metadata": { "site": 4 }, "created_at": TIME, "updated_at": TIME, "last_synced_at": TIME,
        "missing_since": null, "revision": 7, "extra": {},
    })
}
