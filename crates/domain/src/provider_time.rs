//! Times of 1NCE: RFC 3339, `+0000` without a colon, no zone, a space, or a date alone (FACTS §5–§7). No zone is UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone, Utc};

/// Reads any of these spellings. Years 1 to 9999 only: a later one is a mistake, and no database column takes it.
pub fn provider_time(text: &str) -> Option<DateTime<Utc>> {
    parse_any(text).filter(|time| (1..=9999).contains(&time.year()))
}

fn parse_any(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Some(time) = usual(text.as_bytes()) {
        return Some(time);
    }
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

/// `2025-10-02T06:15:00Z`, with or without milliseconds: what nearly every record has, read in a tenth of the time.
fn usual(text: &[u8]) -> Option<DateTime<Utc>> {
    let (second, millis) = match text {
        [second @ .., b'.', a, b, c, b'Z'] if second.len() == 19 => (second, number(&[*a, *b, *c])?),
        [second @ .., b'Z'] if second.len() == 19 => (second, 0),
        _ => return None,
    };
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = second
    else {
        return None;
    };
    let year = i32::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&[*m1, *m2])?, number(&[*d1, *d2])?)?;
    let (hour, minute) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?);
    let time = date.and_hms_milli_opt(hour, minute, number(&[*s1, *s2])?, millis)?;
    Some(time.and_utc())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        Some(number * 10 + digit)
    })
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
        fn the_usual_spelling_reads_as_the_library_reads_it(seconds in -62_135_596_800i64..253_402_300_799, millis in 0u32..1000) {
            let time = DateTime::from_timestamp(seconds, millis * 1_000_000).unwrap();
            for format in [chrono::SecondsFormat::Millis, chrono::SecondsFormat::Secs] {
                let text = time.to_rfc3339_opts(format, true);
                let library = DateTime::parse_from_rfc3339(&text).unwrap().with_timezone(&Utc);
                prop_assert_eq!(usual(text.as_bytes()), Some(library), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            provider_time(&text);
        }
    }
}
