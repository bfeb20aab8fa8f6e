use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::web::{Data, Payload, ServiceConfig, get, post, put};
use actix_web::{HttpRequest, HttpResponse};
use tracing::Instrument;

use super::auth::{Anybody, Authenticated};
use super::envelope::{self, Answer};
use super::identity_schema::{LoginBody, PasswordBody, RefreshBody};
use super::identity_view::{EndedView, LoginView, MeView, TokensView};
use super::params::Params;
use super::request::{RequestId, client_addr, span};
use super::{body, identity_body, resource};
use crate::app::Gateway;
use crate::app::identity::{self, Origin};
use crate::error::ApiError;

const USER_AGENT_CHARS: usize = 255;

pub fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/auth/login", "POST", [post().to(login)]))
        .service(resource("/api/v1/auth/refresh", "POST", [post().to(refresh)]))
        .service(resource("/api/v1/auth/logout", "POST", [post().to(logout)]))
        .service(resource("/api/v1/auth/me", "GET", [get().to(me)]))
        .service(resource(
            "/api/v1/auth/password",
            "PUT",
            [put().to(change_password)],
        ));
}

fn origin(gateway: &Gateway, request: &HttpRequest) -> Origin {
    let agent = request.headers().get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    Origin {
        request_id: RequestId::of_request(request),
        remote_addr: client_addr(gateway, request),
        user_agent: agent.map(|agent| agent.chars().take(USER_AGENT_CHARS).collect()),
    }
}

/// Log in
///
/// The access token counts for 30 minutes, the refresh token once within 7 days. After 10 failures of a name or 50 of
/// a client address within 15 minutes the answer is 429 until those are over.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "Auth", request_body = LoginBody,
    responses((status = 200, description = "The session's tokens, and the user", body = Answer<LoginView>))
)]
pub async fn login(
    gateway: Data<Gateway>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let faults = Params::none(request.query_string());
    let body = body::object(&gateway, &request, payload).await?;
    let login = identity_body::login(body, faults)?;
    let origin = origin(&gateway, &request);
    let request_id = Arc::clone(&origin.request_id);
    let span = span(&request, "POST /api/v1/auth/login", &request_id);
    let work = identity::login(Arc::clone(&gateway), origin, login);
    let (tokens, user) = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &LoginView::new(&tokens, user), &request_id)
}

/// Trade a refresh token for new tokens
///
/// A token that was used before ends its session: somebody has a copy.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "Auth", request_body = RefreshBody,
    responses((status = 200, description = "New tokens", body = Answer<TokensView>))
)]
pub async fn refresh(
    gateway: Data<Gateway>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let faults = Params::none(request.query_string());
    let body = body::object(&gateway, &request, payload).await?;
    let token = identity_body::refresh(body, faults)?;
    let origin = origin(&gateway, &request);
    let request_id = Arc::clone(&origin.request_id);
    let span = span(&request, "POST /api/v1/auth/refresh", &request_id);
    let work = identity::refresh(Arc::clone(&gateway), origin, token);
    let tokens = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &TokensView::from(&tokens), &request_id)
}

/// End the session
///
/// Its access token is refused within a second. For users.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "Auth", security(("api_key" = [])),
    responses((status = 200, description = "Whether this request ended it", body = Answer<EndedView>))
)]
pub async fn logout(
    gateway: Data<Gateway>,
    caller: Authenticated<Anybody>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    Params::none(request.query_string()).or(())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/auth/logout", &request_id);
    let work = identity::logout(Arc::clone(&gateway), context);
    let sessions_ended = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &EndedView { sessions_ended }, &request_id)
}

/// Who the caller is, and what it may do
#[utoipa::path(
    get, path = "/api/v1/auth/me", tag = "Auth", security(("api_key" = [])),
    responses((status = 200, description = "The caller", body = Answer<MeView>))
)]
pub async fn me(caller: Authenticated<Anybody>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    Params::none(request.query_string()).or(())?;
    let view = MeView::from(&*context.principal);
    envelope::answer(StatusCode::OK, &view, &context.request_id)
}

/// Change the own password
///
/// All other sessions of the user end. For users.
#[utoipa::path(
    put, path = "/api/v1/auth/password", tag = "Auth", security(("api_key" = [])), request_body = PasswordBody,
    responses((status = 200, description = "How many other sessions ended", body = Answer<EndedView>))
)]
pub async fn change_password(
    gateway: Data<Gateway>,
    caller: Authenticated<Anybody>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::object(&gateway, &request, payload).await?;
    let change = identity_body::change_password(body, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "PUT /api/v1/auth/password", &request_id);
    let work = identity::change_password(Arc::clone(&gateway), context, change);
    let sessions_ended = gateway.on_main(work).instrument(span).await?;
    envelope::answer(StatusCode::OK, &EndedView { sessions_ended }, &request_id)
}
