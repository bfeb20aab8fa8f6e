use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig, delete, get, post, put};
use actix_web::{HttpRequest, HttpResponse};
use tracing::Instrument;

use super::auth::{AdminUsers, Authenticated};
use super::envelope::{self, Answer, Listed};
use super::identity_query::{CursorPage, CursorParams, path_id};
use super::identity_schema::{NewKeyBody, UpdateKeyBody};
use super::identity_view::{KeyView, NewKeyView};
use super::params::Params;
use super::request::span;
use super::{body, idempotency, identity_body, resource};
use crate::app::{Gateway, api_keys};
use crate::error::ApiError;

pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource(
            "/api/v1/api-keys",
            "GET, POST",
            [get().to(list_keys), post().to(create_key)],
        ))
        .service(resource(
            "/api/v1/api-keys/{id}",
            "GET, PUT, DELETE",
            [get().to(get_key), put().to(update_key), delete().to(revoke_key)],
        ));
}

/// A page of API keys
///
/// The newest first, revoked ones too. An organization's caller sees its own.
#[utoipa::path(
    get, path = "/api/v1/api-keys", tag = "API keys", params(CursorParams), security(("api_key" = ["admin:users"])),
    responses((status = 200, description = "A page of API keys", body = Listed<KeyView>))
)]
pub async fn list_keys(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let page = CursorPage::read(request.query_string())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "GET /api/v1/api-keys", &request_id);
    let (main, after, limit) = (Arc::clone(&gateway), page.after, page.limit());
    let work = async move { api_keys::list(&main, &context, after, limit).await };
    let mut found = gateway.on_main(work).instrument(span).await?;
    let next = page.cut(&mut found, |row| row.id);
    let views: Vec<KeyView> = found.into_iter().map(Into::into).collect();
    envelope::listed(&views, page.size, next, &request_id)
}

/// One API key
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", tag = "API keys", security(("api_key" = ["admin:users"])),
    params(("id" = Uuid, Path, description = "The API key's id")),
    responses((status = 200, description = "The API key", body = Answer<KeyView>))
)]
pub async fn get_key(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let id = path_id(&request)?;
    Params::none(request.query_string()).or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "GET /api/v1/api-keys/{id}", &request_id);
    let main = Arc::clone(&gateway);
    let work = async move { api_keys::get(&main, &context, id).await };
    let found = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &KeyView::from(found), &request_id)
}

/// Make an API key
///
/// Nobody makes a key that may do more than himself; an organization's caller makes keys of that organization only.
#[utoipa::path(
    post, path = "/api/v1/api-keys", tag = "API keys", security(("api_key" = ["admin:users"])), request_body = NewKeyBody,
    responses((status = 201, description = "The key; its text is never shown again", body = Answer<NewKeyView>))
)]
pub async fn create_key(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    let new = identity_body::new_key(body::parse(&body)?, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/api-keys", &request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |_| {
        let work = api_keys::create(Arc::clone(&own), by, new);
        let (created, info) = own.on_main(work).instrument(span).await?;
        envelope::answer(StatusCode::CREATED, &NewKeyView::new(created, info), &request_id)
    })
    .await
}

/// Change an API key
///
/// Takes effect within a second. A revoked key cannot be changed.
#[utoipa::path(
    put, path = "/api/v1/api-keys/{id}", tag = "API keys", security(("api_key" = ["admin:users"])),
    params(("id" = Uuid, Path, description = "The API key's id")), request_body = UpdateKeyBody,
    responses((status = 200, description = "The API key as it is now", body = Answer<KeyView>))
)]
pub async fn update_key(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let id = path_id(&request)?;
    let faults = Params::none(request.query_string());
    let body = body::object(&gateway, &request, payload).await?;
    let update = identity_body::update_key(body, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "PUT /api/v1/api-keys/{id}", &request_id);
    let work = api_keys::update(Arc::clone(&gateway), context, id, update);
    let changed = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &KeyView::from(changed), &request_id)
}

/// Revoke an API key
///
/// For ever; it is refused within a second.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", tag = "API keys", security(("api_key" = ["admin:users"])),
    params(("id" = Uuid, Path, description = "The API key's id")),
    responses((status = 200, description = "The API key as it was left", body = Answer<KeyView>))
)]
pub async fn revoke_key(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let id = path_id(&request)?;
    Params::none(request.query_string()).or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "DELETE /api/v1/api-keys/{id}", &request_id);
    let work = api_keys::revoke(Arc::clone(&gateway), context, id);
    let left = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &KeyView::from(left), &request_id)
}
