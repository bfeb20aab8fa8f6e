//! The limiter of one process: the same window as in Redis, for `rate / replicas`. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{BudgetSnapshot, Lane, Turn};

/// A limit of 1NCE and how we keep it.
#[derive(Debug, Clone)]
pub(crate) struct LimitSpec {
    /// For logs and metrics.
    pub name: &'static str,
    /// Calls in any `window`.
    pub capacity: u32,
    /// The window that 1NCE counts in.
    pub window: Duration,
    /// Added to the window for uneven travel.
    pub guard: Duration,
    /// Least distance of command and background grants from the grant before.
    pub spacing: Duration,
    /// How long an unknown past is waited for.
    pub cold_wait: Duration,
    /// Processes that share the limit.
    pub replicas: u32,
    /// Which part of the capacity each lane may fill up to; the rest is kept for the lanes above it.
    pub lane_share: [f64; 3],
}

/// How long a 429 keeps the rate down.
pub(super) const RECOVERY: Duration = Duration::from_secs(30);
/// The pause after a 429 that names none, doubled by each further one up to so often (FACTS §19).
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(super) const MOST_DOUBLINGS: u32 = 5;
/// The lowest factor that repeated 429s reach.
pub(super) const LEAST_FACTOR: f64 = 0.1;
/// A waiter behind a higher lane looks again this long after the slot it stood back from.
pub(super) const STAND_BACK: Duration = Duration::from_millis(10);

impl LimitSpec {
    /// `/sims*`: so many calls per second for the whole account.
    pub(crate) fn sims(rate: u32, guard: Duration, replicas: u32) -> Self {
        let window = Duration::from_secs(1);
        Self {
            name: "sims",
            capacity: rate,
            window,
            guard,
            spacing: window.mul_f64(0.8 / f64::from(rate)),
            // Once per start: generous to calls that others sent just before and that still travel.
            cold_wait: window + guard + Duration::from_millis(120),
            replicas,
            lane_share: [1.0; 3],
        }
    }

    /// A limit per IP over minutes: never near in practice, so an unknown past is not waited for.
    pub(crate) fn per_ip(name: &'static str, capacity: u32, window: Duration, replicas: u32) -> Self {
        Self {
            name,
            capacity,
            window,
            guard: Duration::from_millis(100),
            spacing: Duration::ZERO,
            cold_wait: Duration::ZERO,
            replicas,
            lane_share: [1.0, 0.75, 0.5],
        }
    }
}

/// A grant in the log.
struct Given {
    id: u64,
    /// When it counts: the moment of the grant, or later when the request arrived late.
    at: Instant,
    lane: Lane,
}

struct Penalty {
    at: Instant,
    factor: f64,
    /// How many came before it in a row.
    earlier: u32,
}

pub(super) struct LocalWindow {
    /// This process's share of the capacity; under one when there are more replicas than calls.
    share: f64,
    window: Duration,
    spacing: Duration,
    cold_wait: Duration,
    lane_share: [f64; 3],
    not_before: Instant,
    blocked_until: Instant,
    penalty: Option<Penalty>,
    /// Newest at the back; kept for a minute for the snapshot.
    grants: VecDeque<Given>,
    next_id: u64,
}

impl LocalWindow {
    pub(super) fn new(spec: &LimitSpec, now: Instant) -> Self {
        Self {
            share: f64::from(spec.capacity) / f64::from(spec.replicas),
            window: spec.window + spec.guard,
            spacing: spec.spacing * spec.replicas,
            cold_wait: spec.cold_wait,
            lane_share: spec.lane_share,
            not_before: now + spec.cold_wait,
            blocked_until: now,
            penalty: None,
            grants: VecDeque::new(),
            next_id: 0,
        }
    }

    /// Counts what came before as a full window of calls.
    pub(super) fn start_over(&mut self, now: Instant) {
        self.not_before = now + self.cold_wait;
    }

    /// Whole calls per window, and the window stretched where the share is less than one call.
    fn limit(&self, lane: Lane, now: Instant) -> (usize, Duration) {
        let share = self.share * self.factor(now) * self.lane_share[lane.index()];
        let calls = share.floor().max(1.0);
        (calls as usize, self.window.mul_f64((calls / share).max(1.0)))
    }

