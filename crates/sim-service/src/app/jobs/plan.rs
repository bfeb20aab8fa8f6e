//! What is to be done with one item of an update or import, from what is stored.

use chrono::{DateTime, Utc};
use domain::ItemOutcome;
use messages::ErrorCode;
use serde_json::Value;

use super::as_of;
use super::spec::is_expired;
use crate::app::change_request::ChangeRequest;
use crate::app::update_sim::EXPIRED;
use crate::store::{Item, Settled, StoredSim};

/// Why a SIM that 1NCE does not list is left alone.
pub const UNLISTED: &str = "1NCE does not list the SIM at the moment";
/// The same answer for a SIM that is not known and one that is another organization's.
pub const UNKNOWN: &str = "the SIM does not exist";

/// The next step of an item.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Its outcome is known.
    Settled,
    /// Something that is kept here differs; 1NCE need not be asked.
    Here,
    /// Something at 1NCE differs.
    AtProvider,
}

/// The step, and the outcome where it is known. What lives at 1NCE is `unchanged` only where 1NCE told so since
/// `fresh_since`: it may be changed there without us.
pub fn plan(
    item: &Item,
    request: &ChangeRequest,
    sim: Option<&StoredSim>,
    dry_run: bool,
    fresh_since: DateTime<Utc>,
) -> (Step, Option<Settled>) {
    let settled = |settled| (Step::Settled, Some(settled));
    let Some(sim) = sim else {
        return settled(Settled::failed(item.seq, ErrorCode::NotFound, UNKNOWN));
    };
    let diff = request.diff(sim);
    let is_fresh = !request.concerns_provider() || sim.last_synced_at >= fresh_since;
    let told = request.concerns_provider().then(|| as_of(sim.last_synced_at));
    if diff.is_empty() && is_fresh {
        return settled(Settled {
            message: told,
            ..Settled::new(item.seq, ItemOutcome::Unchanged, None)
        });
    }
    let at_provider = !is_fresh || request.differs_at_provider(sim);
    if at_provider && is_expired(sim) {
        return settled(Settled::failed(item.seq, ErrorCode::Conflict, EXPIRED));
    }
    if at_provider && sim.missing_since.is_some() {
        return settled(Settled::failed(item.seq, ErrorCode::NotFound, UNLISTED));
    }
    if dry_run {
        let message = match told {
            Some(told) if diff.is_empty() => {
                Some(format!("{told}, it is so already; 1NCE will be asked again"))
            }
            told => told,
        };
        let diff = (!diff.is_empty()).then_some(Value::Object(diff));
        return settled(Settled {
            message,
            ..Settled::new(item.seq, ItemOutcome::Succeeded, diff)
        });
    }
    let step = if at_provider { Step::AtProvider } else { Step::Here };
    (step, None)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::{AccountSlug, Iccid, OrganizationId, ProviderSim, SimStatus};

    use super::*;

    fn sim(read_at: DateTime<Utc>) -> StoredSim {
        StoredSim {
            provider: ProviderSim::bare(Iccid::parse("8988999000000000017").unwrap(), "Disabled"),
            account: AccountSlug::parse("main").unwrap(),
            organization: OrganizationId::DEFAULT,
            revision: 1,
            tags: Vec::new(),
            metadata: serde_json::Map::new(),
            created_at: read_at,
            updated_at: read_at,
            read_at,
            last_synced_at: read_at,
            missing_since: None,
        }
    }

    fn planned(age: TimeDelta, dry_run: bool) -> (Step, Option<Settled>) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let item = Item {
            seq: 1,
            iccid: 8_988_999_000_000_000_017,
            change: None,
            attempts: 0,
        };
        let request = ChangeRequest {
            status: Some(SimStatus::Disabled),
            ..ChangeRequest::default()
        };
        let fresh_since = now - TimeDelta::seconds(60);
        plan(&item, &request, Some(&sim(now - age)), dry_run, fresh_since)
    }

    #[test]
    fn what_1nce_told_long_ago_is_asked_again_before_it_counts_as_unchanged() {
        let (step, settled) = planned(TimeDelta::seconds(59), false);
        assert_eq!(step, Step::Settled);
        let settled = settled.unwrap();
        assert_eq!(settled.outcome, ItemOutcome::Unchanged);
        assert!(settled.message.unwrap().contains("1970-01-01T23:59:01Z"));
        assert_eq!(planned(TimeDelta::seconds(61), false), (Step::AtProvider, None));
    }

    #[test]
    fn a_dry_run_tells_how_old_its_knowledge_is() {
        let settled = planned(TimeDelta::hours(2), true).1.unwrap();
        assert_eq!(settled.outcome, ItemOutcome::Succeeded);
        assert!(settled.message.unwrap().contains("1NCE will be asked again"));
    }
}
