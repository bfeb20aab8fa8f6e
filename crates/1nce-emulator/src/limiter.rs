//! Sliding-window rate limits as 1NCE publishes them (FACTS §3).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// At most `limit` admitted calls in any `window`; refused calls count only where 1NCE is taken to be that strict.
#[derive(Debug, Default)]
pub struct SlidingWindow {
    places: VecDeque<Instant>,
    admitted: VecDeque<Instant>,
    offered: VecDeque<Instant>,
    /// Calls refused so far.
    pub violations: u64,
    /// The most calls, refused and spoiled ones included, that ever arrived within one window.
    pub max_offered: usize,
    /// The most admitted calls within one window.
    pub max_admitted: usize,
}

impl SlidingWindow {
    /// Counts an arrival at `now`, whatever becomes of it.
    pub fn offer(&mut self, now: Instant, window: Duration) {
        forget_before(&mut self.offered, now, window);
        self.offered.push_back(now);
        self.max_offered = self.max_offered.max(self.offered.len());
    }

    /// Admits a call arriving at `now`, or says how long until a place is free. A limit of 0 means no limit.
    /// With `refused_count` a refused call takes a place as well.
    pub fn admit(
        &mut self,
        now: Instant,
        limit: u32,
        window: Duration,
        refused_count: bool,
    ) -> Result<(), Duration> {
        forget_before(&mut self.places, now, window);
        forget_before(&mut self.admitted, now, window);
        let limit = limit as usize;
        if limit > 0 && self.places.len() >= limit {
            self.violations += 1;
            if refused_count {
                self.places.push_back(now);
            }
            let freed_by = self.places[self.places.len() - limit];
            return Err(window.saturating_sub(now.duration_since(freed_by)));
        }
        self.places.push_back(now);
        self.admitted.push_back(now);
        self.max_admitted = self.max_admitted.max(self.admitted.len());
        Ok(())
    }

    /// Forgets the counters but not the window itself.
    pub fn reset_counters(&mut self) {
        self.violations = 0;
        self.max_offered = 0;
        self.max_admitted = 0;
        self.offered.clear();
    }
}

/// Arrivals exactly one window old have left it.
fn forget_before(arrivals: &mut VecDeque<Instant>, now: Instant, window: Duration) {
    while arrivals
        .front()
        .is_some_and(|at| now.duration_since(*at) >= window)
    {
        arrivals.pop_front();
    }
}

/// The windows of one kind of key (customer, or IP address and endpoint group).
#[derive(Debug, Default)]
pub struct Windows {
    by_key: HashMap<String, SlidingWindow>,
}

impl Windows {
    /// The window of `key`, created on first use.
    pub fn of(&mut self, key: &str) -> &mut SlidingWindow {
        if !self.by_key.contains_key(key) {
            self.by_key.insert(key.to_owned(), SlidingWindow::default());
        }
        self.by_key.entry(key.to_owned()).or_default()
    }

    /// The window of `key`, if any call fell into it.
    pub fn get(&self, key: &str) -> Option<&SlidingWindow> {
        self.by_key.get(key)
    }

    /// Calls refused so far, over all keys.
    pub fn violations(&self) -> u64 {
        self.by_key.values().map(|window| window.violations).sum()
    }

    /// Forgets every counter.
    pub fn reset_counters(&mut self) {
        self.by_key.values_mut().for_each(SlidingWindow::reset_counters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_any_window(
            gaps in prop::collection::vec(0u64..400, 1..200), limit in 1u32..15,
        ) {
            let start = Instant::now();
            let mut window = SlidingWindow::default();
            let mut at = 0;
            let mut admitted: Vec<u64> = Vec::new();
            for gap in gaps {
                at += gap;
                let in_window = admitted.iter().filter(|t| at - **t < 1000).count();
                match window.admit(start + Duration::from_millis(at), limit, SECOND, false) {
                    Ok(()) => {
                        prop_assert!(in_window < limit as usize);
                        admitted.push(at);
                    }
                    Err(wait) => {
                        prop_assert_eq!(in_window, limit as usize, "refused although a place was free");
                        let freed = at + wait.as_millis() as u64;
                        prop_assert!(admitted.iter().filter(|t| freed - **t < 1000).count() < limit as usize);
                    }
                }
            }
            prop_assert!(window.max_admitted <= limit as usize);
        }
    }

    #[test]
    fn refused_calls_are_counted_but_take_no_place() {
        let start = Instant::now();
        let mut window = SlidingWindow::default();
        let mut call = |ms| {
            let at = start + Duration::from_millis(ms);
            window.offer(at, SECOND);
            window.admit(at, 2, SECOND, false).is_ok()
        };
        assert!(call(0) && call(0));
        assert!(!call(1) && !call(500) && !call(999));
        assert!(call(1000));
        assert_eq!((window.violations, window.max_offered), (3, 5));
    }

    #[test]
    fn where_refused_calls_count_only_silence_frees_a_place() {
        let start = Instant::now();
        let mut window = SlidingWindow::default();
        let mut call = |ms| window.admit(start + Duration::from_millis(ms), 1, SECOND, true);
        assert!(call(0).is_ok());
        assert_eq!(call(900), Err(SECOND));
        assert!(call(1500).is_err());
        assert!(call(2500).is_ok());
        assert_eq!(window.max_admitted, 1);
    }

    #[test]
    fn zero_means_no_limit() {
        let mut window = SlidingWindow::default();
        let now = Instant::now();
        assert!((0..1000).all(|_| window.admit(now, 0, SECOND, true).is_ok()));
    }
}
