use chrono::NaiveDate;

/// Days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DayRange {
    pub start: NaiveDate,
    pub end: NaiveDate,
}
