//! The set of SIMs a customer has, in list order: 4 bytes a SIM, everything else is computed from the index.

pub mod consumption;
pub mod seeded;

use std::collections::HashSet;

use seeded::SLOT_SIZE;

/// Number of a SIM over all customers; its ICCID and every fixed property follow from it.
pub type SimIndex = u32;

/// Live SIMs in list order. Removal moves later SIMs forward, so pages shift under a reader (FACTS §4).
#[derive(Debug)]
pub struct Fleet {
    slot: u32,
    next_local: u32,
    order: Vec<SimIndex>,
    removed: HashSet<SimIndex>,
    guests: HashSet<SimIndex>,
    revision: u64,
}

impl Fleet {
    /// `size` SIMs of customer number `slot`.
    pub fn new(slot: u32, size: u32) -> Self {
        let start = slot * SLOT_SIZE;
        Self {
            slot,
            next_local: size,
            order: (start..start + size).collect(),
            removed: HashSet::new(),
            guests: HashSet::new(),
            revision: 0,
        }
    }

    /// Number of live SIMs.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The first number of this customer.
    pub fn slot_start(&self) -> SimIndex {
        self.slot * SLOT_SIZE
    }

    /// SIMs taken over from other customers.
    pub fn guests(&self) -> impl Iterator<Item = SimIndex> + '_ {
        self.guests.iter().copied()
    }

    /// Rises with every added or removed SIM.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Live SIMs in list order.
    pub fn order(&self) -> &[SimIndex] {
        &self.order
    }

    /// Whether the SIM is live in this fleet.
    pub fn contains(&self, sim: SimIndex) -> bool {
        let start = self.slot * SLOT_SIZE;
        let own = (start..start + self.next_local).contains(&sim) && !self.removed.contains(&sim);
        own || self.guests.contains(&sim)
    }

    /// Adds `count` new SIMs at `position` (clamped to the end) and returns them; fewer when numbers run out.
    pub fn add(&mut self, count: u32, position: Option<usize>) -> Vec<SimIndex> {
        let count = count.min(SLOT_SIZE - self.next_local);
        let first = self.slot * SLOT_SIZE + self.next_local;
        self.next_local += count;
        let added: Vec<SimIndex> = (first..first + count).collect();
        let at = position.unwrap_or(self.order.len()).min(self.order.len());
        self.order.splice(at..at, added.iter().copied());
        self.revision += 1;
        added
    }

    /// Takes a SIM out of the list; false if it is not there.
    pub fn remove(&mut self, sim: SimIndex) -> bool {
        if !self.contains(sim) {
            return false;
        }
        if !self.guests.remove(&sim) {
            self.removed.insert(sim);
        }
        self.order.retain(|other| *other != sim);
        self.revision += 1;
        true
    }

    /// Takes over a SIM of another customer, at the end of the list.
    pub fn adopt(&mut self, sim: SimIndex) {
        if self.contains(sim) {
            return;
        }
        if !self.removed.remove(&sim) {
            self.guests.insert(sim);
        }
        self.order.push(sim);
        self.revision += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Remove(usize),
        Add(u32, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0usize..500).prop_map(Step::Remove),
            (1u32..4, 0usize..500).prop_map(|(n, at)| Step::Add(n, at)),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #[test]
        fn behaves_like_a_plain_list(size in 1u32..200, steps in steps()) {
            let mut fleet = Fleet::new(2, size);
            let mut model: Vec<SimIndex> = (2 * SLOT_SIZE..2 * SLOT_SIZE + size).collect();
            let mut gone = Vec::new();
            for step in steps {
                match step {
                    Step::Remove(at) if !model.is_empty() => {
                        let sim = model.remove(at % model.len());
                        prop_assert!(fleet.remove(sim));
                        prop_assert!(!fleet.remove(sim), "removed twice");
                        gone.push(sim);
                    }
                    Step::Remove(_) => {}
                    Step::Add(count, at) => {
                        let added = fleet.add(count, Some(at));
                        let at = at.min(model.len());
                        model.splice(at..at, added);
                    }
                }
            }
            prop_assert_eq!(fleet.order(), model.as_slice());
            prop_assert!(model.iter().all(|sim| fleet.contains(*sim)));
            prop_assert!(gone.iter().all(|sim| !fleet.contains(*sim)));
        }
    }

    #[test]
    fn a_transferred_sim_may_come_back() {
        let (mut a, mut b) = (Fleet::new(0, 3), Fleet::new(1, 1));
        assert!(a.remove(1));
        b.adopt(1);
        assert!(b.contains(1) && !a.contains(1));
        assert!(b.remove(1));
        a.adopt(1);
        assert_eq!(
            (a.order(), b.order()),
            ([0, 2, 1].as_slice(), [SLOT_SIZE].as_slice())
        );
    }

    #[test]
    fn a_million_sims_take_four_megabytes() {
        let fleet = Fleet::new(0, 1_000_000);
        assert!(fleet.order.capacity() * size_of::<SimIndex>() < 5_000_000);
        assert!(fleet.contains(999_999) && !fleet.contains(1_000_000));
    }
}
