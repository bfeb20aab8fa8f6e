//! What is left of data and SMS (FACTS §8).

use domain::Iccid;

use super::OnceClient;
use super::call::{Call, Endpoint};
use super::sims::known;
use crate::capability::{Capability, Generation};
use crate::error::ClientError;
use crate::lane::Lane;
use crate::model::{DataQuota, Quota, SmsQuota};
use crate::wire::{Fields, Unreadable, read_data_quota, read_sms_quota};

static DATA: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/quota/data");
static SMS: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/quota/sms");

impl OnceClient {
    /// A SIM's data quota in bytes; `None` when 1NCE does not know the SIM. The quota of an
    /// expired SIM, which v1 does not tell, has nothing but the state `Expired`.
    pub async fn data_quota(&self, lane: Lane, iccid: Iccid) -> Result<Option<DataQuota>, ClientError> {
        self.quota(&DATA, lane, iccid, "/quota/data", read_data_quota)
            .await
    }

    /// A SIM's SMS quota in messages; `None` when 1NCE does not know the SIM; of an expired SIM
    /// as [`OnceClient::data_quota`] tells it.
    pub async fn sms_quota(&self, lane: Lane, iccid: Iccid) -> Result<Option<SmsQuota>, ClientError> {
        self.quota(&SMS, lane, iccid, "/quota/sms", read_sms_quota).await
    }

    async fn quota<V>(
        &self,
        endpoint: &'static Endpoint,
        lane: Lane,
        iccid: Iccid,
        rest: &str,
        read: impl FnOnce(Fields, Generation) -> Result<Quota<V>, Unreadable>,
    ) -> Result<Option<Quota<V>>, ClientError> {
        let make = |_| Call::of_sim(endpoint, lane, iccid, rest);
        match self.sims_call(Capability::Quota, make).await {
            Ok((generation, answer)) => answer.object(endpoint, |fields| read(fields, generation)),
            Err(ClientError::Expired { .. }) => {
                Ok(Some(Quota::expired(self.check(lane, Capability::Quota).await?)))
            }
            Err(error) => known(Err(error)),
        }
    }
}
