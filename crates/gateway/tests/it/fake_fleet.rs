//! The fleet's numbers as the fakes answer them.

use domain::Scope;
use messages::pb::{sim, usage};

use crate::fake_sims::seen;

pub const AS_OF: i64 = 1_783_072_800;

pub fn counted(request: &sim::FleetCountsRequest) -> sim::FleetCountsResponse {
    let count = |status: &str, data: &str, sms: &str, sims| sim::SimCount {
        status: status.to_owned(),
        data_quota: data.to_owned(),
        sms_quota: sms.to_owned(),
        sims,
    };
    let time = |seconds| Some(messages::Timestamp { seconds, nanos: 0 });
    let platform = seen(request.scope.as_ref()) == Scope::All;
    let accounts = platform.then(|| sim::AccountFreshness {
        account: "main".to_owned(),
        last_complete_at: time(AS_OF - 60),
    });
    sim::FleetCountsResponse {
        counts: vec![
            count("Enabled", "sufficient", "low", 70),
            count("Enabled", "low", "", 20),
            count("Disabled", "exhausted", "low", 10),
            count("Missing", "exhausted", "low", 5),
        ],
        accounts: accounts.into_iter().collect(),
        oldest_synced_at: time(AS_OF - 90).filter(|_| !platform),
        newest_synced_at: time(AS_OF - 30).filter(|_| !platform),
        as_of: time(AS_OF),
    }
}

pub fn now() -> usage::FleetNowResponse {
    let count = |online, mcc, country: &str, rat, sims| usage::PresenceCount {
        online,
        mcc,
        country: country.to_owned(),
        rat,
        sims,
    };
    let sum = |key: &str, total| usage::UsageGroup {
        key: key.to_owned(),
        total,
        ..usage::UsageGroup::default()
    };
    usage::FleetNowResponse {
        today: Some(sum("2026-07-03", 30)),
        month: Some(sum("2026-07-01", 90)),
        presence: vec![
            count(Some(true), 262, "Germany", 6, 50),
            count(Some(false), 262, "Germany", 8, 20),
            count(Some(false), 222, "Italy", 6, 25),
            count(None, 0, "", 0, 2),
        ],
        as_of: None,
    }
}