    fn factor(&self, now: Instant) -> f64 {
        self.penalty.as_ref().map_or(1.0, |penalty| {
            let age = now.duration_since(penalty.at).as_secs_f64() / RECOVERY.as_secs_f64();
            (penalty.factor + (1.0 - penalty.factor) * age).min(1.0)
        })
    }

    pub(super) fn look(&mut self, lane: Lane, higher_waits: bool, now: Instant) -> Turn {
        let (calls, window) = self.limit(lane, now);
        let mut ready = self.not_before.max(self.blocked_until);
        let nth = self.grants.len().checked_sub(calls);
        if let Some(given) = nth.and_then(|place| self.grants.get(place)) {
            ready = ready.max(given.at + window);
        }
        if lane != Lane::Interactive
            && let Some(newest) = self.grants.back()
        {
            ready = ready.max(newest.at + self.spacing);
        }
        if higher_waits {
            return Turn::Wait(ready.saturating_duration_since(now) + STAND_BACK);
        }
        if ready > now {
            return Turn::Wait(ready - now);
        }
        self.next_id += 1;
        let id = self.next_id;
        self.grants.push_back(Given { id, at: now, lane });
        let keep = self.window.max(Duration::from_secs(60)) * 2;
        while self
            .grants
            .front()
            .is_some_and(|given| now.duration_since(given.at) > keep)
            && self.grants.len() > self.share.ceil() as usize
        {
            self.grants.pop_front();
        }
        Turn::Granted(id)
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
        self.blocked_until = self.blocked_until.max(now + pause);
    }

