//! Daily rows of many SIMs.

use domain::{Iccid, MAX_DAYS};
use messages::pb::usage::ExportUsageRequest;

use super::{App, day_range};
use crate::error::AppError;
use crate::store::Scope;
use crate::store::export_usage::{ExportPage, ExportQuery, Position};

/// Reads a request; `iccid` is the one it names.
///
/// # Errors
/// [`AppError::Invalid`] names what cannot be used.
pub fn read(
    scope: Scope,
    iccid: Option<Iccid>,
    request: &ExportUsageRequest,
) -> Result<ExportQuery, AppError> {
    let range = day_range::read(&request.start_date, &request.end_date, MAX_DAYS)?;
    let after = match request.cursor.as_str() {
        "" => None,
        cursor => {
            let wrong = || AppError::field("cursor", "is none of this export");
            Some(Position::parse(cursor).ok_or_else(wrong)?)
        }
    };
    let tag = request.tag.clone();
    Ok(ExportQuery::new(scope, range, iccid, tag, after))
}

impl App {
    /// A page of daily rows.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`]; the database's.
    pub async fn export_usage(&self, query: &ExportQuery) -> Result<ExportPage, AppError> {
        query.page(&self.store).await?.ok_or(AppError::UnknownSim)
    }
}
