//! The OpenAPI document and the page that shows it.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION,
};
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{RefOr, Required};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::Config;

use super::area::AREAS;
use super::docs_examples::Examples;
use super::docs_revalidation::Revalidation;
use super::docs_texts::Texts;
use super::envelope::Failure;
use super::{health, sims};
use crate::error::{ApiCode, ApiError};

/// The page brings its own scripts and styles; some styles stand in its elements.
const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'",
);

#[derive(OpenApi)]
#[openapi(
    info(title = "Simward", description = "REST API of Simward, which runs a fleet of 1NCE SIM cards.", license(name = "MIT", identifier = "MIT")),
    paths(
        sims::list_sims, sims::get_sim, sims::get_sim_status, sims::update_sim,
        health::report, health::live, health::ready, health::metrics,
    ),
    components(schemas(Failure)),
    modifiers(&KeyScheme)
)]
struct Document;

struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = ApiKey::Header(ApiKeyValue::with_description(
            "X-API-Key",
            "A key made by `simward keys create`, with the scope that the route names.",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    }
}

/// Whatever an API key may ask, a user may ask with an access token.
struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "The `access_token` of `POST /api/v1/auth/login`; the user's role has the permission that the route names.",
            ))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                add_bearer(operation);
            }
        }
    }
}

fn add_bearer(operation: &mut Operation) {
    let Some(security) = &mut operation.security else {
        return;
    };
    let with_key = security
        .iter()
        .find_map(|one| serde_json::to_value(one).ok()?.get("api_key").cloned());
    if let Some(scopes) = with_key {
        let scopes: Vec<String> = serde_json::from_value(scopes).unwrap_or_default();
        security.push(SecurityRequirement::new("bearer", scopes));
    }
}

/// The bodies that may be left out; as an `Option` they would be documented to accept `null`.
struct OptionalBody;

impl Modify for OptionalBody {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let path = document.paths.paths.get_mut("/api/v1/sync/usage");
        let operation = path.and_then(|path| path.post.as_mut());
        if let Some(RefOr::T(body)) = operation.and_then(|operation| operation.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
    }
}

/// The OpenAPI 3.1 document of the gateway.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    for area in AREAS {
        document.merge((area.document)());
    }
    OptionalBody.modify(&mut document);
    BearerScheme.modify(&mut document);
    Texts.modify(&mut document);
    Examples.modify(&mut document);
    // After the examples: a 304 has no body to show.
    Revalidation.modify(&mut document);
    document
}

static JSON: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi().to_json().unwrap_or_default()));

pub async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(JSON.clone())
}

pub async fn to_swagger() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}

pub async fn swagger(file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let config = Arc::new(Config::from("/openapi.json"));
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| ApiError::internal(&error))?;
    let Some(found) = found else {
        return Err(ApiError::new(ApiCode::NotFound, "there is nothing at this path"));
    };
    let mut response = HttpResponse::Ok();
    response
        .content_type(found.content_type)
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((CONTENT_SECURITY_POLICY, SWAGGER_POLICY));
    if found.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(found.bytes.into_owned()))
}
