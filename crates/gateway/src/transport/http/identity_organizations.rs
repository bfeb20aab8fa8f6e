use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};
use tracing::Instrument;

use super::auth::{AdminUsers, Anybody, Authenticated};
use super::envelope::{self, Answer, Listed};
use super::identity_query::{CursorPage, CursorParams};
use super::identity_schema::NewOrganizationBody;
use super::identity_view::OrganizationView;
use super::params::Params;
use super::request::span;
use super::{body, idempotency, identity_body, resource};
use crate::app::{Gateway, organizations};
use crate::error::ApiError;

pub fn routes(config: &mut ServiceConfig) {
    config.service(resource(
        "/api/v1/organizations",
        "GET, POST",
        [get().to(list_organizations), post().to(create_organization)],
    ));
}

/// A page of organizations
///
/// The oldest first. An organization's caller sees its own.
#[utoipa::path(
    get, path = "/api/v1/organizations", tag = "Organizations", params(CursorParams), security(("api_key" = [])),
    responses((status = 200, description = "A page of organizations", body = Listed<OrganizationView>))
)]
pub async fn list_organizations(
    gateway: Data<Gateway>,
    caller: Authenticated<Anybody>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let page = CursorPage::read(request.query_string())?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "GET /api/v1/organizations", &request_id);
    let (main, after, limit) = (Arc::clone(&gateway), page.after, page.limit());
    let work = async move { organizations::list(&main, &context, after, limit).await };
    let mut found = gateway.on_main(work).instrument(span).await?;
    let next = page.cut(&mut found, |row| row.id.0);
    let views: Vec<OrganizationView> = found.into_iter().map(Into::into).collect();
    envelope::listed(&views, page.size, next, &request_id)
}

/// Make an organization
///
/// Only for callers of the whole platform.
#[utoipa::path(
    post, path = "/api/v1/organizations", tag = "Organizations", security(("api_key" = ["admin:users"])),
    request_body = NewOrganizationBody,
    responses((status = 201, description = "The organization", body = Answer<OrganizationView>))
)]
pub async fn create_organization(
    gateway: Data<Gateway>,
    caller: Authenticated<AdminUsers>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let faults = Params::none(request.query_string());
    let body = body::json_bytes(&gateway, &request, payload).await?;
    let new = identity_body::new_organization(body::parse(&body)?, faults)?;
    let request_id = Arc::clone(&context.request_id);
    let span = span(&request, "POST /api/v1/organizations", &request_id);
    let (own, by) = (gateway.clone(), context.clone());
    idempotency::once(&gateway, &context, &request, &body, async move |_| {
        let work = organizations::create(Arc::clone(&own), by, new);
        let made = own.on_main(work).instrument(span).await?;
        envelope::answer(StatusCode::CREATED, &OrganizationView::from(made), &request_id)
    })
    .await
}
