/// A sliding window: what was taken in the present one, and of the one before the part that it still covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub length_ms: i64,
    /// Which window since 1970.
    pub index: i64,
    pub current: u64,
    pub previous: u64,
}

impl Window {
    pub const fn new(length_ms: i64) -> Self {
        Self {
            length_ms,
            index: 0,
            current: 0,
            previous: 0,
        }
    }

    /// How many more there may be now.
    pub fn free(&mut self, now_ms: i64, limit: u32) -> u32 {
        self.roll(now_ms);
        let covered = u128::from(self.previous) * u128::from(self.left_ms(now_ms));
        let covered = covered.div_ceil(u128::from(self.length_ms.unsigned_abs()));
        let used = self
            .current
            .saturating_add(u64::try_from(covered).unwrap_or(u64::MAX));
        u32::try_from(u64::from(limit).saturating_sub(used)).unwrap_or(u32::MAX)
    }

    /// Counts what was taken now.
    pub fn add(&mut self, now_ms: i64, taken: u32) {
        self.roll(now_ms);
        self.current = self.current.saturating_add(u64::from(taken));
    }

    /// How long until one more is free, when nobody takes anything meanwhile; milliseconds.
    pub fn wait_ms(&mut self, now_ms: i64, limit: u32) -> u64 {
        self.roll(now_ms);
        let (left, limit) = (self.left_ms(now_ms), u64::from(limit));
        if self.current < limit {
            left.saturating_sub(self.still_covered(self.previous, limit - self.current - 1))
        } else {
            let length = self.length_ms.unsigned_abs();
            left + length - self.still_covered(self.current, limit.saturating_sub(1))
        }
    }

    /// When the present window ends, milliseconds from now.
    pub fn left_ms(&self, now_ms: i64) -> u64 {
        let end = (self.index + 1) * self.length_ms;
        (end - now_ms).clamp(0, self.length_ms).unsigned_abs()
    }

    /// How much of the window before, with this count, may be covered so that it weighs at most `room`.
    fn still_covered(&self, count: u64, room: u64) -> u64 {
        let length = self.length_ms.unsigned_abs();
        if room >= count {
            return length;
        }
        let covered = u128::from(room) * u128::from(length) / u128::from(count);
        u64::try_from(covered).unwrap_or(length)
    }

    /// A clock that goes back changes nothing.
    fn roll(&mut self, now_ms: i64) {
        let index = now_ms.div_euclid(self.length_ms);
        if index <= self.index {
            return;
        }
        self.previous = if index == self.index + 1 { self.current } else { 0 };
        self.current = 0;
        self.index = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_window_before_counts_as_far_as_it_is_covered() {
        let mut window = Window::new(MINUTE);
        window.add(MINUTE, 100);
        assert_eq!(window.free(MINUTE, 100), 0);
        assert_eq!(window.free(2 * MINUTE, 100), 0);
        assert_eq!(window.free(2 * MINUTE + 30_000, 100), 50);
        assert_eq!(window.free(3 * MINUTE, 100), 100);
    }

    proptest! {
        #[test]
        fn after_the_wait_one_is_free_and_not_before(
            limit in 1u32..5000, previous in 0u64..9000, current in 0u64..9000, at in 0i64..MINUTE,
        ) {
            let mut window = Window { length_ms: MINUTE, index: 7, current, previous };
            let now = 7 * MINUTE + at;
            let wait = i64::try_from(window.wait_ms(now, limit)).unwrap();
            let before = window.clone().free(now + wait - 1, limit);
            prop_assert!(wait == 0 || before == 0, "{before} free a moment before");
            prop_assert!(window.free(now + wait, limit) > 0);
        }

        #[test]
        fn no_fixed_window_ever_takes_more_than_the_limit(limit in 1u32..200, steps in prop::collection::vec(1i64..20_000, 1..300)) {
            let (mut window, mut now, mut taken) = (Window::new(MINUTE), 0, std::collections::HashMap::new());
            for step in steps {
                now += step;
                let all = window.free(now, limit);
                window.add(now, all);
                *taken.entry(now / MINUTE).or_insert(0) += all;
            }
            prop_assert!(taken.values().all(|taken| *taken <= limit));
        }
    }
}
