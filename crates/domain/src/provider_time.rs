//! Times of 1NCE: RFC 3339, `+0000` without a colon, no zone, a space, or a date alone (FACTS §5–§7). No zone is UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Utc};

/// Reads any of these spellings. Years 1 to 9999 only: a later one is a mistake, and no database column takes it.
pub fn provider_time(text: &str) -> Option<DateTime<Utc>> {
    parse_any(text).filter(|time| (1..=9999).contains(&time.year()))
}

fn parse_any(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.with_timezone(&Utc));
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc());
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc());
    }
    // Milliseconds since 1970, as some of 1NCE's servers write `timestamp`.
    let millis: i64 = text.parse().ok().filter(|millis| *millis > 100_000_000_000)?;
    Utc.timestamp_millis_opt(millis).single()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_year_that_no_database_takes_is_no_time() {
        assert_eq!(provider_time("1000000000000000"), None);
        assert!(provider_time("9999-12-31T23:59:59Z").is_some());
    }

    #[test]
    fn every_spelling_is_the_same_moment() {
        let moment = "2018-03-09T07:59:09Z".parse::<DateTime<Utc>>().unwrap();
        for text in [
            "2018-03-09T07:59:09.000+0000",
            "2018-03-09T07:59:09+00:00",
            "2018-03-09T08:59:09.000+0100",
            "2018-03-09T07:59:09.000Z",
            "2018-03-09T07:59:09",
            "2018-03-09 07:59:09",
            "1520582349000",
        ] {
            assert_eq!(provider_time(text), Some(moment), "{text}");
        }
        assert_eq!(
            provider_time("2018-03-09").unwrap().to_rfc3339(),
            "2018-03-09T00:00:00+00:00"
        );
        assert_eq!(provider_time("TOTAL"), None);
        assert_eq!(provider_time(""), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            provider_time(&text);
        }
    }
}
