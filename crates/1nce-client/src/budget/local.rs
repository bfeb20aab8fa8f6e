//! The limiter of one process: the same window and turns as in Redis, for a part of the rate. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::OrganizationId;

use super::caller::Caller;
use super::spec::{FIRST_PAUSE, LEAST_FACTOR, LimitSpec, MOST_DOUBLINGS, RECOVERY, STAND_BACK};
use super::turns::PassedOver;
use super::{BudgetSnapshot, Lane, Turn};

/// A grant in the log.
struct Given {
    id: u64,
    /// When it counts: the moment of the grant, or later when the request arrived late.
    at: Instant,
    caller: Caller,
}

struct Penalty {
    at: Instant,
    factor: f64,
    /// How many came before it in a row.
    earlier: u32,
}

pub(super) struct LocalWindow {
    spec: LimitSpec,
    /// The rate is divided by it.
    processes: u32,
    not_before: Instant,
    blocked_until: Instant,
    penalty: Option<Penalty>,
    /// Newest at the back; kept for a minute for the snapshot.
    grants: VecDeque<Given>,
    passed_over: PassedOver,
    next_id: u64,
}

impl LocalWindow {
    pub(super) fn new(spec: LimitSpec, now: Instant) -> Self {
        Self {
            processes: spec.replicas,
            not_before: now + spec.cold_wait,
            blocked_until: now,
            penalty: None,
            grants: VecDeque::new(),
            passed_over: PassedOver::default(),
            next_id: 0,
            spec,
        }
    }

    /// Counts what came before as a full window of calls.
    pub(super) fn start_over(&mut self, now: Instant) {
        self.not_before = now + self.spec.cold_wait;
    }

    /// Divides the rate by so many processes, or by the configured number if that is larger.
    pub(super) fn share_with(&mut self, processes: u32) {
        self.processes = processes.max(self.spec.replicas);
    }

    /// Grants nothing for so long; what is known of a block is never shortened.
    pub(super) fn block(&mut self, left: Duration, now: Instant) {
        self.blocked_until = self.blocked_until.max(now + left);
    }

