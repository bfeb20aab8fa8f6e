//! Which lane goes first below the interactive one: the upper one, unless a lower one was passed over too often.

use super::caller::Caller;
use crate::lane::Lane;

/// How often other lanes may pass over bulk and background calls that wait, grants to people not counted: each of the two
/// keeps a fifth of what people leave.
pub(super) const PATIENCE: u32 = 4;

/// How often each lane was passed over since its last grant.
#[derive(Debug, Default)]
pub(super) struct PassedOver([u32; Lane::COUNT]);

impl PassedOver {
    /// Whether `one` goes before `other` when both wait; `patience` is `None` where every lane has a part of its own.
    pub(super) fn goes_before(&self, one: Lane, other: Lane, patience: Option<u32>) -> bool {
        let owed = |lane: Lane| {
            let times = self.0[lane.index()];
            patience.filter(|most| times >= *most).map_or(0, |_| times)
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
