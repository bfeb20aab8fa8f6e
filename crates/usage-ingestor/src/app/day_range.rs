//! The days that a question is about.

use chrono::NaiveDate;
use domain::days_between;

use crate::error::AppError;
use crate::store::DayRange;

/// Reads two days, `YYYY-MM-DD`, that are at most `max_days` apart.
///
/// # Errors
/// [`AppError::Invalid`] names the day that cannot be used.
pub fn read(start: &str, end: &str, max_days: i64) -> Result<DayRange, AppError> {
    let range = DayRange {
        start: day("start_date", start)?,
        end: day("end_date", end)?,
    };
    match days_between(range.start, range.end) {
        days if days < 1 => Err(AppError::field("end_date", "is before start_date")),
        days if days > max_days => {
            let reason = format!("is more than {max_days} days away from start_date");
            Err(AppError::field("end_date", &reason))
        }
        _ => Ok(range),
    }
}

fn day(field: &str, text: &str) -> Result<NaiveDate, AppError> {
    let day = Some(text)
        .filter(|text| text.len() == 10)
        .and_then(|text| text.parse().ok());
    day.ok_or_else(|| AppError::field(field, "is a day, YYYY-MM-DD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_days_count_and_the_limit_holds_exactly() {
        let read = |start, end| read(start, end, 31);
        assert!(read("2026-01-01", "2026-01-31").is_ok());
        assert!(read("2026-01-01", "2026-01-01").is_ok());
        for (start, end, field) in [
            ("2026-01-01", "2026-02-01", "end_date"),
            ("2026-01-02", "2026-01-01", "end_date"),
            ("2026-1-1", "2026-01-01", "start_date"),
            ("2026-01-01", "", "end_date"),
        ] {
            let Err(AppError::Invalid(fields)) = read(start, end) else {
                panic!("{start} {end}")
            };
            assert_eq!(fields[0].0, field, "{start} {end}");
        }
    }
}
