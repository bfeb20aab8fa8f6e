use std::sync::Arc;
use std::time::Duration;

use domain::{Iccid, SimStatus};
use messages::pb::sim::{TagList, UpdateSimRequest};
use messages::sim_rpc;
use serde::Serialize;
use serde_json::json;
use service_runtime::ignored::Ignored;

use super::sim_view;
use super::{Asker, Gateway};
use crate::cache::{Data, ReadStart};
use crate::error::ApiError;

const WRITE: Duration = Duration::from_secs(30);

/// What is to change; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateSim {
    /// At most 255 characters; empty removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei_lock: Option<bool>,
    /// Enabled or Disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SimStatus>,
    /// Replace the stored ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Replaces the stored object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Changes one SIM and answers it as it is now; the next reader sees the same.
pub async fn update_sim(
    gateway: Arc<Gateway>,
    asker: Asker,
    iccid: Iccid,
    update: UpdateSim,
) -> Result<Data, ApiError> {
    let subject = iccid.to_string();
    let details = json!({ "changes": update });
    gateway.audit(&asker, "sim.update", &subject, details).await?;
    let since = ReadStart::now();
    let answer = gateway
        .bus
        .call::<sim_rpc::UpdateSim>(&request(&asker, iccid, update), WRITE, &asker.request_id)
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let details = json!({ "code": error.code.word() });
            let written = gateway
                .audit(&asker, "sim.update_failed", &subject, details)
                .await;
            written.ignored("writing down that an update failed");
            return Err(error.into());
        }
    };
    let sim = answer.sim.ok_or_else(ApiError::no_such_sim)?;
    let cached = sim_view::cached(sim)?;
    gateway.sims.put(iccid, cached.clone(), since).await;
    Ok(cached.data)
}

fn request(asker: &Asker, iccid: Iccid, update: UpdateSim) -> UpdateSimRequest {
    UpdateSimRequest {
        scope: Some(asker.principal.scope()),
        actor: Some(asker.principal.actor()),
        iccid: iccid.to_string(),
        label: update.label,
        imei_lock: update.imei_lock,
        status: update.status.map(|status| status.word().to_owned()),
        tags: update.tags.map(|tags| TagList { tags }),
        metadata_json: update
            .metadata
            .map(|metadata| serde_json::Value::Object(metadata).to_string()),
    }
}
