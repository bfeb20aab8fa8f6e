//! A SIM as the API shows it. Names are public: more may come, none changes.

use domain::{Iccid, OrganizationId, SimStatus};
use messages::Timestamp;
use messages::pb::sim::{QuotaSummary, Sim};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::word::{OneOf, Word, words};
use crate::cache::CachedSim;
use crate::error::ApiError;

impl OneOf for SimStatus {
    const NAME: &'static str = "SimStatus";
    const DESCRIPTION: &'static str =
        "The state of a SIM; `Unknown`: a word of 1NCE's that this version does not know.";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

/// The state of a SIM, as the document names it.
pub type SimStatusWord = Word<SimStatus>;

words! {
    /// How much of a quota is left: over 20 %, less, nothing; `unknown` is a step that 1NCE has not documented.
    pub enum QuotaStatusWord as "QuotaStatus" {
        Sufficient = "sufficient", Low = "low", Exhausted = "exhausted", Unknown = "unknown",
    }
}

/// What is known of one quota; what remains is not among it.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotaView {
    /// Granted in total: bytes for data, messages for SMS.
    total_volume: Option<i64>,
    #[schema(value_type = Option<QuotaStatusWord>)]
    status: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    threshold_reached_date: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    quota_exceeded_date: Option<Timestamp>,
}

/// One SIM card.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimView {
    /// 19 digits.
    iccid: String,
    /// The 20 digits printed on the card.
    iccid_with_luhn: Option<String>,
    imsi: Option<String>,
    imsi_2: Option<String>,
    current_imsi: Option<String>,
    msisdn: Option<String>,
    #[schema(value_type = SimStatusWord)]
    status: String,
    /// 1NCE's own word.
    provider_status: String,
    label: Option<String>,
    ip_address: Option<String>,
    imei: Option<String>,
    imei_lock: Option<bool>,
    /// The 1NCE account that the SIM belongs to.
    account: String,
    organization_id: String,
    current_rat: Option<String>,
    current_country: Option<String>,
    current_operator: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    activation_date: Option<Timestamp>,
    #[schema(value_type = Option<QuotaStatusWord>)]
    data_quota_status: Option<String>,
    #[schema(value_type = Option<QuotaStatusWord>)]
    sms_quota_status: Option<String>,
    data_quota: QuotaView,
    sms_quota: QuotaView,
    tags: Vec<String>,
    #[schema(value_type = Object)]
    metadata: Box<RawValue>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// The last time that 1NCE told about this SIM.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_synced_at: Option<Timestamp>,
    /// Since when 1NCE does not list the SIM any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    missing_since: Option<Timestamp>,
    /// Rises with every stored change.
    revision: i64,
    /// Fields of 1NCE that this version does not know.
    #[schema(value_type = Object)]
    extra: Box<RawValue>,
}

impl From<Option<QuotaSummary>> for QuotaView {
    fn from(quota: Option<QuotaSummary>) -> Self {
        let quota = quota.unwrap_or_default();
        Self {
            total_volume: quota.total,
            status: quota.status,
            threshold_reached_date: quota.threshold_reached_at,
            quota_exceeded_date: quota.exceeded_at,
        }
    }
}

impl SimView {
    /// The view of a SIM.
    ///
    /// # Errors
    /// When sim-service sends an object that is none.
    pub fn new(sim: Sim) -> Result<Self, ApiError> {
        let data_quota = QuotaView::from(sim.data_quota);
        let sms_quota = QuotaView::from(sim.sms_quota);
        Ok(Self {
            iccid_with_luhn: Iccid::parse(&sim.iccid).ok().map(Iccid::with_luhn),
            iccid: sim.iccid,
            imsi: sim.imsi,
            imsi_2: sim.imsi_2,
            current_imsi: sim.current_imsi,
            msisdn: sim.msisdn,
            status: sim.status,
            provider_status: sim.provider_status,
            label: sim.label,
            ip_address: sim.ip_address,
            imei: sim.imei,
            imei_lock: sim.imei_lock,
            account: sim.account,
            organization_id: sim.organization_id,
            current_rat: None,
            current_country: None,
            current_operator: None,
            activation_date: sim.activation_date,
            data_quota_status: data_quota.status.clone(),
            sms_quota_status: sms_quota.status.clone(),
            data_quota,
            sms_quota,
            tags: sim.tags,
            metadata: object(sim.metadata_json)?,
            created_at: sim.created_at,
            updated_at: sim.updated_at,
            last_synced_at: sim.last_synced_at,
            missing_since: sim.missing_since,
            revision: sim.revision,
            extra: object(sim.extra_json)?,
        })
    }
}

fn object(json: String) -> Result<Box<RawValue>, ApiError> {
    let json = if json.is_empty() { "{}".to_owned() } else { json };
    RawValue::from_string(json).map_err(|error| ApiError::internal(&error))
}

/// The SIM as the caches hold it: serialized once.
///
/// # Errors
/// When sim-service sends what is no SIM.
pub fn cached(sim: Sim) -> Result<CachedSim, ApiError> {
    let organization = Uuid::parse_str(&sim.organization_id).map_err(|error| ApiError::internal(&error))?;
    let revision = sim.revision;
    let data = serde_json::to_vec(&SimView::new(sim)?).map_err(|error| ApiError::internal(&error))?;
    Ok(CachedSim::new(
        revision,
        OrganizationId(organization),
        data.into(),
    ))
}

