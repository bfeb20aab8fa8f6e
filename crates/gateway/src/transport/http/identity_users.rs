use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig, delete, get, post, put};
use actix_web::{HttpRequest, HttpResponse};
use tracing::Instrument;

use super::auth::{AdminUsers, Authenticated};
use super::envelope::{self, Answer, Listed};
use super::identity_query::{CursorPage, CursorParams, path_id};
use super::identity_schema::{NewUserBody, UpdateUserBody};
use super::identity_view::UserView;
use super::params::Params;
use super::request::span;
use super::{body, idempotency, identity_body, resource};
use crate::app::{Gateway, user_changes as users};
use crate::error::ApiError;

pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource(
            "/api/v1/users",
            "GET, POST",
            [get().to(list_users), post().to(create_user)],
        ))
        .service(resource(
            "/api/v1/users/{id}",
            "GET, PUT, DELETE",
            [
                get().to(get_user),
                put().to(update_user),
                delete().to(delete_user),
            ],
        ));
}

/// A page of users
///
/// The oldest first. An organization's caller sees its own.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "Users", params(CursorParams), security(("api_key" = ["admin:users"])),
    responses((status = 200, description = "A page of users", body = Listed<UserView>))
)]
pub async fn list_users(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let page = CursorPage::read(request.query_string())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "GET /api/v1/users", &request_id);
    let (main, after, limit) = (Arc::clone(&gateway), page.after, page.limit());
    let work = async move { users::list(&main, &context, after, limit).await };
    let mut found = gateway.on_main(work).instrument(span).await?;
    let next = page.cut(&mut found, |row| row.id);
    let views: Vec<UserView> = found.into_iter().map(Into::into).collect();
    envelope::listed(&views, page.size, next, &request_id)
}

/// One user
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "Users", security(("api_key" = ["admin:users"])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The user", body = Answer<UserView>))
)]
pub async fn get_user(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let id = path_id(&request)?;
    Params::none(request.query_string()).or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "GET /api/v1/users/{id}", &request_id);
    let main = Arc::clone(&gateway);
    let work = async move { users::get(&main, &context, id).await };
    let found = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &UserView::from(found), &request_id)
}

/// Make a user
///
/// Nobody makes a user who may do more than himself; an organization's caller makes users of that organization only.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "Users", security(("api_key" = ["admin:users"])), request_body = NewUserBody,
    responses((status = 201, description = "The user", body = Answer<UserView>))
)]
pub async fn create_user(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    let new = identity_body::new_user(body::parse(&body)?, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/users", &request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |_| {
        let work = users::create(Arc::clone(&own), by, new);
        let made = own.on_main(work).instrument(span).await?;
        envelope::answer(StatusCode::CREATED, &UserView::from(made), &request_id)
    })
    .await
}

/// Change a user
///
/// Another role, organization or password, and being switched off, end the user's sessions.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", tag = "Users", security(("api_key" = ["admin:users"])),
    params(("id" = Uuid, Path, description = "The user's id")), request_body = UpdateUserBody,
    responses((status = 200, description = "The user as it is now", body = Answer<UserView>))
)]
pub async fn update_user(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let id = path_id(&request)?;
    let faults = Params::none(request.query_string());
    let body = body::object(&gateway, &request, payload).await?;
    let update = identity_body::update_user(body, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "PUT /api/v1/users/{id}", &request_id);
    let work = users::update(Arc::clone(&gateway), context, id, update);
    let changed = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &UserView::from(changed), &request_id)
}

/// Delete a user
///
/// For ever: the name stays taken, and the audit log keeps telling who it was. The user's sessions end.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "Users", security(("api_key" = ["admin:users"])),
    params(("id" = Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The user as it was left", body = Answer<UserView>))
)]
pub async fn delete_user(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let id = path_id(&request)?;
    Params::none(request.query_string()).or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "DELETE /api/v1/users/{id}", &request_id);
    let work = users::delete(Arc::clone(&gateway), context, id);
    let left = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &UserView::from(left), &request_id)
}
