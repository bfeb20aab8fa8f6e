use std::sync::Arc;
use std::time::Duration;

use domain::AccountSlug;
use messages::pb::sim::{StartSyncRequest, StartSyncResponse, SyncStatusRequest, SyncStatusResponse};
use messages::sim_rpc;
use serde_json::json;

use super::{Act, CHANGE_LIMIT, Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

const READ: Duration = Duration::from_secs(5);
const SYNCS: &str = "syncs concern the whole platform";

/// Which accounts to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartSync {
    /// `None`: all.
    pub account: Option<AccountSlug>,
    /// Store that SIMs are gone even when they are suspiciously many.
    pub accept_mass_missing: bool,
}

/// How the readings of the fleet stand: numbers of the whole platform. How fresh a SIM is says its `last_synced_at`.
pub async fn sync_status(
    gateway: &Gateway,
    context: &RequestContext,
) -> Result<SyncStatusResponse, ApiError> {
    platform_only(context, SYNCS)?;
    let answer = gateway
        .bus
        .call::<sim_rpc::SyncStatus>(&SyncStatusRequest {}, READ, &context.request_id)
        .await?;
    Ok(answer)
}

/// Starts reading the whole fleet: an act of the whole platform, for it spends the account's budget and decides for
/// every organization what is missing.
pub async fn start_sync(
    gateway: Arc<Gateway>,
    context: RequestContext,
    start: StartSync,
) -> Result<StartSyncResponse, ApiError> {
    platform_only(&context, SYNCS)?;
    let account = start.account.as_ref();
    let act = Act {
        action: "sync.start",
        subject: account.map_or("all", |account| account.as_str()).to_owned(),
        organization: None,
    };
    let details = json!({ "accept_mass_missing": start.accept_mass_missing });
    gateway.audit(&context, &act, details).await?;
    let request = StartSyncRequest {
        actor: Some(context.principal.actor()),
        account: start.account.map(String::from).unwrap_or_default(),
        accept_mass_missing: start.accept_mass_missing,
    };
    let answer = gateway
        .bus
        .call::<sim_rpc::StartSync>(&request, CHANGE_LIMIT, &context.request_id)
        .await;
    if let Err(error) = &answer {
        gateway.audit_failure(&context, &act, error.code).await;
    }
    Ok(answer?)
}

/// Refuses the key of one organization; `why` begins the sentence that it is told.
pub(crate) fn platform_only(context: &RequestContext, why: &str) -> Result<(), ApiError> {
    match context.principal.organization {
        None => Ok(()),
        Some(_) => {
            let message = format!("{why}, and the API key belongs to one organization");
            Err(ApiError::new(ApiCode::Forbidden, message))
        }
    }
}
