//! How many records a stream usually brings.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Timelike, Utc};

/// With less history the mean of what there is counts.
const ENOUGH_DAYS: i64 = 3;
const HOUR: TimeDelta = TimeDelta::hours(1);

/// Records per hour, by the hour of the day.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation([f64; 24]);

impl Expectation {
    /// From the records of each past hour; hours that are not in `by_hour` had none. With three days of history each hour
    /// of the day has the median of its days, so that a night without records is no surprise; before that every hour has
    /// the mean of the last day.
    pub fn of(by_hour: &BTreeMap<DateTime<Utc>, i64>, now: DateTime<Utc>) -> Self {
        let this_hour = now.duration_trunc(HOUR).unwrap_or(now);
        let Some(first) = by_hour.keys().next().copied() else {
            return Self([0.0; 24]);
        };
        // The first hour began before the stream did, and this one is not over.
        let records = |hour: DateTime<Utc>| by_hour.get(&hour).copied().unwrap_or(0) as f64;
        if this_hour - first < TimeDelta::days(ENOUGH_DAYS) {
            let hours = (this_hour - first).num_hours().clamp(1, 24);
            let sum: f64 = (1..=hours)
                .map(|back| records(this_hour - HOUR * back as i32))
                .sum();
            return Self([sum / hours as f64; 24]);
        }
        let mut expected = [0.0; 24];
        for (back, expected) in (1..=24).zip(expected.iter_mut()) {
            let hour = this_hour - HOUR * back;
            let mut days: Vec<f64> = (0..7)
                .map(|days| hour - TimeDelta::days(days))
                .filter(|hour| *hour >= first)
                .map(records)
                .collect();
            days.sort_by(f64::total_cmp);
            *expected = days.get(days.len() / 2).copied().unwrap_or(0.0);
        }
        let mut by_clock = [0.0; 24];
        for (back, expected) in (1..=24).zip(expected) {
            by_clock[(this_hour - HOUR * back).hour() as usize % 24] = expected;
        }
        Self(by_clock)
    }

    /// Records per hour at that time of the day.
    pub fn at(&self, time: DateTime<Utc>) -> f64 {
        self.0[time.hour() as usize % 24]
    }

    /// Records that would have come between two moments, of which at most the last week counts.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
        let mut from = from.max(to - TimeDelta::days(7));
        let mut sum = 0.0;
        while from < to {
            let hour = from.duration_trunc(HOUR).unwrap_or(from);
            let until = (hour + HOUR).min(to);
            sum += self.at(from) * (until - from).num_milliseconds() as f64 / HOUR.num_milliseconds() as f64;
            from = until;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        "2026-11-24T12:30:00Z".parse().unwrap()
    }

    /// So many days of records in each hour of the clock.
    fn days(days: i64, records: impl Fn(u32) -> i64) -> BTreeMap<DateTime<Utc>, i64> {
        let this_hour = now().duration_trunc(HOUR).unwrap();
        (1..=days * 24)
            .map(|back| this_hour - HOUR * back as i32)
            .map(|hour| (hour, records(hour.hour())))
            .collect()
    }

    #[test]
    fn a_night_without_records_is_expected_after_three_days() {
        let by_hour = days(7, |hour| if (6..20).contains(&hour) { 60 } else { 0 });
        let expected = Expectation::of(&by_hour, now());

        assert_eq!(expected.at("2026-11-24T03:00:00Z".parse().unwrap()), 0.0);
        assert_eq!(expected.at(now()), 60.0);
        let night = expected.between(
            "2026-11-23T20:00:00Z".parse().unwrap(),
            "2026-11-24T06:00:00Z".parse().unwrap(),
        );
        assert_eq!(night, 0.0);
        assert_eq!(expected.between(now() - TimeDelta::minutes(30), now()), 30.0);
    }

    #[test]
    fn one_strange_day_changes_no_median_and_a_young_stream_has_its_mean() {
        let mut by_hour = days(7, |_| 60);
        for back in 1..=24 {
            by_hour.insert(now().duration_trunc(HOUR).unwrap() - HOUR * back, 0);
        }
        assert_eq!(Expectation::of(&by_hour, now()).at(now()), 60.0);
        assert_eq!(Expectation::of(&days(1, |_| 12), now()).at(now()), 12.0);
        assert_eq!(Expectation::of(&BTreeMap::new(), now()).at(now()), 0.0);
    }

    proptest! {
        #[test]
        fn parts_of_a_time_add_up_and_nothing_is_negative(records in 0i64..10_000, history in 1i64..9, a in 0i64..10_000, b in 0i64..10_000) {
            let expected = Expectation::of(&days(history, |hour| records * i64::from(hour % 3)), now());
            let (from, to) = (now() - TimeDelta::minutes(a + b), now());
            let middle = now() - TimeDelta::minutes(b);
            let sum = expected.between(from, middle) + expected.between(middle, to);
            prop_assert!((expected.between(from, to) - sum).abs() <= 1e-6 * (1.0 + sum) || a + b > 7 * 24 * 60);
            prop_assert!(expected.between(from, to) >= 0.0);
        }
    }
}
