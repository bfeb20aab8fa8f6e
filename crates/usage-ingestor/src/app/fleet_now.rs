//! What the fleet used today and this month, and where its SIMs are.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::App;
use crate::error::StoreError;
use crate::store::presence::PresenceCount;
use crate::store::usage_summary::{FleetSums, GroupRow};
use crate::store::{DayRange, Scope};

/// The answer.
#[derive(Debug)]
pub struct FleetNow {
    /// `key` is the UTC day.
    pub today: GroupRow,
    /// `key` is the first day of the month; today is part of it.
    pub month: GroupRow,
    pub presence: Vec<PresenceCount>,
    /// By the database's clock, which also says what today is.
    pub as_of: DateTime<Utc>,
}

impl App {
    /// Sums that are kept already; the cost does not grow with the number of SIMs.
    ///
    /// # Errors
    /// The database's.
    pub async fn fleet_now(&self, scope: Scope) -> Result<FleetNow, StoreError> {
        let (presence, as_of) = self.store.presence_counts(scope).await?;
        let today = as_of.date_naive();
        Ok(FleetNow {
            today: self.sum(scope, today, today).await?,
            month: self.sum(scope, first_of_month(today), today).await?,
            presence,
            as_of,
        })
    }

    async fn sum(&self, scope: Scope, start: NaiveDate, end: NaiveDate) -> Result<GroupRow, StoreError> {
        let sum = FleetSums::new(scope, DayRange { start, end })
            .sum(&self.store)
            .await?;
        Ok(GroupRow {
            key: start.to_string(),
            ..sum
        })
    }
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_on_its_first_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(first_of_month(day("2028-02-29")), day("2028-02-01"));
        assert_eq!(first_of_month(day("2026-12-01")), day("2026-12-01"));
    }
}
