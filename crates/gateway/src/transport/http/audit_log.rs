use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;

use super::auth::{Authenticated, ReadAudit};
use super::envelope::{self, Answer, Listed};
use super::params::Params;
use super::request::span;
use super::{audit_export, audit_query, resource};
use crate::app::Gateway;
use crate::app::audit_log::{self, AuditLogEntry, ChainReport, hex};
use crate::error::ApiError;

/// The most rows that one request has verified.
const VERIFIED_ROWS: i64 = 100_000;

/// Who did what
///
/// The newest rows first. A key of an organization sees that organization's rows.
#[utoipa::path(
    get, path = "/api/v1/audit-log", tag = "Audit", security(("api_key" = ["read:audit"])),
    params(audit_query::AuditFilterParams, audit_query::AuditPageParams),
    responses((status = 200, description = "A page of rows", body = Listed<AuditLogEntry>))
)]
pub async fn list_audit_log(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadAudit>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let mut query = audit_query::list(request.query_string())?;
    query.filter.organization = context.principal.organization.map(|id| id.0);
    let span = span(&request, "GET /api/v1/audit-log", &context.request_id);
    let (db, page_size) = (gateway.db.clone(), query.page_size);
    let work = async move {
        let page = audit_log::page(&db, query.filter, query.before, page_size).await;
        page.map_err(|error| ApiError::database(&error))
    };
    let (entries, has_next) = gateway.on_main(work).instrument(span).await?;
    let cursor = entries.last().filter(|_| has_next);
    let cursor = cursor.map(|last| last.seq.to_string()).unwrap_or_default();
    envelope::listed(&entries, page_size, cursor, &context.request_id)
}

/// Whether the log is what was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditVerdictView {
    /// No row was changed and none is missing, as far as was looked.
    ok: bool,
    /// Rows that were looked at and are right.
    checked: i64,
    /// The oldest of them: 1 when the whole log was looked at.
    first_seq: i64,
    /// The newest row.
    head_seq: i64,
    /// Its hash, 64 hexadecimal digits. Kept elsewhere, it shows later that nobody wrote the whole log anew.
    head_hash: String,
    /// Where the chain breaks first.
    first_bad_seq: Option<i64>,
}

impl From<ChainReport> for AuditVerdictView {
    fn from(report: ChainReport) -> Self {
        Self {
            ok: report.first_bad_seq.is_none(),
            checked: report.checked,
            first_seq: report.first_seq,
            head_seq: report.head_seq,
            head_hash: hex(&report.head_hash),
            first_bad_seq: report.first_bad_seq,
        }
    }
}

/// Verify the audit log
///
/// Follows the chain of hashes over the last 100,000 rows; `simward audit verify` follows it from the beginning. Only for
/// keys of the whole platform.
#[utoipa::path(
    get, path = "/api/v1/audit-log/verify", tag = "Audit", security(("api_key" = ["read:audit"])),
    responses((status = 200, description = "What was found", body = Answer<AuditVerdictView>))
)]
pub async fn verify_audit_log(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadAudit>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    Params::none(request.query_string()).or(())?;
    context.platform_only("the chain goes through the rows of every organization")?;
    let span = span(&request, "GET /api/v1/audit-log/verify", &context.request_id);
    let inner = Arc::clone(&gateway);
    let work = async move {
        let report = audit_log::verify(&inner.db, Some(VERIFIED_ROWS)).await;
        report.map_err(|error| ApiError::database(&error))
    };
    let report = gateway.on_main(work).instrument(span).await?;
    if let Some(seq) = report.first_bad_seq {
        tracing::error!(seq, "the audit log was tampered with");
    }
    envelope::answer(
        StatusCode::OK,
        &AuditVerdictView::from(report),
        &context.request_id,
    )
}

pub fn routes(config: &mut web::ServiceConfig) {
    let routes = [
        ("/api/v1/audit-log", web::get().to(list_audit_log)),
        (
            "/api/v1/audit-log/export",
            web::get().to(audit_export::export_audit_log),
        ),
        ("/api/v1/audit-log/verify", web::get().to(verify_audit_log)),
    ];
    for (path, route) in routes {
        config.service(resource(path, "GET", [route]));
    }
}
