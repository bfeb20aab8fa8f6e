//! Closed days on which stream and API differ.

use domain::MAX_DAYS;
use messages::pb::usage::DifferencesRequest;

use super::App;
use crate::error::AppError;
use crate::store::differences::{DifferenceRow, DifferencesQuery};
use crate::store::{DayRange, Scope};

/// The most rows of a page.
pub const MAX_PAGE: u32 = 100;

/// Reads a request.
///
/// # Errors
/// [`AppError::Invalid`] names what cannot be used.
pub fn read(scope: Scope, request: &DifferencesRequest) -> Result<DifferencesQuery, AppError> {
    if !(1..=MAX_PAGE).contains(&request.page_size) {
        return Err(AppError::field("page_size", "is 1 to 100"));
    }
    let range = DayRange::read(&request.start_date, &request.end_date, MAX_DAYS)?;
    DifferencesQuery::new(scope, range, request.page_size, &request.cursor)
}

impl App {
    /// A page of them and the cursor behind it.
    ///
    /// # Errors
    /// The database's.
    pub async fn differences(
        &self,
        query: &DifferencesQuery,
    ) -> Result<(Vec<DifferenceRow>, String), AppError> {
        Ok(query.page(&self.store).await?)
    }
}
