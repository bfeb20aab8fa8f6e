use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::window::Window;
use super::{RateLimits, Standing, Verdict};

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
}

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
            state.limits = limits;
            state.refused_until_ms = 0;
        }
        let now = local_ms + state.ahead_ms;
        if state.left > 0 && now < state.left_until_ms {
            state.left -= 1;
            return Some(state.verdict(now, None));
        }
        state.left = 0;
        let wait = state.refused_until_ms - now;
        let wait = u64::try_from(wait).ok().filter(|wait| *wait > 0)?;
        Some(state.verdict(now, Some(Duration::from_millis(wait))))
    }

    /// How many units to ask for at once: few, for what is not spent is lost; but enough for all who wait.
    pub fn wanted(&self, limits: RateLimits) -> u32 {
        let part = limits.per_minute.min(limits.per_hour) / 100;
        part.clamp(1, 1000).max(self.waiting.load(Ordering::Relaxed))
    }

    /// The windows as last known.
    pub fn windows(&self) -> (Window, Window) {
        let state = self.lock();
        (state.minute, state.hour)
    }

    /// Takes what Redis granted; it was asked at `asked_ms` by our clock.
    pub fn granted(&self, grant: Grant, asked_ms: i64) {
        let mut state = self.lock();
        // Taken from before the question, so that our idea of Redis's clock is never late.
        state.ahead_ms = grant.now_ms - asked_ms;
        (state.minute, state.hour) = (grant.minute, grant.hour);
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
        state.put(units, now);
        units
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
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
