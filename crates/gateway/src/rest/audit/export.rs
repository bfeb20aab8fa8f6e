//! The audit log to take away: read a part at a time and sent as it is taken, so that neither memory nor a connection of
//! the pool waits for a slow reader.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use bytes::Bytes;
use futures_util::stream;

use super::params::{AuditExportParams, AuditFilterParams, Format};
use crate::app::Gateway;
use crate::app::audit::{Export, ExportedEntry};
use crate::error::ApiError;
use crate::rest::frame::authenticate::ReadAudit;
use crate::rest::frame::fields::Both;
use crate::rest::frame::{Call, Query};

const HEAD: [&str; 15] = [
    "seq",
    "id",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "organization_id",
    "action",
    "subject",
    "subjects",
    "request_id",
    "remote_addr",
    "details",
    "prev_hash",
    "hash",
];

/// The audit log as CSV or NDJSON
///
/// Everything that the filter matches when it begins, the oldest row first. A connection that ends before the last chunk
/// says that the rows are not complete. In CSV a cell that a spreadsheet would take for a formula has a leading `'`.
#[utoipa::path(
    get, path = "/api/v1/audit-log/export", tag = "Audit",
    responses((status = 200, description = "The rows", content(
        (String = "text/csv", example = "seq,id,at,actor_kind,actor_id,actor_name,organization_id,action,subject,\
            subjects,request_id,remote_addr,details,prev_hash,hash\n"),
        (String = "application/x-ndjson", example = "{\"seq\":4711,\"action\":\"sim.update\"}\n"),
    )))
)]
pub async fn export_audit_log(
    call: Call<ReadAudit>,
    Query(Both(filter, export)): Query<Both<AuditFilterParams, AuditExportParams>>,
) -> Result<HttpResponse, ApiError> {
    let filter = filter.filter(call.principal().organization)?;
    let format = export.format.0;
    // What fails at once shows before the first byte.
    let begun = call.run(|gateway, _| async move {
        let export = Export::of(gateway.db.clone(), filter).await;
        read(export.map_err(|error| ApiError::database(&error))?).await
    });
    let (export, first) = begun.await?;
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "audit_log.csv"),
        Format::Ndjson => ("application/x-ndjson", "audit_log.ndjson"),
    };
    let parts = Parts {
        gateway: Arc::clone(call.gateway()),
        format,
        next: Next::Head(export, first),
    };
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(stream::try_unfold(parts, Parts::step)))
}

async fn read(mut export: Export) -> Result<(Export, Vec<ExportedEntry>), ApiError> {
    let rows = export.next_part().await;
    Ok((export, rows.map_err(|error| ApiError::database(&error))?))
}

/// What is left to send.
enum Next {
    /// The head of the table, and rows that were read already.
    Head(Export, Vec<ExportedEntry>),
    Part(Export),
}

struct Parts {
    gateway: Arc<Gateway>,
    format: Format,
    next: Next,
}

impl Parts {
    /// The next part; `None` after the last one. An error ends the connection, so that nobody takes a part for the whole.
    async fn step(self) -> Result<Option<(Bytes, Self)>, ApiError> {
        let Self {
            gateway,
            format,
            next,
        } = self;
        let (head, export, rows) = match next {
            Next::Head(export, rows) => (head(format)?, export, rows),
            Next::Part(export) => {
                let (export, rows) = gateway.on_main(read(export)).await?;
                if rows.is_empty() {
                    return Ok(None);
                }
                (Vec::new(), export, rows)
            }
        };
        let part = [head, write(format, &rows)?].concat();
        let next = Next::Part(export);
        Ok(Some((
            part.into(),
            Self {
                gateway,
                format,
                next,
            },
        )))
    }
}

fn head(format: Format) -> Result<Vec<u8>, ApiError> {
    match format {
        Format::Csv => csv(|csv| csv.write_record(HEAD)),
        Format::Ndjson => Ok(Vec::new()),
    }
}

fn write(format: Format, rows: &[ExportedEntry]) -> Result<Vec<u8>, ApiError> {
    match format {
        Format::Csv => csv(|csv| rows.iter().try_for_each(|row| csv.write_record(record(row)))),
        Format::Ndjson => {
            let mut text = Vec::new();
            for row in rows {
                serde_json::to_writer(&mut text, row).map_err(|error| ApiError::internal(&error))?;
                text.push(b'\n');
            }
            Ok(text)
        }
    }
}

fn record(row: &ExportedEntry) -> [String; 15] {
    let entry = &row.entry;
    [
        entry.seq.to_string(),
        entry.id.to_string(),
        entry.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        entry.actor.kind.clone(),
        entry.actor.id.clone(),
        entry.actor.name.clone().unwrap_or_default(),
        entry.organization_id.map(|id| id.to_string()).unwrap_or_default(),
        entry.action.clone(),
        entry.subject.clone(),
        row.subjects.join(" "),
        entry.request_id.clone(),
        entry.remote_addr.clone().unwrap_or_default(),
        entry.details.to_string(),
        row.prev_hash.clone(),
        entry.hash.clone(),
    ]
    .map(no_formula)
}

/// A spreadsheet computes what begins with one of these characters.
fn no_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn csv(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>) -> Result<Vec<u8>, ApiError> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    write(&mut csv).map_err(|error| ApiError::internal(&error))?;
    csv.into_inner()
        .map_err(|error| ApiError::internal(&error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(no_formula(formula.to_owned()), format!("'{formula}"));
        }
        assert_eq!(no_formula("a=1".to_owned()), "a=1");
    }
}
