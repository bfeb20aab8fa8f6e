//! The OpenAPI document, gathered from what each operation's types say.

mod headers;
mod operation;

use std::collections::BTreeMap;

use utoipa::openapi::HttpMethod;

use super::frame::Operation;
use super::frame::said::Component;

/// The OpenAPI 3.1 document of the gateway.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = crate::transport::http::openapi();
    let mut components = Vec::new();
    for operation in super::operations().into_iter().filter(|one| one.is_documented) {
        add(&mut document, &operation, &mut components);
    }
    let known = document.components.get_or_insert_default();
    known
        .schemas
        .extend(components.into_iter().collect::<BTreeMap<_, _>>());
    document
}

fn add(document: &mut utoipa::openapi::OpenApi, operation: &Operation, components: &mut Vec<Component>) {
    for method in &operation.methods {
        let Some(method) = documented(method) else {
            continue;
        };
        let said = operation.said();
        components.extend(said.components.iter().cloned());
        let described = operation::describe(operation, &method, said);
        document
            .paths
            .add_path_operation(&operation.path, vec![method], described);
    }
}

/// HEAD answers what GET does, without a body: nobody makes a client of it.
fn documented(method: &actix_web::http::Method) -> Option<HttpMethod> {
    match method.as_str() {
        "GET" => Some(HttpMethod::Get),
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}
