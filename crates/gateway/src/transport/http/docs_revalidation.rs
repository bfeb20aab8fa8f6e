//! What every GET with a JSON answer says about `ETag`, `If-None-Match` and 304.

use utoipa::Modify;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Header, RefOr, Required, ResponseBuilder};

pub struct Revalidation;

impl Modify for Revalidation {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            if let Some(operation) = &mut item.get
                && path.starts_with("/api/v1/")
            {
                describe(operation);
            }
        }
    }
}

fn describe(operation: &mut Operation) {
    let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") else {
        return;
    };
    if !answer.content.contains_key("application/json") {
        return;
    }
    answer.headers.insert("ETag".to_owned(), etag().into());
    let wanted = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "`ETag`s of answers that the client has, or `*`: 304 when one still holds",
        ))
        .schema(Some(text()))
        .example(Some(EXAMPLE.into()))
        .build();
    operation.parameters.get_or_insert_default().push(wanted.into());
    let held = ResponseBuilder::new()
        .description("The answer that the client has still holds; no body")
        .header("ETag", etag())
        .build();
    operation
        .responses
        .responses
        .insert("304".to_owned(), held.into());
}

const EXAMPLE: &str = "W/\"5f2b8c1d9e3a7046\"";

fn text() -> utoipa::openapi::schema::Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn etag() -> Header {
    HeaderBuilder::new()
        .schema(Some(text()))
        .description(Some("Names the answer without `meta`, weakly"))
        .build()
}