    /// How long a 429 still blocks everything.
    pub(super) fn blocked_for(&self, now: Instant) -> Option<Duration> {
        let left = self.blocked_until.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// This process's part of the capacity; under one when there are more processes than calls.
    fn part(&self) -> f64 {
        f64::from(self.spec.capacity) / f64::from(self.processes)
    }

    /// Whole calls per window, and the window stretched where the part is less than one call.
    fn limit(&self, lane: Lane, now: Instant) -> (usize, Duration) {
        let part = self.part() * self.factor(now) * self.spec.lane_share[lane.index()];
        let calls = part.floor().max(1.0);
        let stretched = self.spec.counted().mul_f64((calls / part).max(1.0));
        (calls as usize, stretched)
    }

    fn factor(&self, now: Instant) -> f64 {
        self.penalty.as_ref().map_or(1.0, |penalty| {
            let age = now.duration_since(penalty.at).as_secs_f64() / RECOVERY.as_secs_f64();
            (penalty.factor + (1.0 - penalty.factor) * age).min(1.0)
        })
    }

    /// `waiting`: whoever waits in this process, the caller itself included or not.
    pub(super) fn look(&mut self, caller: Caller, waiting: &[Caller], now: Instant) -> Turn {
        let mut ready = self.ready(caller.lane, now);
        let others = || waiting.iter().filter(|other| **other != caller);
        if let Some(until) = self.used_its_part_until(caller, now)
            && others().next().is_some()
        {
            ready = ready.max(until);
        }
        let ahead = others().filter(|other| self.goes_before(**other, caller, now));
        let ahead = u32::try_from(ahead.count()).unwrap_or(u32::MAX);
        if ahead > 0 || ready > now {
            return Turn::Wait(ready.saturating_duration_since(now) + STAND_BACK.saturating_mul(ahead));
        }
        self.next_id += 1;
        let id = self.next_id;
        self.grants.push_back(Given { id, at: now, caller });
        self.passed_over.granted(caller.lane, waiting);
        self.forget(now);
        Turn::Granted(id)
    }

    fn ready(&self, lane: Lane, now: Instant) -> Instant {
        let (calls, window) = self.limit(lane, now);
        let mut ready = self.not_before.max(self.blocked_until);
        let nth = self.grants.len().checked_sub(calls);
        if let Some(given) = nth.and_then(|place| self.grants.get(place)) {
            ready = ready.max(given.at + window);
        }
        if lane != Lane::Interactive
            && let Some(newest) = self.grants.back()
        {
            ready = ready.max(newest.at + self.spec.spacing * self.processes);
        }
        ready
    }

    /// Grants to an organization, the newest first.
    fn grants_to(&self, organization: Option<OrganizationId>) -> impl Iterator<Item = Instant> {
        let all = self.grants.iter().rev();
        all.filter(move |given| {
            given.caller.lane == Lane::Interactive && given.caller.organization == organization
        })
        .map(|given| given.at)
    }

    /// When the organization may call again although others wait, if that is later than now.
    fn used_its_part_until(&self, caller: Caller, now: Instant) -> Option<Instant> {
        let organization = caller.organization?;
        let (calls, window) = self.limit(Lane::Interactive, now);
        let most = (calls as f64 * self.spec.organization_share).floor().max(1.0) as usize;
        let until = self.grants_to(Some(organization)).nth(most - 1)? + window;
        (until > now).then_some(until)
    }

    fn goes_before(&self, one: Caller, other: Caller, now: Instant) -> bool {
        if one.lane != other.lane {
            return self
                .passed_over
                .goes_before(one.lane, other.lane, &self.spec.patience)
                && self.used_its_part_until(one, now).is_none();
        }
        // Who was served longer ago, or never.
        self.used_its_part_until(one, now).is_none()
            && self.grants_to(one.organization).next() < self.grants_to(other.organization).next()
    }

    fn forget(&mut self, now: Instant) {
        let keep = self.spec.counted().max(Duration::from_secs(60)) * 2;
        while self
            .grants
            .front()
            .is_some_and(|given| now.duration_since(given.at) > keep)
            && self.grants.len() > self.part().ceil() as usize
        {
            self.grants.pop_front();
        }
    }

    /// Counts a grant later than it was given.
    pub(super) fn shift(&mut self, id: u64, late: Duration) {
        if let Some(place) = self.grants.iter().position(|given| given.id == id)
            && let Some(mut given) = self.grants.remove(place)
        {
            given.at += late;
            let later = self.grants.partition_point(|other| other.at <= given.at);
            self.grants.insert(later, given);
        }
    }

    /// After a 429: blocks for the pause that it named or for a growing one, and halves the rate once per burst.
    pub(super) fn penalize(&mut self, named: Option<Duration>, jitter: f64, now: Instant) {
        let recent = self
            .penalty
            .as_ref()
            .is_some_and(|penalty| now.duration_since(penalty.at) < Duration::from_secs(1));
        if !recent {
            let in_a_row = now < self.blocked_until + RECOVERY;
            let before = self.penalty.as_ref().filter(|_| in_a_row);
            let earlier = before.map_or(0, |penalty| (penalty.earlier + 1).min(MOST_DOUBLINGS));
            let factor = (self.factor(now) * 0.5).max(LEAST_FACTOR);
            self.penalty = Some(Penalty {
                at: now,
                factor,
                earlier,
            });
        }
        let earlier = self.penalty.as_ref().map_or(0, |penalty| penalty.earlier);
        let pause = named.unwrap_or_else(|| FIRST_PAUSE.mul_f64(f64::from(1 << earlier) * jitter));
        self.block(pause, now);
    }

    pub(super) fn snapshot(&self, now: Instant) -> BudgetSnapshot {
        let used = |span: Duration| {
            let mut lanes = [0; Lane::COUNT];
            for given in self.grants.iter().rev() {
                if now.duration_since(given.at) >= span {
                    break;
                }
                lanes[given.caller.lane.index()] += 1;
            }
            lanes
        };
        let (calls, window) = self.limit(Lane::Interactive, now);
        BudgetSnapshot {
            used_last_second: used(Duration::from_secs(1)),
            used_last_minute: used(Duration::from_secs(60)),
            waiting: [0; Lane::COUNT],
            rate: calls as f64 / window.as_secs_f64(),
            blocked_for: self.blocked_for(now),
            shared: false,
        }
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
