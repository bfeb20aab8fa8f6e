//! What a SIM uses per day, with sums in constant time: cumulative functions whose differences are the days.

use super::SimIndex;
use super::seeded::Seeded;

impl Seeded {
    /// Millionths of a MB used since the epoch up to and including `day`; rises, stands still one day a week.
    pub fn data_used_until(self, sim: SimIndex, day: i64) -> i64 {
        if !self.ever_attached(sim) {
            return 0;
        }
        let base = match self.hash(sim, 20) % 100 {
            0..15 => return 0,
            15..95 => 20_000 + (self.hash(sim, 21) % 300_000) as i64,
            _ => 1_000_000 + (self.hash(sim, 21) % 2_000_000) as i64,
        };
        let quiet_weekday = (self.hash(sim, 22) % 7) as i64;
        let busy_days = day - (day + quiet_weekday).div_euclid(7);
        let wobble = (self.hash(sim, 1_000 + busy_days as u64) % base as u64) as i64;
        base * busy_days + wobble
    }

    /// SMS sent by the device since the epoch up to and including `day`: 10 % of SIMs send one every five days.
    pub fn mo_sms_until(self, sim: SimIndex, day: i64) -> i64 {
        if !self.ever_attached(sim) || self.hash(sim, 23) % 100 >= 10 {
            return 0;
        }
        (day + (self.hash(sim, 24) % 5) as i64).div_euclid(5)
    }

    /// Millionths of a MB used on one day.
    pub fn data_used_on(self, sim: SimIndex, day: i64) -> i64 {
        self.data_used_until(sim, day) - self.data_used_until(sim, day - 1)
    }

    /// SMS sent by the device on one day.
    pub fn mo_sms_on(self, sim: SimIndex, day: i64) -> i64 {
        self.mo_sms_until(sim, day) - self.mo_sms_until(sim, day - 1)
    }

    /// How long ago the SIM had `volume` more left than now, in days; an estimate from its mean use.
    pub fn days_since_left(self, sim: SimIndex, volume: i64, today: i64) -> i64 {
        const SPAN: i64 = 70;
        let per_span = self.data_used_until(sim, today) - self.data_used_until(sim, today - SPAN);
        if per_span <= 0 {
            1
        } else {
            (volume * SPAN / per_span).clamp(0, 1000)
        }
    }
}

/// Rounds millionths of a MB up to whole KB, as Platform 2.0 bills (FACTS §1); 1 MB = 1024 KB.
pub fn round_up_to_kb(micro_mb: i64) -> i64 {
    let kb = (micro_mb * 1024 + 999_999).div_euclid(1_000_000);
    (kb * 1_000_000).div_euclid(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn days_are_never_negative_and_add_up(seed: u64, sim in 0u32..1_000_000, day in 18_000i64..25_000) {
            let s = Seeded { seed };
            let sum: i64 = (day - 30..=day).map(|d| s.data_used_on(sim, d)).sum();
            prop_assert!((day - 30..=day).all(|d| s.data_used_on(sim, d) >= 0 && s.mo_sms_on(sim, d) >= 0));
            prop_assert_eq!(sum, s.data_used_until(sim, day) - s.data_used_until(sim, day - 31));
        }

        #[test]
        fn one_day_a_week_is_quiet(seed: u64, sim in 0u32..1_000_000, day in 18_000i64..25_000) {
            let s = Seeded { seed };
            prop_assert!((day..day + 7).any(|d| s.data_used_on(sim, d) == 0));
        }

        #[test]
        fn rounding_goes_up_by_less_than_a_kb(micro in 0i64..10_000_000_000) {
            let rounded = round_up_to_kb(micro);
            prop_assert!(rounded >= micro - 1 && rounded - micro < 978);
        }
    }
}
