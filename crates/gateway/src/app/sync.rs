use std::sync::Arc;
use std::time::Duration;

use domain::AccountSlug;
use messages::pb::sim::{StartSyncRequest, StartSyncResponse, SyncStatusRequest, SyncStatusResponse};
use messages::sim_rpc;
use serde_json::json;
use service_runtime::ignored::Ignored;

use super::{Asker, Gateway};
use crate::error::{ApiCode, ApiError};

const READ: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(30);

/// Which accounts to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartSync {
    /// `None`: all.
    pub account: Option<AccountSlug>,
    /// Store that SIMs are gone even when they are suspiciously many.
    pub accept_mass_missing: bool,
}

/// How the readings of the fleet stand.
pub async fn sync_status(gateway: &Gateway, asker: &Asker) -> Result<SyncStatusResponse, ApiError> {
    let answer = gateway
        .bus
        .call::<sim_rpc::SyncStatus>(&SyncStatusRequest {}, READ, &asker.request_id)
        .await?;
    Ok(answer)
}

/// Starts reading the whole fleet: an act of the whole platform, for it spends the account's budget and decides for
/// every organization what is missing.
pub async fn start_sync(
    gateway: Arc<Gateway>,
    asker: Asker,
    start: StartSync,
) -> Result<StartSyncResponse, ApiError> {
    if asker.principal.organization.is_some() {
        return Err(ApiError::new(
            ApiCode::Forbidden,
            "only a key of the whole platform starts a sync",
        ));
    }
    let subject = start
        .account
        .as_ref()
        .map_or("all", |account| account.as_str())
        .to_owned();
    let details = json!({ "accept_mass_missing": start.accept_mass_missing });
    gateway.audit(&asker, "sync.start", &subject, details).await?;
    let request = StartSyncRequest {
        actor: Some(asker.principal.actor()),
        account: start.account.map(String::from).unwrap_or_default(),
        accept_mass_missing: start.accept_mass_missing,
    };
    let answer = gateway
        .bus
        .call::<sim_rpc::StartSync>(&request, WRITE, &asker.request_id)
        .await;
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) => {
            let details = json!({ "code": error.code.word() });
            let written = gateway
                .audit(&asker, "sync.start_failed", &subject, details)
                .await;
            written.ignored("writing down that a reading did not start");
            Err(error.into())
        }
    }
}
