use prost::Message;

use crate::pb::sim::{
    JobCompleted, QuotaSummary, Sim, SimConfigUpdated, SimDiscovered, SimImeiChanged, SimMissing,
    SimStatusChanged, SyncCompleted, SyncFailed,
};
use crate::pb::usage::{SimUsageDelta, UsageRecorded, UsageStreamResumed, UsageStreamSilent};
use crate::{EventType, Timestamp};

pub const ICCID: &str = "8988999000000000017";
pub const ORGANIZATION: &str = "00000000-0000-0000-0000-000000000001";
const RUN: &str = "019cf7a0-0000-7000-8000-000000000002";
const ACCOUNT: &str = "main";

/// A payload of this type, as it is published.
pub fn payload(event: EventType) -> Vec<u8> {
    match event {
        EventType::SimDiscovered => discovered().encode_to_vec(),
        EventType::SimStatusChanged => SimStatusChanged {
            iccid: ICCID.into(),
            account: ACCOUNT.into(),
            organization_id: ORGANIZATION.into(),
            revision: 7,
            old_status: "Enabled".into(),
            new_status: "Disabled".into(),
        }
        .encode_to_vec(),
        EventType::SimConfigUpdated => config_updated().encode_to_vec(),
        EventType::SimImeiChanged => SimImeiChanged {
            iccid: ICCID.into(),
            account: ACCOUNT.into(),
            organization_id: ORGANIZATION.into(),
            revision: 9,
            old_imei: "3500000000000101".into(),
            new_imei: "3500000000000202".into(),
        }
        .encode_to_vec(),
        EventType::SimMissing => SimMissing {
            iccid: ICCID.into(),
            account: ACCOUNT.into(),
            organization_id: ORGANIZATION.into(),
            revision: 10,
            last_seen_at: time(0),
        }
        .encode_to_vec(),
        EventType::SyncCompleted => sync_completed().encode_to_vec(),
        EventType::SyncFailed => SyncFailed {
            run_id: RUN.into(),
            account: ACCOUNT.into(),
            error: "1NCE does not answer".into(),
            started_at: time(0),
            failed_at: time(60),
        }
        .encode_to_vec(),
        EventType::JobCompleted => job_completed().encode_to_vec(),
        EventType::UsageRecorded => recorded().encode_to_vec(),
        EventType::UsageStreamSilent => UsageStreamSilent {
            stream: "usage".into(),
            last_received_at: time(0),
            expected_per_hour: 40_100.0,
        }
        .encode_to_vec(),
        EventType::UsageStreamResumed => UsageStreamResumed {
            stream: "usage".into(),
            silent_since: time(0),
            resumed_at: time(3600),
        }
        .encode_to_vec(),
    }
}

/// So many seconds after 2026-07-01T12:00:00Z.
fn time(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: 1_782_907_200 + seconds,
        nanos: 0,
    })
}

fn discovered() -> SimDiscovered {
    let quota = |total| {
        Some(QuotaSummary {
            total: Some(total),
            status: Some("sufficient".into()),
            ..QuotaSummary::default()
        })
    };
    let sim = Sim {
        iccid: ICCID.into(),
        account: ACCOUNT.into(),
        organization_id: ORGANIZATION.into(),
        revision: 1,
        status: "Enabled".into(),
        provider_status: "Enabled".into(),
        imsi: Some("901405000000017".into()),
        imei_lock: Some(false),
        label: Some("pump-17".into()),
        data_quota: quota(524_288_000),
        sms_quota: quota(250),
        tags: vec!["north".into()],
        metadata_json: "{}".into(),
        extra_json: "{}".into(),
        created_at: time(0),
        updated_at: time(0),
        last_synced_at: time(0),
        ..Sim::default()
    };
    SimDiscovered {
        sim: Some(sim),
        returned: false,
    }
}

fn config_updated() -> SimConfigUpdated {
    SimConfigUpdated {
        iccid: ICCID.into(),
        account: ACCOUNT.into(),
        organization_id: ORGANIZATION.into(),
        revision: 8,
        changed_fields: vec!["label".into(), "tags".into()],
        label: Some("pump-17".into()),
        imei_lock: None,
        changed_by: "1nce".into(),
        tags: vec!["north".into()],
    }
}

fn sync_completed() -> SyncCompleted {
    SyncCompleted {
        run_id: RUN.into(),
        account: ACCOUNT.into(),
        sims_seen: 12_000,
        sims_discovered: 2,
        sims_changed: 11,
        sims_missing: 0,
        records_rejected: 0,
        started_at: time(0),
        finished_at: time(60),
    }
}

fn job_completed() -> JobCompleted {
    JobCompleted {
        job_id: RUN.into(),
        kind: "sims.update".into(),
        status: "completed".into(),
        total: 100,
        done: 98,
        failed: 1,
        unchanged: 1,
        organization_id: ORGANIZATION.into(),
        created_at: time(0),
        finished_at: time(60),
        ..JobCompleted::default()
    }
}

fn recorded() -> UsageRecorded {
    let delta = SimUsageDelta {
        iccid: ICCID.into(),
        account: ACCOUNT.into(),
        day: "2026-07-01".into(),
        rx: 52_429,
        tx: 209_715,
        total: 262_144,
        sms_mo: 1,
        sms_mt: 0,
        records: 2,
        last_ended_at: time(0),
        day_total: 524_288,
        day_sms_mo: 1,
        day_sms_mt: 3,
    };
    UsageRecorded {
        organization_id: ORGANIZATION.into(),
        sims: vec![delta],
    }
}
