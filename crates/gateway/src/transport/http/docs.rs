//! The OpenAPI document.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi};

use super::area::AREAS;
use super::docs_examples::Examples;
use super::docs_revalidation::Revalidation;
use super::docs_texts::Texts;
use super::envelope::Failure;

#[derive(OpenApi)]
#[openapi(
    info(title = "Simward", description = "REST API of Simward, which runs a fleet of 1NCE SIM cards.", license(name = "MIT", identifier = "MIT")),
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

/// The OpenAPI 3.1 document of the gateway.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    for area in AREAS {
        document.merge((area.document)());
    }
    BearerScheme.modify(&mut document);
    Texts.modify(&mut document);
    Examples.modify(&mut document);
    // After the examples: a 304 has no body to show.
    Revalidation.modify(&mut document);
    document
}
