//! The audit log.

mod export;
mod params;
mod view;

use self::export::{__path_export_audit_log, export_audit_log};
use self::params::{AuditFilterParams, AuditPageParams};
use self::view::AuditVerdictView;
use super::frame::authenticate::ReadAudit;
use super::frame::fields::Both;
use super::frame::{Answer, Call, Listed, Operation, Query, operations};
use crate::app::audit::{self, AuditLogEntry};
use crate::error::ApiError;

/// The most rows that one request has verified.
const VERIFIED_ROWS: i64 = 100_000;

pub fn operations() -> Vec<Operation> {
    operations![list_audit_log, export_audit_log, verify_audit_log]
}

/// Who did what
///
/// The newest rows first. A key of an organization sees that organization's rows.
#[utoipa::path(get, path = "/api/v1/audit-log", tag = "Audit")]
async fn list_audit_log(
    call: Call<ReadAudit>,
    Query(Both(filter, page)): Query<Both<AuditFilterParams, AuditPageParams>>,
) -> Result<Listed<AuditLogEntry>, ApiError> {
    let filter = filter.filter(call.principal().organization)?;
    let (before, page_size) = (page.before(), page.page_size.get());
    let found = call.run(move |gateway, _| async move {
        let found = audit::page(&gateway.db, filter, before, page_size).await;
        found.map_err(|error| ApiError::database(&error))
    });
    let (rows, has_next) = found.await?;
    let last = rows.last().filter(|_| has_next);
    Ok(Listed {
        next_cursor: last.map(|last| last.seq.to_string()).unwrap_or_default(),
        rows,
        page_size,
    })
}

/// Verify the audit log
///
/// Follows the chain of hashes over the last 100,000 rows; `simward audit verify` follows it from the beginning. Only for
/// keys of the whole platform.
#[utoipa::path(get, path = "/api/v1/audit-log/verify", tag = "Audit")]
async fn verify_audit_log(call: Call<ReadAudit>) -> Result<Answer<AuditVerdictView>, ApiError> {
    call.context()
        .platform_only("the chain goes through the rows of every organization")?;
    let report = call.run(|gateway, _| async move {
        let report = audit::verify(&gateway.db, Some(VERIFIED_ROWS)).await;
        report.map_err(|error| ApiError::database(&error))
    });
    let report = report.await?;
    if let Some(seq) = report.first_bad_seq {
        tracing::error!(seq, "the audit log was tampered with");
    }
    Ok(Answer(report.into()))
}
