use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::window::Window;
use super::{Standing, Verdict};
use crate::config::RateLimits;

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 3_600_000;

/// What Redis granted, and how the windows stand after it.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    pub units: u32,
    /// Redis's clock.
    pub now_ms: i64,
    pub minute: Window,
    pub hour: Window,
    /// Names Redis's state of this caller; another one after it was lost.
    pub mark: u32,
    /// Grants that this state has made.
    pub grants: i64,
}

/// Units that were granted and ended with their minute before anybody spent them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unspent {
    pub units: u32,
    /// Which minute since 1970, by Redis's clock.
    pub minute: i64,
}

/// What this process knows when it asks Redis.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub minute: Window,
    pub hour: Window,
    /// Of the state that this knowledge is of; 0: this process granted alone since, or knows nothing.
    pub mark: u32,
    /// Grants that the state had made by then.
    pub grants: i64,
    pub unspent: Unspent,
}

/// A grant that is asked for sooner than this after the last one, milliseconds, is a larger one.
const BRISK_MS: i64 = 5_000;
/// Most units of one grant.
const MOST_UNITS: u32 = 1_000;

/// The requests of one caller, as far as this process knows.
#[derive(Debug)]
pub struct Meter {
    state: Mutex<State>,
    /// Held by whoever asks for more; the others wait for what it brings.
    pub refill: Arc<tokio::sync::Mutex<()>>,
    /// How many need a unit that is not here.
    pub waiting: AtomicU32,
}

#[derive(Debug, Clone, Copy)]
struct State {
    limits: RateLimits,
    minute: Window,
    hour: Window,
    /// Redis's clock minus ours.
    ahead_ms: i64,
    /// Units that were granted and not spent; they end with the minute that they were counted in.
    left: u32,
    left_until_ms: i64,
    unspent: Unspent,
    /// When Redis granted last, by its clock.
    granted_ms: i64,
    mark: u32,
    grants: i64,
    /// Before that nothing can be granted.
    refused_until_ms: i64,
}

impl Meter {
    pub fn new(limits: RateLimits) -> Self {
        let state = State {
            limits,
            minute: Window::new(MINUTE_MS),
            hour: Window::new(HOUR_MS),
            ahead_ms: 0,
            left: 0,
            left_until_ms: 0,
            unspent: Unspent::default(),
            granted_ms: 0,
            mark: 0,
            grants: 0,
            refused_until_ms: 0,
        };
        Self {
            state: Mutex::new(state),
            refill: Arc::default(),
            waiting: AtomicU32::new(0),
        }
    }

    /// Spends a unit that is here, or refuses when it is known that there is none; `None`: more must be asked for.
    pub fn spend(&self, limits: RateLimits, local_ms: i64) -> Option<Verdict> {
        let mut state = self.lock();
        if state.limits != limits {
            // What was granted under other limits is not spent under these.
            state.drop_left();
            state.limits = limits;
            state.refused_until_ms = 0;
        }
        let now = local_ms + state.ahead_ms;
        if state.left > 0 && now < state.left_until_ms {
            state.left -= 1;
            return Some(state.verdict(now, None));
        }
        state.drop_left();
        let wait = state.refused_until_ms - now;
        let wait = u64::try_from(wait).ok().filter(|wait| *wait > 0)?;
        Some(state.verdict(now, Some(Duration::from_millis(wait))))
    }

    /// How many units to ask for at once: a tenth of the limit, a quarter when the last ones were granted just before; but
    /// enough for all who wait.
    pub fn wanted(&self, limits: RateLimits, local_ms: i64) -> u32 {
        let limit = limits.per_minute.min(limits.per_hour);
        let state = self.lock();
        let is_brisk = local_ms + state.ahead_ms - state.granted_ms < BRISK_MS;
        let part = if is_brisk { limit / 4 } else { limit / 10 };
        let part = part.clamp(1, MOST_UNITS);
        part.max(self.waiting.load(Ordering::Relaxed))
    }

    /// What this process knows; the unspent units are told once.
    pub fn known(&self) -> Known {
        let mut state = self.lock();
        Known {
            minute: state.minute,
            hour: state.hour,
            mark: state.mark,
            grants: state.grants,
            unspent: std::mem::take(&mut state.unspent),
        }
    }

