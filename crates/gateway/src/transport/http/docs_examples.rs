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

/// They ask for no credentials.
const PUBLIC: [&str; 2] = ["post /api/v1/auth/login", "post /api/v1/auth/refresh"];

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
    if PUBLIC.contains(&route) {
        codes.retain(|code| ![ApiCode::InvalidApiKey, ApiCode::Forbidden].contains(code));
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
        route => AREAS.iter().find_map(|area| (area.request)(route)),
    }
}

/// What the route answers with this status.
fn examples(route: &str, status: &str) -> Vec<(&'static str, Value)> {
    match (route, status) {
        _ => vec![("success", success(route))],
    }
}

fn success(route: &str) -> Value {
    let data = match route {
        route => match AREAS.iter().find_map(|area| (area.success)(route)) {
            Some(Example::Data(data)) => data,
            Some(Example::Whole(answer)) => return answer,
            None => Value::Null,
        },
    };
    json!({ "success": true, "data": data, "meta": meta() })
}

pub(super) fn meta() -> Value {
    json!({ "timestamp": TIME, "request_id": "019cf7a0-0000-7000-8000-000000000001" })
}
