//! Daily rows of many SIMs.

use domain::{Iccid, MAX_DAYS};
use messages::pb::usage::ExportUsageRequest;

use super::App;
use crate::error::AppError;
use crate::store::export_usage::{ExportPage, ExportQuery};
use crate::store::{DayRange, Scope};

/// Reads a request; `iccid` is the one it names.
///
/// # Errors
/// [`AppError::Invalid`] names what cannot be used.
pub fn read(
    scope: Scope,
    iccid: Option<Iccid>,
    request: &ExportUsageRequest,
) -> Result<ExportQuery, AppError> {
    let range = DayRange::read(&request.start_date, &request.end_date, MAX_DAYS)?;
    ExportQuery::new(scope, range, iccid, request.tag.clone(), &request.cursor)
}

impl App {
    /// A page of daily rows.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`]; the database's.
    pub async fn export_usage(&self, query: &ExportQuery) -> Result<ExportPage, AppError> {
        query.page(&self.store).await
    }
}
