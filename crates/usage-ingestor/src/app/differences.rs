//! Closed days on which stream and API differ.

use domain::MAX_DAYS;
use messages::pb::usage::DifferencesRequest;

use super::{App, day_range};
use crate::error::AppError;
use crate::store::Scope;
use crate::store::differences::{DifferencesPage, DifferencesQuery, Place};

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
    let range = day_range::read(&request.start_date, &request.end_date, MAX_DAYS)?;
    let after = match request.cursor.as_str() {
        "" => None,
        cursor => {
            let wrong = || AppError::field("cursor", "is none of this list");
            Some(Place::parse(cursor).ok_or_else(wrong)?)
        }
    };
    Ok(DifferencesQuery::new(scope, range, request.page_size, after))
}

impl App {
    /// A page of them.
    ///
    /// # Errors
    /// The database's.
    pub async fn differences(&self, query: &DifferencesQuery) -> Result<DifferencesPage, AppError> {
        Ok(query.page(&self.store).await?)
    }
}
