//! What is to be done with one item of an update or import, from what is stored.

use domain::ItemOutcome;
use messages::ErrorCode;
use serde_json::Value;

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

/// The step, and the outcome where it is known.
pub fn plan(
    item: &Item,
    request: &ChangeRequest,
    sim: Option<&StoredSim>,
    dry_run: bool,
) -> (Step, Option<Settled>) {
    let settled = |settled| (Step::Settled, Some(settled));
    let Some(sim) = sim else {
        return settled(Settled::failed(item.seq, ErrorCode::NotFound, UNKNOWN));
    };
    let diff = request.diff(sim);
    if diff.is_empty() {
        return settled(Settled::new(item.seq, ItemOutcome::Unchanged, None));
    }
    let at_provider = request.differs_at_provider(sim);
    if at_provider && is_expired(sim) {
        return settled(Settled::failed(item.seq, ErrorCode::Conflict, EXPIRED));
    }
    if at_provider && sim.missing_since.is_some() {
        return settled(Settled::failed(item.seq, ErrorCode::NotFound, UNLISTED));
    }
    if dry_run {
        let diff = Some(Value::Object(diff));
        return settled(Settled::new(item.seq, ItemOutcome::Succeeded, diff));
    }
    let step = if at_provider { Step::AtProvider } else { Step::Here };
    (step, None)
}
