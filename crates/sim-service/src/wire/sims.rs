//! SIMs as they travel.

use domain::{QuotaStatus, QuotaSummary};
use messages::pb::sim as pb;
use serde_json::Value;
use service_runtime::wire;
pub use service_runtime::wire::count;

use crate::store::{Member, SimListPage, StoredSim};

/// A page as it travels: cut after fewer SIMs when they are large, and the cursor continues behind the last one.
pub fn list(page: SimListPage) -> pb::ListSimsResponse {
    let rows = page
        .sims
        .into_iter()
        .map(|(stored, cursor)| (sim(stored), cursor));
    let (sims, next_cursor) = wire::page(rows, page.has_next);
    pb::ListSimsResponse {
        has_next: !next_cursor.is_empty(),
        sims,
        total: count(page.total),
        total_is_capped: page.total_is_capped,
        next_cursor,
    }
}

/// A SIM in short, for services that keep a copy of the inventory.
pub fn member(stored: Member) -> pb::Member {
    pb::Member {
        iccid: stored.iccid.to_string(),
        account: stored.account,
        organization_id: stored.organization.to_string(),
        revision: stored.revision,
        tags: stored.tags,
        missing: stored.missing,
    }
}

/// A SIM as it travels.
pub fn sim(stored: StoredSim) -> pb::Sim {
    let provider = stored.provider;
    pb::Sim {
        iccid: provider.iccid.to_string(),
        account: stored.account.to_string(),
        organization_id: stored.organization.to_string(),
        revision: stored.revision,
        status: provider.status.word().to_owned(),
        provider_status: provider.provider_status,
        imsi: provider.imsi.map(Into::into),
        imsi_2: provider.imsi_2.map(Into::into),
        current_imsi: provider.current_imsi.map(Into::into),
        msisdn: provider.msisdn.map(Into::into),
        imei: provider.imei.map(Into::into),
        imei_lock: provider.imei_lock,
        label: provider.label,
        ip_address: provider.ip_address,
        activation_date: provider.activation_date.map(Into::into),
        data_quota: Some(quota(&provider.data_quota)),
        sms_quota: Some(quota(&provider.sms_quota)),
        tags: stored.tags,
        metadata_json: Value::Object(stored.metadata).to_string(),
        extra_json: Value::Object(provider.extra).to_string(),
        created_at: Some(stored.created_at.into()),
        updated_at: Some(stored.updated_at.into()),
        last_synced_at: Some(stored.last_synced_at.into()),
        missing_since: stored.missing_since.map(Into::into),
    }
}

fn quota(summary: &QuotaSummary) -> pb::QuotaSummary {
    pb::QuotaSummary {
        total: summary.total,
        status: summary.status.map(|status: QuotaStatus| status.word().to_owned()),
        threshold_reached_at: summary.threshold_reached_at.map(Into::into),
        exceeded_at: summary.exceeded_at.map(Into::into),
    }
}
