use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::words::words;

words! {
    /// How finely usage is told over time.
    Granularity {
        /// Clock hours.
        Hourly = "hourly",
        /// Days.
        Daily = "daily",
        /// Weeks that begin on Monday (ISO 8601).
        Weekly = "weekly",
        /// Calendar months.
        Monthly = "monthly",
    }
}

impl Granularity {
    /// The most days that one question may span.
    pub const fn max_days(self) -> i64 {
        match self {
            Self::Hourly => 31,
            Self::Daily | Self::Weekly | Self::Monthly => MAX_DAYS,
        }
    }
}

/// The most days of any question about usage: two years.
pub const MAX_DAYS: i64 = 731;

/// The days from the first to the last, both included.
pub fn days_between(start: NaiveDate, end: NaiveDate) -> i64 {
    (end - start).num_days() + 1
}

/// One period. Its data lie between `from` and the next period's `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// When it begins; the first one of a question not before the question's first day.
    pub from: DateTime<Utc>,
    /// Its name: its first day, or `YYYY-MM-DDTHH:00:00+hh:mm` for an hour. A week or month that the question cuts keeps
    /// the day on which it began.
    pub label: String,
}

/// The periods of a span of days in a time zone, the oldest first. A day that a time zone skips whole has none.
pub fn periods(granularity: Granularity, zone: Tz, start: NaiveDate, end: NaiveDate) -> Vec<Period> {
    if granularity == Granularity::Hourly {
        return hours(zone, start, end);
    }
    let mut periods: Vec<Period> = Vec::new();
    for day in start.iter_days().take_while(|day| *day <= end) {
        let label = first_day(granularity, day).to_string();
        let begun = periods.last().is_some_and(|last| last.label == label);
        // A skipped day begins when the next one does.
        if begun || day_begin(zone, day) == day_begin(zone, next(day)) {
            continue;
        }
        let from = day_begin(zone, day);
        periods.push(Period { from, label });
    }
    periods
}

/// The moments between which the data of these days lie: from the first one, before the second one.
pub fn span(zone: Tz, start: NaiveDate, end: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    (day_begin(zone, start), day_begin(zone, next(end)))
}

/// The first day of the period in which a day lies.
pub fn first_day(granularity: Granularity, day: NaiveDate) -> NaiveDate {
    match granularity {
        Granularity::Hourly | Granularity::Daily => day,
        Granularity::Weekly => day - Days::new(day.weekday().num_days_from_monday().into()),
        Granularity::Monthly => day.with_day(1).unwrap_or(day),
    }
}

/// Clock hours, of which a day has 23 or 25 where the clock is changed. Where an offset is not whole hours, they still
/// begin on the local hour.
fn hours(zone: Tz, start: NaiveDate, end: NaiveDate) -> Vec<Period> {
    let (begin, end) = span(zone, start, end);
    let mut hours: Vec<Period> = Vec::new();
    let mut from = begin;
    while from < end {
        let local = from.with_timezone(&zone);
        let label = local.format("%Y-%m-%dT%H:00:00%:z").to_string();
        if hours.last().is_none_or(|last| last.label != label) {
            hours.push(Period { from, label });
        }
        // Every offset of today's zones, and every change of one, is in quarters of an hour.
        from += Duration::minutes(15);
    }
    hours
}

/// The first moment of a local day. Where the clock skips midnight, the first moment after the gap.
fn day_begin(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let mut local = day.and_time(NaiveTime::MIN);
    // The longest gap of any zone is a whole day.
    for _ in 0..=24 * 4 {
        if let Some(found) = zone.from_local_datetime(&local).earliest() {
            return found.with_timezone(&Utc);
        }
        local += Duration::minutes(15);
    }
    day.and_time(NaiveTime::MIN).and_utc()
}

fn next(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn of(granularity: Granularity, zone: &str, start: &str, end: &str) -> Vec<(String, String)> {
        let periods = periods(granularity, zone.parse().unwrap(), day(start), day(end));
        let text = |period: Period| (period.label, period.from.format("%dT%H:%M").to_string());
        periods.into_iter().map(text).collect()
    }

    #[test]
    fn days_begin_at_the_local_midnight_also_when_the_clock_changes() {
        let days = of(Granularity::Daily, "Europe/Berlin", "2026-03-28", "2026-03-30");
        let expected = [
            ("2026-03-28", "27T23:00"),
            ("2026-03-29", "28T23:00"),
            ("2026-03-30", "29T22:00"),
        ];
        assert_eq!(days, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_day_of_a_changed_clock_has_23_or_25_hours() {
        let hours = |date| of(Granularity::Hourly, "Europe/Berlin", date, date);
        assert_eq!(hours("2026-03-29").len(), 23);
        let autumn = hours("2026-10-25");
        assert_eq!(autumn.len(), 25);
        assert_eq!(autumn[2].0, "2026-10-25T02:00:00+02:00");
        assert_eq!(autumn[3].0, "2026-10-25T02:00:00+01:00");
        assert_eq!(hours("2026-07-01").len(), 24);
    }

    #[test]
    fn hours_follow_the_local_clock_where_the_offset_is_not_whole() {
        let hours = of(Granularity::Hourly, "Asia/Kolkata", "2026-07-01", "2026-07-01");
        assert_eq!(hours.len(), 24);
        assert_eq!(
            hours[0],
            ("2026-07-01T00:00:00+05:30".to_owned(), "30T18:30".to_owned())
        );
    }

    #[test]
    fn weeks_begin_on_monday_and_a_cut_one_keeps_its_name() {
        let weeks = of(Granularity::Weekly, "UTC", "2026-07-01", "2026-07-13");
        let expected = [
            ("2026-06-29", "01T00:00"),
            ("2026-07-06", "06T00:00"),
            ("2026-07-13", "13T00:00"),
        ];
        assert_eq!(weeks, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let months = of(Granularity::Monthly, "UTC", "2025-12-31", "2026-02-01");
        let names: Vec<&str> = months.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["2025-12-01", "2026-01-01", "2026-02-01"]);
    }

    #[test]
    fn a_midnight_or_a_day_that_the_clock_skips_is_no_hole() {
        // Midnight does not exist on this day in Santiago; Samoa skipped this whole day.
        let santiago = of(Granularity::Daily, "America/Santiago", "2026-09-06", "2026-09-06");
        assert_eq!(santiago, [("2026-09-06".to_owned(), "06T04:00".to_owned())]);
        let samoa = of(Granularity::Daily, "Pacific/Apia", "2011-12-29", "2011-12-31");
        let names: Vec<&str> = samoa.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["2011-12-29", "2011-12-31"]);
    }

    #[test]
    fn every_word_reads_back() {
        for granularity in Granularity::ALL {
            assert_eq!(Granularity::from_word(granularity.word()), Some(granularity));
        }
        assert_eq!(Granularity::from_word("yearly"), None);
        assert_eq!(days_between(day("2026-01-01"), day("2026-01-31")), 31);
    }
}
