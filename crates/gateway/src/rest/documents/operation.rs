use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation as Described;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, ContentBuilder, HttpMethod, Ref, RefOr, Response, ResponseBuilder};

use super::headers;
use crate::error::ApiCode;
use crate::rest::frame::Operation;
use crate::rest::frame::example::meta;
use crate::rest::frame::said::{Access, Said, Success};

/// The operation as the document has it.
pub fn describe(operation: &Operation, method: &HttpMethod, said: Said) -> Described {
    let Said {
        operation: mut described,
        access,
        codes,
        successes,
        is_once,
        ..
    } = said;
    described.security = Some(security(access));
    let revalidates = matches!(method, HttpMethod::Get) && successes.iter().any(|one| one.revalidates);
    let parameters = described.parameters.get_or_insert_default();
    if revalidates {
        parameters.push(headers::if_none_match().into());
    }
    if is_once {
        parameters.push(headers::idempotency_key().into());
    }
    if parameters.is_empty() {
        described.parameters = None;
    }
    let responses = &mut described.responses.responses;
    for success in successes {
        let status = success.status.to_string();
        responses.insert(status, answer(success, is_once, revalidates).into());
    }
    if revalidates {
        responses.insert("304".to_owned(), headers::not_modified().into());
    }
    responses.extend(failures(&codes));
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            headers::add_to_all(response, status, operation.is_metered);
        }
    }
    described
}

fn security(access: Access) -> Vec<SecurityRequirement> {
    let scopes = match access {
        Access::Public => return Vec::new(),
        Access::Known => Vec::new(),
        Access::Needs(permission) => vec![permission.word()],
    };
    ["api_key", "bearer"]
        .map(|scheme| SecurityRequirement::new(scheme, scopes.clone()))
        .into()
}

fn answer(success: Success, is_once: bool, revalidates: bool) -> Response {
    let mut content = ContentBuilder::new().schema(Some(success.schema)).build();
    exemplify(&mut content, success.examples);
    let mut response = ResponseBuilder::new()
        .description(success.description)
        .content(success.content_type, content)
        .build();
    if is_once {
        headers::add_replayed(&mut response);
    }
    if revalidates {
        headers::add_etag(&mut response);
    }
    response
}

/// One example stands alone, several have names.
fn exemplify(content: &mut Content, examples: Vec<(&'static str, Value)>) {
    if let [(_, only)] = examples.as_slice() {
        content.example = Some(only.clone());
        return;
    }
    for (name, value) in examples {
        let example = ExampleBuilder::new().value(Some(value)).build();
        content.examples.insert(name.to_owned(), example.into());
    }
}

fn failures(codes: &BTreeSet<ApiCode>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in codes {
        let (word, status) = code.row();
        by_status.entry(status.as_u16()).or_default().push(word);
    }
    let responses = by_status.into_iter().map(|(status, words)| {
        let schema = Ref::from_schema_name("Failure");
        let mut content = ContentBuilder::new().schema(Some(schema)).build();
        exemplify(
            &mut content,
            words.iter().map(|word| (*word, failure(word))).collect(),
        );
        let response = ResponseBuilder::new()
            .description(words.join(", "))
            .content("application/json", content);
        (status.to_string(), response.build().into())
    });
    responses.collect()
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
