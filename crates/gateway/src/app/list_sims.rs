use std::time::Duration;

use domain::{OrganizationId, Scope};
use messages::pb::sim::{ListSimsRequest, ListSimsResponse};
use messages::sim_rpc;

use super::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

const READ: Duration = Duration::from_secs(5);

/// Which SIMs, in which order; empty texts mean any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSims {
    /// 1-based; without meaning when there is a cursor.
    pub page: u32,
    /// 1 to 100.
    pub page_size: u32,
    pub cursor: String,
    pub status: String,
    pub organization: Option<OrganizationId>,
    pub tag: String,
    pub search: String,
    pub sort_by: String,
    pub descending: bool,
}

/// A page of the SIMs that the caller may see.
pub async fn list_sims(
    gateway: &Gateway,
    context: &RequestContext,
    query: &ListSims,
) -> Result<ListSimsResponse, ApiError> {
    let mut request = request(context, query)?;
    let mut page = ask(gateway, context, &request).await?;
    // sim-service parts what is too large for one message; a page shows all of its SIMs, so that the next page number
    // begins where this one ends.
    while page.has_next && page.sims.len() < query.page_size as usize {
        let listed = u32::try_from(page.sims.len()).unwrap_or(query.page_size);
        request.page_size = query.page_size.saturating_sub(listed);
        request.cursor = page.next_cursor;
        let rest = ask(gateway, context, &request).await?;
        page.sims.extend(rest.sims);
        page.next_cursor = rest.next_cursor;
        page.has_next = rest.has_next;
    }
    Ok(page)
}

pub(super) fn request(context: &RequestContext, query: &ListSims) -> Result<ListSimsRequest, ApiError> {
    let scope = match query.organization {
        None => context.principal.scope(),
        Some(wanted) if context.principal.sees(wanted) => Scope::Organization(wanted).into(),
        Some(_) => {
            let message = "the key belongs to another organization";
            return Err(ApiError::new(ApiCode::Forbidden, message));
        }
    };
    Ok(ListSimsRequest {
        scope: Some(scope),
        page: query.page,
        page_size: query.page_size,
        cursor: query.cursor.clone(),
        status: query.status.clone(),
        tag: query.tag.clone(),
        search: query.search.clone(),
        sort_by: query.sort_by.clone(),
        descending: query.descending,
    })
}

pub(super) async fn ask(
    gateway: &Gateway,
    context: &RequestContext,
    request: &ListSimsRequest,
) -> Result<ListSimsResponse, ApiError> {
    let call = gateway
        .bus
        .call::<sim_rpc::ListSims>(request, READ, &context.request_id);
    Ok(call.await?)
}
