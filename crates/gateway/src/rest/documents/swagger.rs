//! Swagger UI: the OpenAPI document as a page to try. Page and scripts come with the program; nothing comes from
//! elsewhere.

use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION,
};
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use crate::error::{ApiCode, ApiError};
use crate::rest::frame::state::RequestState;
use crate::rest::frame::{AnyQuery, Operation, operations};

/// The page brings its own scripts and styles; some styles stand in its elements.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'",
);

pub fn operations() -> Vec<Operation> {
    operations![
        redirect_to_swagger_page.undocumented().unmetered(),
        get_swagger_page.undocumented().unmetered(),
        get_swagger_file.undocumented().unmetered(),
    ]
}

/// To the folder, against which the page resolves the names of its files
#[utoipa::path(get, path = "/docs")]
async fn redirect_to_swagger_page(_: AnyQuery) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish())
}

/// The page
#[utoipa::path(get, path = "/docs/")]
async fn get_swagger_page(_: AnyQuery) -> Result<HttpResponse, ApiError> {
    file("")
}

/// A file of the page
#[utoipa::path(get, path = "/docs/{*file}")]
async fn get_swagger_file(_: AnyQuery, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let state = RequestState::of(&request);
    let matched = state.matched.get();
    file(
        matched
            .and_then(|matched| matched.named("file"))
            .unwrap_or_default(),
    )
}

fn file(name: &str) -> Result<HttpResponse, ApiError> {
    let config = Arc::new(Config::from("/openapi.json"));
    let found = utoipa_swagger_ui::serve(name, config).map_err(|error| ApiError::internal(&error))?;
    let Some(found) = found else {
        return Err(ApiError::new(ApiCode::NotFound, "there is nothing at this path"));
    };
    let mut response = HttpResponse::Ok();
    response
        .content_type(found.content_type)
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY));
    if found.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(found.bytes.into_owned()))
}
