//! Which lane goes first below the interactive one: the upper one, unless a lower one was passed over too often.

use super::caller::Caller;
use crate::lane::Lane;

/// How often other lanes may pass over a lane that waits, grants to people not counted: of what people leave, bulk edits
/// keep a fifth, and the background a quarter, so that a sweep has its fifth beside the readings of usage.
pub(super) const PATIENCE: [Option<u32>; Lane::COUNT] = [None, None, Some(4), Some(3)];

/// How often each lane was passed over since its last grant.
#[derive(Debug, Default)]
pub(super) struct PassedOver([u32; Lane::COUNT]);

impl PassedOver {
    /// Whether `one` goes before `other` when both wait.
    pub(super) fn goes_before(&self, one: Lane, other: Lane, patience: &[Option<u32>; Lane::COUNT]) -> bool {
        let owed = |lane: Lane| match (self.0[lane.index()], patience[lane.index()]) {
            (times, Some(most)) if times >= most => times,
            _ => 0,
        };
        if one == Lane::Interactive || other == Lane::Interactive || owed(one) == owed(other) {
            return one < other;
        }
        owed(one) > owed(other)
    }

    pub(super) fn granted(&mut self, lane: Lane, waiting: &[Caller]) {
        if lane == Lane::Interactive {
            return;
        }
        for passed in [Lane::Bulk, Lane::Background] {
            let waits = passed != lane && waiting.iter().any(|caller| caller.lane == passed);
            let times = &mut self.0[passed.index()];
            *times = if waits { *times + 1 } else { 0 };
        }
    }
}
