//! Monthly limits of the whole account (FACTS §10).

use serde_json::{Map, json};

use super::OnceClient;
use super::call::{Call, Endpoint};
use crate::capability::Capability;
use crate::error::ClientError;
use crate::lane::Lane;
use crate::model::{AccountLimits, LimitSteps, LimitUpdate, Service};
use crate::wire::{Fields, Unreadable, read_limit_steps, read_limits};

static GET: Endpoint = Endpoint::sims_get("GET /sims/limits").reading(limits);
static SET: Endpoint = Endpoint::sims_set("POST /sims/limits");
static STEPS: Endpoint = Endpoint::sims_get("GET /sims/{service}/limits");

/// v2 may take the word for the number of a SIM.
fn limits(body: &[u8]) -> Result<(), Unreadable> {
    Fields::parse(body).and_then(read_limits).map(drop)
}

impl OnceClient {
    /// The limits that are set now.
    pub async fn get_limits(&self, lane: Lane) -> Result<AccountLimits, ClientError> {
        let call = |_| Call::new(&GET, lane, "/sims/limits");
        let (_, answer) = self.sims_call(Capability::Limits, call).await?;
        // An empty body does not say that no limit is set.
        let limits = answer.object(&GET, read_limits)?;
        limits.ok_or_else(|| answer.unreadable(&GET, Unreadable::new("an empty body")))
    }

    /// Sets limits for all SIMs of the account; safe to repeat.
    pub async fn set_limits(&self, lane: Lane, update: LimitUpdate) -> Result<(), ClientError> {
        let mut body = Map::new();
        for (name, id) in [
            ("dataLimitId", update.data),
            ("smsMtLimitId", update.sms_mt),
            ("smsMoLimitId", update.sms_mo),
        ] {
            if let Some(id) = id {
                body.insert(name.into(), json!(id));
            }
        }
        if body.is_empty() {
            return Err(ClientError::Invalid("no limit to set".into()));
        }
        self.sims_call(Capability::Limits, |_| {
            Call::new(&SET, lane, "/sims/limits").body(json!(body))
        })
        .await?;
        Ok(())
    }

    /// The steps that a service's limit can be set to.
    pub async fn selectable_limits(&self, lane: Lane, service: Service) -> Result<LimitSteps, ClientError> {
        let make = |_| Call::new(&STEPS, lane, format!("/sims/{}/limits", service.word()));
        let (_, answer) = self.sims_call(Capability::Limits, make).await?;
        read_limit_steps(&answer.body, service).map_err(|reason| answer.unreadable(&STEPS, reason))
    }
}