    pub(super) fn snapshot(&self, now: Instant) -> BudgetSnapshot {
        let used = |span: Duration| {
            let mut lanes = [0; 3];
            for given in self.grants.iter().rev() {
                if now.duration_since(given.at) >= span {
                    break;
                }
                lanes[given.lane.index()] += 1;
            }
            lanes
        };
        let (calls, window) = self.limit(Lane::Interactive, now);
        BudgetSnapshot {
            used_last_second: used(Duration::from_secs(1)),
            used_last_minute: used(Duration::from_secs(60)),
            waiting: [0; 3],
            rate: calls as f64 / window.as_secs_f64(),
            blocked_for: self
                .blocked_until
                .checked_duration_since(now)
                .filter(|left| !left.is_zero()),
            shared: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(rate: u32, replicas: u32) -> LimitSpec {
        LimitSpec::sims(rate, Duration::from_millis(30), replicas)
    }

    /// Lets waiting callers of the given lanes run for a while and returns the moments of the grants.
    fn run(window: &mut LocalWindow, start: Instant, lanes: &[Lane], lateness_ms: &[u64]) -> Vec<Instant> {
        let mut now = start;
        let mut grants = Vec::new();
        for (turn, lane) in lanes.iter().enumerate() {
            loop {
                match window.look(*lane, false, now) {
                    Turn::Granted(_) => break,
                    Turn::Wait(wait) => {
                        now += wait + Duration::from_millis(lateness_ms[turn % lateness_ms.len()])
                    }
                }
            }
            grants.push(now);
        }
        grants
    }

    fn most_in_a_second(grants: &[Instant]) -> usize {
        grants
            .iter()
            .map(|from| {
                let until = *from + Duration::from_secs(1);
                grants.iter().filter(|at| *at >= from && **at < until).count()
            })
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_start_waits_for_the_unknown_past() {
        let start = Instant::now();
        let mut window = LocalWindow::new(&spec(10, 1), start);
        assert_eq!(
            window.look(Lane::Interactive, false, start),
            Turn::Wait(Duration::from_millis(1_150))
        );
    }

    #[test]
    fn a_higher_lane_makes_a_lower_one_stand_back_even_when_there_is_room() {
        let start = Instant::now();
        let mut window = LocalWindow::new(&spec(10, 1), start);
        let later = start + Duration::from_secs(5);
        assert_eq!(window.look(Lane::Background, true, later), Turn::Wait(STAND_BACK));
        assert!(matches!(
            window.look(Lane::Interactive, false, later),
            Turn::Granted(_)
        ));
    }

    #[test]
    fn a_late_arrival_frees_its_place_later() {
        let start = Instant::now();
        let mut window = LocalWindow::new(&spec(1, 1), start);
        let later = start + Duration::from_secs(5);
        let Turn::Granted(id) = window.look(Lane::Interactive, false, later) else {
            panic!("there is room");
        };
        window.shift(id, Duration::from_millis(200));
        assert_eq!(
            window.look(Lane::Interactive, false, later),
            Turn::Wait(Duration::from_millis(1_230))
        );
    }

    #[test]
    fn full_load_uses_at_least_95_percent() {
        let start = Instant::now();
        let mut window = LocalWindow::new(&spec(10, 1), start);
        let grants = run(&mut window, start, &[Lane::Background; 500], &[1]);
        let seconds = grants[499].duration_since(grants[0]).as_secs_f64();
        assert!(499.0 / seconds >= 9.5, "{}", 499.0 / seconds);
    }

    #[test]
    fn a_429_blocks_then_halves_then_recovers() {
        let start = Instant::now();
        let mut window = LocalWindow::new(&spec(10, 1), start);
        let at = start + Duration::from_secs(5);
        window.penalize(Some(Duration::from_secs(3)), 1.0, at);
        assert_eq!(
            window.look(Lane::Interactive, false, at),
            Turn::Wait(Duration::from_secs(3))
        );
        assert!((window.snapshot(at).rate - 5.0 / 1.03).abs() < 0.1);
        window.penalize(
            Some(Duration::from_millis(1)),
            1.0,
            at + Duration::from_millis(500),
        );
        assert!(
            window.factor(at + Duration::from_millis(500)) > 0.5,
            "one 429 burst is one penalty"
        );
        let recovered = window.snapshot(at + RECOVERY);
        assert!((recovered.rate - 10.0 / 1.03).abs() < 0.01, "{}", recovered.rate);
    }

    #[test]
    fn each_429_without_a_time_doubles_the_pause_until_1nce_calms_down() {
        let mut at = Instant::now();
        let mut window = LocalWindow::new(&spec(10, 1), at);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            window.penalize(None, 1.0, at);
            let pause = window.snapshot(at).blocked_for.unwrap();
            pauses.push(pause.as_secs());
            at += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32]);
        at += RECOVERY;
        window.penalize(None, 1.2, at);
        assert_eq!(
            window.snapshot(at).blocked_for,
            Some(Duration::from_millis(1_200))
        );
    }

    #[test]
    fn a_sweep_leaves_a_part_of_a_long_window_to_commands_and_people() {
        let start = Instant::now();
        let spec = LimitSpec::per_ip("orders", 100, Duration::from_secs(300), 1);
        let mut window = LocalWindow::new(&spec, start);
        let mut granted = |lane| {
            (0..200)
                .filter(|_| matches!(window.look(lane, false, start), Turn::Granted(_)))
                .count()
        };
        let lanes = [Lane::Background, Lane::Command, Lane::Interactive];
        assert_eq!(lanes.map(&mut granted), [50, 25, 25]);
    }

    #[test]
    fn more_replicas_than_calls_stretch_the_window() {
        let start = Instant::now();
        let mut window = LocalWindow::new(&spec(10, 20), start);
        let grants = run(&mut window, start, &[Lane::Interactive; 5], &[0]);
        assert!(grants[4].duration_since(grants[0]) >= Duration::from_secs(8));
    }

    proptest! {
        #[test]
        fn no_window_of_a_second_ever_holds_more_than_the_rate(
            rate in 1u32..40,
            replicas in 1u32..5,
            lanes in prop::collection::vec(0usize..3, 1..200),
            lateness in prop::collection::vec(0u64..120, 1..20),
        ) {
            let start = Instant::now();
            let lanes: Vec<Lane> = lanes.into_iter().map(|lane| Lane::ALL[lane]).collect();
            let mut window = LocalWindow::new(&spec(rate, replicas), start);
            let grants = run(&mut window, start, &lanes, &lateness);
            prop_assert!(most_in_a_second(&grants) <= (rate / replicas).max(1) as usize);
        }
    }
}
