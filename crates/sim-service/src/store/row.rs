use chrono::{DateTime, Utc};
use domain::{
    AccountSlug, Iccid, Imei, Imsi, InvalidId, Msisdn, OrganizationId, ProviderSim, QuotaStatus,
    QuotaSummary, SimStatus,
};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::StoreError;

/// One SIM as the database holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSim {
    /// What 1NCE told last.
    pub provider: ProviderSim,
    /// The account that lists it.
    pub account: AccountSlug,
    /// The tenant.
    pub organization: OrganizationId,
    /// Rises with every change of the row.
    pub revision: i64,
    /// Sorted.
    pub tags: Vec<String>,
    /// The users' own JSON object.
    pub metadata: Map<String, Value>,
    /// When the SIM became known.
    pub created_at: DateTime<Utc>,
    /// When the row changed last.
    pub updated_at: DateTime<Utc>,
    /// When the request began whose answer the row holds.
    pub read_at: DateTime<Utc>,
    /// The last time that 1NCE told us about it: the row's own reading, or a complete sweep after that which saw it.
    pub last_synced_at: DateTime<Utc>,
    /// Set while 1NCE does not list it.
    pub missing_since: Option<DateTime<Utc>>,
}

/// The columns that 1NCE fills.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub(super) struct ProviderRow {
    pub iccid: i64,
    status: i16,
    provider_status: String,
    imsi: Option<String>,
    imsi_2: Option<String>,
    current_imsi: Option<String>,
    msisdn: Option<String>,
    imei: Option<String>,
    imei_lock: Option<bool>,
    label: Option<String>,
    ip_address: Option<String>,
    activation_date: Option<DateTime<Utc>>,
    data_total: Option<i64>,
    data_status: Option<i32>,
    data_threshold_at: Option<DateTime<Utc>>,
    data_exceeded_at: Option<DateTime<Utc>>,
    sms_total: Option<i64>,
    sms_status: Option<i32>,
    sms_threshold_at: Option<DateTime<Utc>>,
    sms_exceeded_at: Option<DateTime<Utc>>,
    extra: Value,
}

/// Every column of a stored SIM; [`SELECT`] names them.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct SimRow {
    #[sqlx(flatten)]
    pub provider: ProviderRow,
    account: String,
    organization_id: Uuid,
    revision: i64,
    metadata: Value,
    tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    read_at: DateTime<Utc>,
    last_synced_at: DateTime<Utc>,
    missing_since: Option<DateTime<Utc>>,
}

/// Reads [`SimRow`]s from `sims`; a condition follows.
pub(super) const SELECT: &str = "SELECT sims.*,
    ARRAY(SELECT tag FROM sim_tags WHERE sim_tags.iccid = sims.iccid ORDER BY tag) AS tags,
    CASE WHEN missing_since IS NULL AND NOT unjudged THEN greatest(read_at, last_complete_at) ELSE read_at END
        AS last_synced_at
    FROM sims JOIN accounts ON accounts.slug = sims.account";

impl From<&ProviderSim> for ProviderRow {
    fn from(sim: &ProviderSim) -> Self {
        let text = |value: Option<&str>| value.map(ToOwned::to_owned);
        Self {
            iccid: sim.iccid.as_i64(),
            status: sim.status.code(),
            provider_status: sim.provider_status.clone(),
            imsi: text(sim.imsi.as_ref().map(Imsi::as_str)),
            imsi_2: text(sim.imsi_2.as_ref().map(Imsi::as_str)),
            current_imsi: text(sim.current_imsi.as_ref().map(Imsi::as_str)),
            msisdn: text(sim.msisdn.as_ref().map(Msisdn::as_str)),
            imei: text(sim.imei.as_ref().map(Imei::as_str)),
            imei_lock: sim.imei_lock,
            label: sim.label.clone(),
            ip_address: sim.ip_address.clone(),
            activation_date: sim.activation_date,
            data_total: sim.data_quota.total,
            data_status: sim.data_quota.status.map(QuotaStatus::id),
            data_threshold_at: sim.data_quota.threshold_reached_at,
            data_exceeded_at: sim.data_quota.exceeded_at,
            sms_total: sim.sms_quota.total,
            sms_status: sim.sms_quota.status.map(QuotaStatus::id),
            sms_threshold_at: sim.sms_quota.threshold_reached_at,
            sms_exceeded_at: sim.sms_quota.exceeded_at,
            extra: Value::Object(sim.extra.clone()),
        }
    }
}

impl ProviderRow {
    fn into_domain(self) -> Result<ProviderSim, StoreError> {
        let iccid = self.iccid;
        let corrupt = |reason: String| StoreError::Corrupt { iccid, reason };
        let id = |error: InvalidId| corrupt(error.to_string());
        Ok(ProviderSim {
            iccid: Iccid::from_i64(iccid).map_err(|error| corrupt(error.to_string()))?,
            imsi: self.imsi.as_deref().map(Imsi::parse).transpose().map_err(id)?,
            imsi_2: self.imsi_2.as_deref().map(Imsi::parse).transpose().map_err(id)?,
            current_imsi: self
                .current_imsi
                .as_deref()
                .map(Imsi::parse)
                .transpose()
                .map_err(id)?,
            msisdn: self
                .msisdn
                .as_deref()
                .map(Msisdn::parse)
                .transpose()
                .map_err(id)?,
            imei: self.imei.as_deref().map(Imei::parse).transpose().map_err(id)?,
            imei_lock: self.imei_lock,
            status: SimStatus::from_code(self.status),
            provider_status: self.provider_status,
            label: self.label,
            ip_address: self.ip_address,
            activation_date: self.activation_date,
            data_quota: QuotaSummary {
                total: self.data_total,
                status: self.data_status.map(QuotaStatus::from_id),
                threshold_reached_at: self.data_threshold_at,
                exceeded_at: self.data_exceeded_at,
            },
            sms_quota: QuotaSummary {
                total: self.sms_total,
                status: self.sms_status.map(QuotaStatus::from_id),
                threshold_reached_at: self.sms_threshold_at,
                exceeded_at: self.sms_exceeded_at,
            },
            extra: object(self.extra),
        })
    }
}

impl SimRow {
    pub(super) fn into_domain(self) -> Result<StoredSim, StoreError> {
        let iccid = self.provider.iccid;
        let corrupt = |error: InvalidId| StoreError::Corrupt {
            iccid,
            reason: error.to_string(),
        };
        Ok(StoredSim {
            provider: self.provider.into_domain()?,
            account: AccountSlug::parse(&self.account).map_err(corrupt)?,
            organization: OrganizationId(self.organization_id),
            revision: self.revision,
            tags: self.tags,
            metadata: object(self.metadata),
            created_at: self.created_at,
            updated_at: self.updated_at,
            read_at: self.read_at,
            last_synced_at: self.last_synced_at,
            missing_since: self.missing_since,
        })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
