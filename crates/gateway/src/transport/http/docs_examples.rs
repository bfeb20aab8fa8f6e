//! An example for every answer in the OpenAPI document, and the errors that each route can answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::area::{AREAS, Example};
use super::docs_limits;
use crate::error::ApiCode;

pub(super) const TIME: &str = "2026-07-01T12:00:00Z";

pub struct Examples;

impl Modify for Examples {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let methods = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("delete", &mut item.delete),
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
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.content.is_empty() {
            let content = Content::default();
            response
                .content
                .insert("application/json".to_owned(), content.into());
        }
        for content in response.content.values_mut().filter_map(own) {
            exemplify(content, examples(route, status));
        }
    }
    if let (Some(RefOr::T(body)), Some(example)) = (&mut operation.request_body, request(route)) {
        for content in body.content.values_mut().filter_map(own) {
            exemplify(content, vec![("request", example.clone())]);
        }
    }
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in failures(route) {
        let (word, status) = code.row();
        by_status.entry(status.as_u16()).or_default().push(word);
    }
    for (status, words) in by_status {
        let schema = Ref::from_schema_name("Failure");
        let mut content = ContentBuilder::new().schema(Some(schema)).build();
        let examples = words.iter().map(|word| (*word, failure(word)));
        exemplify(&mut content, examples.collect());
        let response = ResponseBuilder::new()
            .description(words.join(", "))
            .content("application/json", content)
            .build();
        operation
            .responses
            .responses
            .insert(status.to_string(), response.into());
    }
    docs_limits::describe(route, operation);
}

fn own(content: &mut RefOr<Content>) -> Option<&mut Content> {
    match content {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    }
}

/// One example stands alone, several have names.
fn exemplify(content: &mut Content, examples: Vec<(&str, Value)>) {
    if let [(_, only)] = examples.as_slice() {
        content.example = Some(only.clone());
        return;
    }
    for (name, value) in examples {
        let example = ExampleBuilder::new().value(Some(value)).build();
        content.examples.insert(name.to_owned(), example.into());
    }
}

/// A text that is one of these words.
pub fn words(words: &[&str], default: Option<&str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words.iter().copied()))
        .default(default.map(Value::from))
        .build()
}

/// What the route can answer beside its own answers.
fn failures(route: &str) -> Vec<ApiCode> {
    if !route.contains("/api/") {
        return Vec::new();
    }
    let mut codes = vec![
        ApiCode::Unauthorized,
        ApiCode::InvalidApiKey,
        ApiCode::Forbidden,
        ApiCode::Validation,
        ApiCode::RateLimited,
        ApiCode::Unavailable,
        ApiCode::Internal,
    ];
    if docs_limits::is_repeatable(route) {
        codes.push(ApiCode::Conflict);
    }
    if route.contains("{iccid}") {
        codes.push(ApiCode::InvalidIccid);
    }
    if route.contains('{') {
        codes.push(ApiCode::NotFound);
    }
    codes.extend(AREAS.iter().flat_map(|area| (area.failures)(route)).copied());
    // These ask 1NCE.
    if route.ends_with("/sims/{iccid}") {
        codes.extend([
            ApiCode::Conflict,
            ApiCode::Upstream,
            ApiCode::UpstreamRateLimited,
            ApiCode::CapabilityUnavailable,
        ]);
    }
    if !route.starts_with("get") {
        codes.extend([ApiCode::PayloadTooLarge, ApiCode::UnsupportedMediaType]);
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
        route => AREAS.iter().find_map(|area| (area.request)(route)),
    }
}

/// What the route answers with this status.
fn examples(route: &str, status: &str) -> Vec<(&'static str, Value)> {
    match (route, status) {
        ("get /api/v1/sims/{iccid}/status", _) => vec![
            ("active", state("Enabled", "is_active")),
            ("suspended", state("Disabled", "is_suspended")),
            ("expired", state("Expired", "is_expired")),
            ("terminated", state("Enabled", "is_terminated")),
        ],
        (_, "503") => vec![("unready", health(false))],
        _ => vec![("success", success(route))],
    }
}

fn state(status: &str, holds: &str) -> Value {
    let terminated = holds == "is_terminated";
    let mut details = json!({
        "is_active": false, "is_expired": false, "is_suspended": false, "is_terminated": false,
    });
    details[holds] = json!(true);
    let data = json!({
        "iccid": "8988999000000000017", "status": status, "status_details": details,
        "missing_since": terminated.then_some(TIME), "activation_date": TIME, "last_checked": TIME,
    });
    json!({ "success": true, "data": data, "meta": meta() })
}

fn success(route: &str) -> Value {
    let data = match route {
        "get /api/v1/sims" => return page(),
        "get /api/v1/sims/{iccid}" | "put /api/v1/sims/{iccid}" => sim(),
        "get /health/live" => return json!({ "status": "live" }),
        "get /metrics" => {
            return json!(
                "simward_http_requests_total{route=\"/api/v1/sims\",method=\"GET\",status=\"200\"} 1\n"
            );
        }
        route => match AREAS.iter().find_map(|area| (area.success)(route)) {
            Some(Example::Data(data)) => data,
            Some(Example::Whole(answer)) => return answer,
            None => return health(true),
        },
    };
    json!({ "success": true, "data": data, "meta": meta() })
}

pub(super) fn meta() -> Value {
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

fn health(ready: bool) -> Value {
    let check = |name: &str, ok: bool| {
        let detail = (!ok).then_some("no answer");
        json!({ "name": name, "ok": ok, "required": true, "detail": detail })
    };
    json!({ "status": if ready { "ready" } else { "unready" }, "services": [
        { "service": "gateway", "ready": ready, "required": true, "checks": [check("database", ready), check("nats", true)] },
        { "service": "sim", "ready": true, "required": true, "checks": [check("database", true), check("nats", true)] },
        { "service": "usage", "ready": true, "required": false, "checks": [check("database", true), check("nats", true)] },
    ] })
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
