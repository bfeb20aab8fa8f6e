//! The end of v1 of 1NCE's API.

use chrono::{DateTime, NaiveDate, Utc};

/// The last day on which 1NCE serves v1: help.1nce.com, "Management API Migration" (FACTS §1, confirmed in November 2026
/// by FACTS-2026-11 U1). The page names no hour; the day is taken to be one of UTC.
pub const V1_ENDS_ON: NaiveDate = match NaiveDate::from_ymd_opt(2026, 12, 31) {
    Some(day) => day,
    None => panic!("a day of the calendar"),
};

/// Days before the end from which on it is warned of.
const WARNED_OF: u32 = 30;

/// Whole days from today (UTC) to the last day of v1; 0 on that day and after it.
pub fn days_left(now: DateTime<Utc>) -> u32 {
    let days = (V1_ENDS_ON - now.date_naive()).num_days();
    u32::try_from(days).unwrap_or(0)
}

/// Whether it is time to warn of the end; it stays so after the end, should 1NCE serve v1 for longer.
pub fn is_near(now: DateTime<Utc>) -> bool {
    days_left(now) <= WARNED_OF
}

/// The end for people: `2026-12-31 (in 12 days)`.
pub fn end(now: DateTime<Utc>) -> String {
    let day = V1_ENDS_ON;
    match (now.date_naive() > day, days_left(now)) {
        (true, _) => format!("{day}, which is over"),
        (false, 0) => format!("{day}, which is today"),
        (false, 1) => format!("{day} (tomorrow)"),
        (false, days) => format!("{day} (in {days} days)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(moment: &str) -> DateTime<Utc> {
        moment.parse().unwrap()
    }

    #[test]
    fn the_end_is_near_from_thirty_days_before_it() {
        let days = [
            ("2026-06-01T00:00:00Z", 213, false),
            ("2026-11-30T23:59:59Z", 31, false),
            ("2026-12-01T00:00:00Z", 30, true),
            ("2026-12-31T23:59:59Z", 0, true),
            ("2027-01-01T00:00:00Z", 0, true),
            ("2030-01-01T00:00:00Z", 0, true),
        ];
        for (moment, left, near) in days {
            assert_eq!(
                (days_left(at(moment)), is_near(at(moment))),
                (left, near),
                "{moment}"
            );
        }
    }

    #[test]
    fn people_are_told_the_day_and_how_far_it_is() {
        for (moment, text) in [
            ("2026-12-19T12:00:00Z", "2026-12-31 (in 12 days)"),
            ("2026-12-30T12:00:00Z", "2026-12-31 (tomorrow)"),
            ("2026-12-31T12:00:00Z", "2026-12-31, which is today"),
            ("2027-01-01T00:00:00Z", "2026-12-31, which is over"),
        ] {
            assert_eq!(end(at(moment)), text);
        }
    }
}
