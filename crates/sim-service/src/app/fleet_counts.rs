use domain::{ListStatus, QuotaStatus};
use messages::pb::sim as pb;

use super::App;
use crate::error::AppError;
use crate::store::{FleetCounts, Scope, StateCount};

impl App {
    /// How many SIMs are in which state, in words.
    ///
    /// # Errors
    /// The database's.
    pub async fn fleet_counts(&self, scope: Scope) -> Result<pb::FleetCountsResponse, AppError> {
        Ok(in_words(self.store.fleet_counts(scope).await?))
    }
}

fn in_words(counts: FleetCounts) -> pb::FleetCountsResponse {
    let (oldest, newest) = counts.synced.unzip();
    let accounts = counts.accounts.into_iter();
    let accounts = accounts.map(|(account, last_complete_at)| pb::AccountFreshness {
        account,
        last_complete_at: last_complete_at.map(Into::into),
    });
    pb::FleetCountsResponse {
        counts: counts.states.into_iter().map(count).collect(),
        accounts: accounts.collect(),
        oldest_synced_at: oldest.map(Into::into),
        newest_synced_at: newest.map(Into::into),
        as_of: Some(counts.as_of.into()),
    }
}

fn count(state: StateCount) -> pb::SimCount {
    pb::SimCount {
        status: ListStatus::from_code(state.list_status).to_string(),
        data_quota: quota(state.data_status).to_owned(),
        sms_quota: quota(state.sms_status).to_owned(),
        sims: u64::try_from(state.sims).unwrap_or(0),
    }
}

/// Empty where 1NCE tells nothing.
fn quota(id: i32) -> &'static str {
    match id {
        -1 => "",
        id => QuotaStatus::from_id(id).word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;

    #[test]
    fn states_are_told_in_the_words_of_lists() {
        let state = |list_status, data_status, sms_status| StateCount {
            list_status,
            data_status,
            sms_status,
            sims: 3,
        };
        let counts = FleetCounts {
            as_of: Utc::now(),
            states: vec![state(ListStatus::Enabled.code(), 1, -1), state(9, 4711, 2)],
            accounts: Vec::new(),
            synced: None,
        };

        let told = in_words(counts).counts;

        let words = |count: &pb::SimCount| {
            (
                count.status.clone(),
                count.data_quota.clone(),
                count.sms_quota.clone(),
            )
        };
        let own = |status: &str, data: &str, sms: &str| (status.to_owned(), data.to_owned(), sms.to_owned());
        assert_eq!(words(&told[0]), own("Enabled", "low", ""));
        assert_eq!(words(&told[1]), own("Missing", "unknown", "exhausted"));
    }
}
