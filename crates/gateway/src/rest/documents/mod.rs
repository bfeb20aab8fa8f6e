//! The OpenAPI document, gathered from what each operation's types say, and the pages that show it.

mod always;
mod base;
mod headers;
mod operation;
mod redoc;
mod swagger;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use bytes::Bytes;
use utoipa::openapi::HttpMethod;

use super::frame::envelope::Failure;
use super::frame::said::{Component, components_of};
use super::frame::{AnyQuery, Operation, operations};
use crate::error::ApiError;

pub fn operations() -> Vec<Operation> {
    let mut operations = operations![get_openapi.undocumented().unmetered()];
    operations.extend(swagger::operations());
    operations.extend(redoc::operations());
    operations
}

static JSON: LazyLock<Result<Bytes, serde_json::Error>> =
    LazyLock::new(|| openapi().to_json().map(Bytes::from));

/// The OpenAPI document
#[utoipa::path(get, path = "/openapi.json")]
async fn get_openapi(_: AnyQuery) -> Result<HttpResponse, ApiError> {
    let json = JSON.as_ref().map_err(|error| ApiError::internal(error))?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(json.clone()))
}

/// The OpenAPI 3.1 document of the gateway.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = base::document();
    let mut components = components_of::<Failure>();
    for operation in super::operations().into_iter().filter(|one| one.is_documented) {
        add(&mut document, &operation, &mut components);
    }
    let known = document.components.get_or_insert_default();
    for (name, mut schema) in components {
        always::require_nullable(&mut schema);
        known.schemas.insert(name, schema);
    }
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
