//! The date spellings 1NCE mixes (FACTS §5, §6, §7), and day arithmetic in UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, SecondsFormat, Utc};

use crate::clock::Millis;

/// Milliseconds of a day.
pub const DAY: Millis = 86_400_000;

fn moment(at: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

/// `2024-02-11T08:00:01.000+0000`: the offset has no colon.
pub fn spring(at: Millis) -> String {
    moment(at).format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// `2024-02-11T08:00:01.000Z`.
pub fn rfc3339(at: Millis) -> String {
    moment(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `2024-02-11 08:00:01`: no zone at all.
pub fn spaced(at: Millis) -> String {
    moment(at).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Days since the epoch.
pub fn day_of(at: Millis) -> i64 {
    at.div_euclid(DAY)
}

fn date(day: i64) -> NaiveDate {
    moment(day * DAY).date_naive()
}

/// `2024-02-11`.
pub fn day_string(day: i64) -> String {
    date(day).format("%Y-%m-%d").to_string()
}

/// Reads `YYYY-MM-DD`.
pub fn parse_day(text: &str) -> Option<i64> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

/// The first day of the month `day` lies in.
pub fn month_start(day: i64) -> i64 {
    day - i64::from(date(day).day0())
}

/// The same day `months` earlier, cut to the end of a shorter month.
pub fn months_before(day: i64, months: u32) -> i64 {
    let date = date(day);
    let earlier = date.checked_sub_months(Months::new(months)).unwrap_or(date);
    earlier.signed_duration_since(NaiveDate::default()).num_days()
}

/// The same moment `months` later.
pub fn months_after(at: Millis, months: u32) -> Millis {
    let start = moment(at);
    start
        .checked_add_months(Months::new(months))
        .or_else(|| start.checked_add_days(Days::new(u64::from(months) * 30)))
        .unwrap_or(start)
        .timestamp_millis()
}

/// Reads the ISO 8601 spellings a caller may send: with offset, or without (taken as UTC).
pub fn parse_moment(text: &str) -> Option<Millis> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%z"]
        .iter()
        .find_map(|format| DateTime::parse_from_str(text, format).ok())
        .map(|at| at.timestamp_millis())
        .or_else(|| {
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S"]
                .iter()
                .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok())
                .map(|at| at.and_utc().timestamp_millis())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let at = 1_707_638_401_000;
        assert_eq!(spring(at), "2024-02-11T08:00:01.000+0000");
        assert_eq!(rfc3339(at), "2024-02-11T08:00:01.000Z");
        assert_eq!(spaced(at), "2024-02-11 08:00:01");
        for text in [spring(at), rfc3339(at), spaced(at)] {
            assert_eq!(parse_moment(&text), Some(at), "{text}");
        }
        assert_eq!(parse_moment("soon"), None);
    }

    #[test]
    fn days_and_months() {
        let day = parse_day("2024-08-31").unwrap_or_default();
        assert_eq!(day_string(day), "2024-08-31");
        assert_eq!(day_string(month_start(day)), "2024-08-01");
        assert_eq!(day_string(months_before(day, 6)), "2024-02-29");
        assert_eq!(parse_day("2024-13-01"), None);
        assert_eq!(
            spring(months_after(1_707_638_401_000, 120)),
            "2034-02-11T08:00:01.000+0000"
        );
    }
}
