//! Walks a customer's records through domain time, a step of one or more slots of 15 minutes after the other.

use std::collections::VecDeque;

use super::json;
use super::records::Record;
use super::types::StreamKind;
use crate::account::Account;
use crate::account::events::Event;
use crate::clock::Millis;
use crate::dates::day_of;
use crate::fleet::SimIndex;
use crate::world::{World, lock};

const SLOT: Millis = 15 * 60_000;
/// The longest step, for a small fleet that has a backlog.
const MOST_SLOTS: Millis = 24;
/// SIMs times slots of a step: bounds what is in memory, as a SIM has about one record in a slot at most.
const STEP: usize = 20_000;
/// SIMs walked under one lock, so that calls of the API get in between.
const CHUNK: usize = 1000;

/// A record that is to be sent, not yet written.
#[derive(Debug)]
pub enum Due {
    Usage(Record),
    Event(SimIndex, Event),
}

impl Due {
    /// When it became due, and its id.
    fn key(&self) -> (Millis, i64) {
        match self {
            Due::Usage(record) => (record.end, record.id),
            Due::Event(_, event) => (event.at, event.id),
        }
    }

    /// When it became due.
    pub fn at(&self) -> Millis {
        self.key().0
    }

    /// The record as JSON, with device and address of the SIM now.
    pub fn written(&self, account: &Account, generation: u8, now: Millis) -> String {
        let organisation = account.organisation;
        match self {
            Due::Usage(record) => {
                json::usage(generation, organisation, &account.view(record.sim, now), record)
            }
            Due::Event(sim, event) => json::event(generation, organisation, &account.view(*sim, now), event),
        }
    }
}

/// Where a stream is in time.
#[derive(Debug)]
pub struct Source {
    account: usize,
    kind: StreamKind,
    walked: Millis,
}

impl Source {
    /// Begins after `position`.
    pub fn new(account: usize, kind: StreamKind, position: Millis) -> Self {
        Self {
            account,
            kind,
            walked: position,
        }
    }

    /// Everything until then was handed out.
    pub fn walked(&self) -> Millis {
        self.walked
    }

    /// Leaves out what lies before `position`.
    pub fn jump(&mut self, position: Millis) {
        self.walked = self.walked.max(position);
    }

    /// Appends what became due in the next step, oldest first; false when there is nothing before now.
    pub fn step(&mut self, world: &World, ready: &mut VecDeque<Due>) -> bool {
        // What happens in the present millisecond may not have happened yet.
        let (sims, now) = {
            let (domain, now) = world.settled();
            (domain.accounts[self.account].fleet.order().to_vec(), now - 1)
        };
        if self.walked >= now {
            return false;
        }
        let slots = ((STEP / sims.len().max(1)) as Millis).clamp(1, MOST_SLOTS);
        let until = ((self.walked.div_euclid(SLOT) + slots) * SLOT).min(now);
        let mut found = Vec::new();
        for chunk in sims.chunks(CHUNK) {
            let domain = lock(&world.domain);
            let account = &domain.accounts[self.account];
            for sim in chunk.iter().filter(|sim| account.fleet.contains(**sim)) {
                self.collect(account, *sim, until, &mut found);
            }
        }
        found.sort_unstable_by_key(Due::key);
        ready.extend(found);
        self.walked = until;
        true
    }

    fn collect(&self, account: &Account, sim: SimIndex, until: Millis, found: &mut Vec<Due>) {
        let view = account.view(sim, until);
        match self.kind {
            StreamKind::Usage => {
                for day in day_of(self.walked + 1)..=day_of(until) {
                    let each = |record| found.push(Due::Usage(record));
                    view.day(day).between(self.walked, until, each);
                }
            }
            StreamKind::Events => {
                let events = view.events_between(self.walked, until);
                found.extend(events.into_iter().map(|event| Due::Event(sim, event)));
            }
        }
    }
}
