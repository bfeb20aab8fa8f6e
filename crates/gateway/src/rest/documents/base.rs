use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContactBuilder, Info, InfoBuilder, License, OpenApi, OpenApiBuilder, Paths, ServerBuilder,
};

/// What there is, in the order of the pages that show it.
pub const TAGS: &[(&str, &str)] = &[
    (
        "SIMs",
        "The cards: what is known of each, changes of one or many, files in and out.",
    ),
    (
        "Jobs",
        "Work on many SIMs: how far it is, what became of each, and its control.",
    ),
    ("Fleet", "The whole fleet at a glance."),
    (
        "Usage",
        "What SIMs used, by time, country, operator, radio and tag.",
    ),
    ("Events", "What happened, as it happens and afterwards."),
    (
        "Ingest",
        "What 1NCE sends: streams, and records that could not be read.",
    ),
    ("Sync", "Readings from 1NCE's API."),
    (
        "Provider",
        "What 1NCE's API offers, and what the end of its v1 changes.",
    ),
    ("Auth", "Logging in and out, and who the caller is."),
    ("Users", "People who log in."),
    ("API keys", "Credentials of programs."),
    ("Organizations", "Tenants: whose SIMs, users and keys they are."),
    ("Audit", "Who did what."),
    (
        "Operations",
        "For those who run the platform: health, metrics and documents.",
    ),
];

/// The document without any operation.
pub fn document() -> OpenApi {
    let tags = TAGS.iter().map(|(name, description)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*description))
            .build()
    });
    let server = ServerBuilder::new()
        .url("/")
        .description(Some("The gateway that serves this document"))
        .build();
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([server]))
        .paths(Paths::new())
        .components(Some(security_schemes()))
        .tags(Some(tags))
        .build()
}

fn info() -> Info {
    let mut license = License::new("MIT");
    license.identifier = Some("MIT".to_owned());
    InfoBuilder::new()
        .title("Simward")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("REST API of Simward, which runs a fleet of 1NCE SIM cards."))
        .contact(Some(
            ContactBuilder::new()
                .name(Some("Whoever runs this installation"))
                .build(),
        ))
        .license(Some(license))
        .build()
}

/// Whatever an API key may ask, a user may ask with an access token.
fn security_schemes() -> Components {
    let key = ApiKey::Header(ApiKeyValue::with_description(
        "X-API-Key",
        "A key made by `simward keys create`, with the scope that the route names.",
    ));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The `access_token` of `POST /api/v1/auth/login`; the user's role has the permission that the route names.",
        ))
        .build();
    let mut components = Components::new();
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components
}
