use std::time::Duration;

use domain::OrganizationId;
use messages::pb::common::Scope;
use messages::pb::sim::{ListSimsRequest, ListSimsResponse};
use messages::sim_rpc;

use super::{Asker, Gateway};
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
    asker: &Asker,
    query: &ListSims,
) -> Result<ListSimsResponse, ApiError> {
    let scope = match query.organization {
        None => asker.principal.scope(),
        Some(wanted) if asker.principal.sees(wanted) => Scope {
            organization_id: wanted.to_string(),
        },
        Some(_) => {
            let message = "the key belongs to another organization";
            return Err(ApiError::new(ApiCode::Forbidden, message));
        }
    };
    let request = ListSimsRequest {
        scope: Some(scope),
        page: query.page,
        page_size: query.page_size,
        cursor: query.cursor.clone(),
        status: query.status.clone(),
        tag: query.tag.clone(),
        search: query.search.clone(),
        sort_by: query.sort_by.clone(),
        descending: query.descending,
    };
    let answer = gateway
        .bus
        .call::<sim_rpc::ListSims>(&request, READ, &asker.request_id)
        .await?;
    Ok(answer)
}