/// What the state of a SIM means; exactly one is true, or none when 1NCE's word is not known.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusDetails {
    is_active: bool,
    is_expired: bool,
    /// Disabled, which 1NCE also calls suspended.
    is_suspended: bool,
    /// 1NCE does not list the SIM any more; `status` is what it said last.
    is_terminated: bool,
}

/// The state of one SIM.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimStatusView {
    iccid: String,
    #[schema(value_type = SimStatusWord)]
    status: String,
    status_details: StatusDetails,
    /// Since when 1NCE does not list the SIM any more.
    #[schema(format = DateTime)]
    missing_since: Option<String>,
    #[schema(format = DateTime)]
    activation_date: Option<String>,
    /// The last time that 1NCE told about this SIM.
    #[schema(format = DateTime)]
    last_checked: Option<String>,
}

#[derive(Deserialize)]
struct StatusFields {
    iccid: String,
    status: String,
    missing_since: Option<String>,
    activation_date: Option<String>,
    last_synced_at: Option<String>,
}

impl SimStatusView {
    /// The state in a SIM's serialized view.
    ///
    /// # Errors
    /// When the bytes are no SIM of ours.
    pub fn of(data: &[u8]) -> Result<Self, ApiError> {
        let sim: StatusFields = serde_json::from_slice(data).map_err(|error| ApiError::internal(&error))?;
        let terminated = sim.missing_since.is_some();
        let is = |status: SimStatus| !terminated && sim.status == status.word();
        Ok(Self {
            status_details: StatusDetails {
                is_active: is(SimStatus::Enabled),
                is_expired: is(SimStatus::Expired),
                is_suspended: is(SimStatus::Disabled),
                is_terminated: terminated,
            },
            missing_since: sim.missing_since,
            iccid: sim.iccid,
            status: sim.status,
            activation_date: sim.activation_date,
            last_checked: sim.last_synced_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sim() -> Sim {
        Sim {
            iccid: "8988999000000000017".into(),
            account: "main".into(),
            organization_id: OrganizationId::DEFAULT.to_string(),
            revision: 7,
            status: "Disabled".into(),
            provider_status: "Suspended".into(),
            label: Some("pump-17".into()),
            metadata_json: r#"{"site":"north"}"#.into(),
            last_synced_at: Some(Timestamp {
                seconds: 1_750_000_000,
                nanos: 0,
            }),
            ..Sim::default()
        }
    }

    #[test]
    fn the_public_form_of_a_sim() {
        let cached = cached(sim()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&cached.data).unwrap();
        insta::assert_snapshot!(value, @r#"{"account":"main","activation_date":null,"created_at":null,"current_country":null,"current_imsi":null,"current_operator":null,"current_rat":null,"data_quota":{"quota_exceeded_date":null,"status":null,"threshold_reached_date":null,"total_volume":null},"data_quota_status":null,"extra":{},"iccid":"8988999000000000017","iccid_with_luhn":"89889990000000000176","imei":null,"imei_lock":null,"imsi":null,"imsi_2":null,"ip_address":null,"label":"pump-17","last_synced_at":"2025-06-15T15:06:40Z","metadata":{"site":"north"},"missing_since":null,"msisdn":null,"organization_id":"00000000-0000-0000-0000-000000000001","provider_status":"Suspended","revision":7,"sms_quota":{"quota_exceeded_date":null,"status":null,"threshold_reached_date":null,"total_volume":null},"sms_quota_status":null,"status":"Disabled","tags":[],"updated_at":null}"#);
    }

    #[test]
    fn the_state_is_read_from_the_serialized_sim() {
        let view = SimStatusView::of(&cached(sim()).unwrap().data).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&view).unwrap(), @r#"{"iccid":"8988999000000000017","status":"Disabled","status_details":{"is_active":false,"is_expired":false,"is_suspended":true,"is_terminated":false},"missing_since":null,"activation_date":null,"last_checked":"2025-06-15T15:06:40Z"}"#);
    }

    #[test]
    fn a_sim_that_1nce_does_not_list_any_more_is_terminated_and_not_active() {
        let missing = Sim {
            status: "Enabled".into(),
            missing_since: Some(Timestamp {
                seconds: 1_750_000_000,
                nanos: 0,
            }),
            ..sim()
        };
        let view = SimStatusView::of(&cached(missing).unwrap().data).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&view).unwrap(), @r#"{"iccid":"8988999000000000017","status":"Enabled","status_details":{"is_active":false,"is_expired":false,"is_suspended":false,"is_terminated":true},"missing_since":"2025-06-15T15:06:40Z","activation_date":null,"last_checked":"2025-06-15T15:06:40Z"}"#);
    }

    #[test]
    fn a_foreign_organization_or_object_is_a_fault_of_ours() {
        let sim_of = |organization_id: &str, metadata_json: &str| Sim {
            organization_id: organization_id.into(),
            metadata_json: metadata_json.into(),
            ..sim()
        };
        let organization = OrganizationId::DEFAULT.to_string();
        assert!(cached(sim_of("nobody", "")).is_err());
        assert!(cached(sim_of(&organization, "{")).is_err());
        assert!(cached(sim_of(&organization, "")).is_ok());
    }
}