    /// Takes what Redis granted; it was asked at `asked_ms` by our clock.
    pub fn granted(&self, grant: Grant, asked_ms: i64) {
        let mut state = self.lock();
        // Taken from before the question, so that our idea of Redis's clock is never late.
        state.ahead_ms = grant.now_ms - asked_ms;
        (state.minute, state.hour) = (grant.minute, grant.hour);
        (state.mark, state.grants) = (grant.mark, grant.grants);
        state.granted_ms = grant.now_ms;
        state.put(grant.units, grant.now_ms);
    }

    /// Grants one unit by what this process knows alone.
    pub fn grant_here(&self, limits: RateLimits, local_ms: i64) -> u32 {
        let mut state = self.lock();
        let now = local_ms + state.ahead_ms;
        let free = state.minute.free(now, limits.per_minute);
        let units = free.min(state.hour.free(now, limits.per_hour)).min(1);
        state.minute.add(now, units);
        state.hour.add(now, units);
        state.mark = 0;
        state.put(units, now);
        units
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is left ends with its minute; Redis is told of it with the next question.
    fn drop_left(&mut self) {
        if self.left > 0 {
            self.unspent = Unspent {
                units: self.left,
                minute: self.left_until_ms / MINUTE_MS - 1,
            };
        }
        self.left = 0;
    }

    fn put(&mut self, units: u32, now: i64) {
        self.left += units;
        self.left_until_ms = (now.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
        if units == 0 {
            let minute = self.minute.wait_ms(now, self.limits.per_minute);
            let wait = minute.max(self.hour.wait_ms(now, self.limits.per_hour)).max(1);
            self.refused_until_ms = now + i64::try_from(wait).unwrap_or(HOUR_MS);
        }
    }

    /// How it stands in the window that has the fewest left.
    fn verdict(&mut self, now: i64, retry_after: Option<Duration>) -> Verdict {
        let minute = self.minute.free(now, self.limits.per_minute);
        let hour = self.hour.free(now, self.limits.per_hour);
        let (limit, free, window) = if minute < hour {
            (self.limits.per_minute, minute, &self.minute)
        } else {
            (self.limits.per_hour, hour, &self.hour)
        };
        let standing = Standing {
            limit,
            remaining: free.saturating_add(self.left),
            reset_seconds: window.left_ms(now).div_ceil(1000),
        };
        Verdict {
            standing,
            retry_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RateLimits = RateLimits {
        per_minute: 100,
        per_hour: 1000,
    };

    fn grant(units: u32, now_ms: i64) -> Grant {
        let window = |length_ms| Window {
            index: now_ms / length_ms,
            current: u64::from(units),
            ..Window::new(length_ms)
        };
        Grant {
            units,
            now_ms,
            minute: window(MINUTE_MS),
            hour: window(HOUR_MS),
            mark: 7,
            grants: 1,
        }
    }

    #[test]
    fn who_asks_fast_gets_more_at_once_up_to_a_quarter_and_who_asks_seldom_a_tenth() {
        let meter = Meter::new(LIMITS);
        let mut parts = Vec::new();
        for second in [0, 1, 5, 10] {
            let now = HOUR_MS + second * 1000;
            parts.push(meter.wanted(LIMITS, now));
            meter.granted(grant(10, now), now);
        }
        assert_eq!(parts, [10, 25, 25, 10]);
    }

    #[test]
    fn what_ended_unspent_is_told_once_with_the_minute_that_it_was_counted_in() {
        let meter = Meter::new(LIMITS);
        meter.granted(grant(10, HOUR_MS), HOUR_MS);
        assert!(meter.spend(LIMITS, HOUR_MS).is_some());
        assert!(meter.spend(LIMITS, HOUR_MS + MINUTE_MS).is_none());
        let known = meter.known();
        assert_eq!(
            (known.unspent.units, known.unspent.minute, known.mark),
            (9, 60, 7)
        );
        assert_eq!(meter.known().unspent, Unspent::default());
    }

    #[test]
    fn units_of_other_limits_are_not_spent() {
        let meter = Meter::new(LIMITS);
        meter.granted(grant(10, HOUR_MS), HOUR_MS);
        let fewer = RateLimits {
            per_minute: 1,
            per_hour: 1,
        };
        assert!(meter.spend(fewer, HOUR_MS).is_none());
        assert_eq!(meter.known().unspent.units, 10);
    }

    #[test]
    fn who_granted_alone_has_more_to_tell_than_redis_knows() {
        let meter = Meter::new(LIMITS);
        meter.granted(grant(10, HOUR_MS), HOUR_MS);
        meter.grant_here(LIMITS, HOUR_MS);
        assert_eq!(meter.known().mark, 0);
    }
}
