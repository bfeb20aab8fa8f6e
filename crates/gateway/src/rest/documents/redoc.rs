//! ReDoc: the OpenAPI document as a page to read. Page and script come with the program; nothing comes from elsewhere.

use std::io::Write;
use std::sync::LazyLock;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderValue, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use aide::redoc::Redoc;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::ApiError;
use crate::rest::frame::{AnyQuery, Operation, operations};

pub fn operations() -> Vec<Operation> {
    operations![
        get_redoc_page.undocumented().unmetered(),
        get_redoc_script.undocumented().unmetered(),
    ]
}

/// The styles stand in the elements that the script makes; its search runs in a worker made of its own text.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; worker-src blob:; frame-ancestors 'none'",
);

/// The element that the page of the library and ours both have.
const CONTAINER: &str = "redoc-container";

/// The one picture that the script would load.
const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Simward API</title>
    <style>body { margin: 0; }</style>
  </head>
  <body>
    <div id="redoc-container"></div>
    <script src="/redoc/redoc.js"></script>
  </body>
</html>
"#;

/// The script, and the same compressed.
struct Script {
    plain: Bytes,
    gzip: Option<Bytes>,
}

static SCRIPT: LazyLock<Option<Script>> = LazyLock::new(|| {
    let plain = script_of(&Redoc::new("/openapi.json").html())?;
    let gzip = compressed(plain.as_bytes());
    Some(Script {
        plain: plain.into(),
        gzip: gzip
            .inspect_err(|error| tracing::error!(%error, "ReDoc's script cannot be compressed"))
            .ok(),
    })
});

/// The one script of the library's page; it ends with the call that draws the document.
fn script_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<script>")?;
    let (script, _) = rest.rsplit_once("</script>")?;
    let (library, _) = script.rsplit_once("Redoc.init(")?;
    let (library, _) = library.rsplit_once("//# sourceMappingURL=")?;
    let library = library.replace(LOGO, "data:,");
    // The default theme asks for fonts by name that a reader may not have.
    Some(format!(
        "{library}Redoc.init('/openapi.json', {{ \
         theme: {{ typography: {{ fontFamily: 'system-ui, sans-serif', \
         headings: {{ fontFamily: 'system-ui, sans-serif' }} }} }} }}, \
         document.getElementById('{CONTAINER}'));\n"
    ))
}

fn compressed(text: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text)?;
    Ok(encoder.finish()?.into())
}

/// The page
#[utoipa::path(get, path = "/redoc")]
async fn get_redoc_page(_: AnyQuery) -> Result<HttpResponse, ApiError> {
    Ok(kept().content_type("text/html; charset=utf-8").body(PAGE))
}

/// Its script
#[utoipa::path(get, path = "/redoc/redoc.js")]
async fn get_redoc_script(_: AnyQuery, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::internal(&"ReDoc's page has no script");
    let script = SCRIPT.as_ref().ok_or_else(missing)?;
    let mut response = kept();
    response
        .content_type("text/javascript; charset=utf-8")
        .insert_header((VARY, "Accept-Encoding"));
    Ok(match &script.gzip {
        Some(gzip) if takes_gzip(&request) => response
            .insert_header((CONTENT_ENCODING, "gzip"))
            .body(gzip.clone()),
        _ => response.body(script.plain.clone()),
    })
}

fn kept() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY));
    response
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(ACCEPT_ENCODING);
    let accepted = accepted.filter_map(|list| list.to_str().ok());
    accepted
        .flat_map(|list| list.split(','))
        .any(|word| matches!(word.trim(), "gzip" | "gzip;q=1" | "gzip;q=1.0"))
}
