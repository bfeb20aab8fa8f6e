use messages::pb::sim::ListSimsResponse;

use super::list_sims::{self, ListSims};
use super::{Gateway, RequestContext};
use crate::error::ApiError;

/// SIMs that one question asks for; sim-service answers fewer when they are large.
pub const PAGE: u32 = 1000;

/// The SIMs behind `query.cursor`, in the order of their ICCIDs.
pub async fn export_page(
    gateway: &Gateway,
    context: &RequestContext,
    query: &ListSims,
) -> Result<ListSimsResponse, ApiError> {
    let request = list_sims::request(context, query)?;
    let page = list_sims::ask(gateway, context, &request).await?;
    let leads_on = !page.next_cursor.is_empty() && page.next_cursor != query.cursor;
    if page.has_next && !leads_on {
        return Err(ApiError::internal(
            &"sim-service's page lacks a cursor that leads on",
        ));
    }
    Ok(page)
}
