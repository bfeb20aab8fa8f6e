//! What is left of data and SMS (FACTS §8).

use domain::Iccid;

use super::OnceClient;
use super::call::{Call, Endpoint};
use super::sims::known;
use crate::capability::Capability;
use crate::error::ClientError;
use crate::lane::Lane;
use crate::model::{DataQuota, SmsQuota};
use crate::wire::{Fields, Unreadable, read_data_quota, read_sms_quota};

static DATA: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/quota/data");
static SMS: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/quota/sms");

impl OnceClient {
    /// A SIM's data quota in bytes; `None` when 1NCE does not know the SIM.
    pub async fn data_quota(&self, lane: Lane, iccid: Iccid) -> Result<Option<DataQuota>, ClientError> {
        self.quota(&DATA, lane, format!("/sims/{iccid}/quota/data"), read_data_quota)
            .await
    }

    /// A SIM's SMS quota in messages; `None` when 1NCE does not know the SIM.
    pub async fn sms_quota(&self, lane: Lane, iccid: Iccid) -> Result<Option<SmsQuota>, ClientError> {
        self.quota(&SMS, lane, format!("/sims/{iccid}/quota/sms"), read_sms_quota)
            .await
    }

    async fn quota<T>(
        &self,
        endpoint: &'static Endpoint,
        lane: Lane,
        path: String,
        read: impl FnOnce(Fields) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, ClientError> {
        let make = |_| Call::new(endpoint, lane, path.clone());
        let result = self.sims_call(Capability::Quota, make).await;
        known(result.and_then(|(_, answer)| answer.object(endpoint, read)))
    }
}
