//! Daily rows as CSV: asked for a page at a time and sent as they come, so that memory does not grow with the answer.

use std::io;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use bytes::Bytes;
use futures_util::stream;
use messages::pb::usage as pb;
use messages::usage_rpc;

use super::params::{DAYS, ExportUsageParams, Period, tag_text};
use crate::app::{Gateway, LONG_READ_LIMIT, RequestContext};
use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate::ReadUsage;
use crate::rest::frame::{Call, Operation, Query, operations};

pub fn operations() -> Vec<Operation> {
    operations![export_usage.may_fail(&[ApiCode::NotFound])]
}

const HEAD: [&str; 9] = [
    "iccid",
    "date",
    "volume_rx",
    "volume_tx",
    "total_volume",
    "sms_mo",
    "sms_mt",
    "session_count",
    "source",
];

/// Daily usage as CSV
///
/// One row per SIM and day with use, in the order of ICCIDs and days. A connection that ends before the last chunk says
/// that the rows are not complete.
#[utoipa::path(
    get, path = "/api/v1/usage/export", tag = "Usage",
    responses((status = 200, description = "The rows", body = String, content_type = "text/csv", example = json!(
        "iccid,date,volume_rx,volume_tx,total_volume,sms_mo,sms_mt,session_count,source\n\
         8988999000000000017,2026-06-30,52429,209715,262144,1,0,4,stream\n"
    )))
)]
async fn export_usage(
    call: Call<ReadUsage>,
    Query(params): Query<ExportUsageParams>,
) -> Result<HttpResponse, ApiError> {
    let period = Period::new(params.start_date, params.end_date, DAYS)?;
    let question = pb::ExportUsageRequest {
        scope: Some(call.principal().scope()),
        start_date: period.start.to_string(),
        end_date: period.end.to_string(),
        iccid: params.iccid.map(|iccid| iccid.to_string()).unwrap_or_default(),
        tag: tag_text(&params.tag),
        cursor: String::new(),
    };
    // What is wrong with the question shows before the first byte.
    let first = call.ask_within::<usage_rpc::ExportUsage>(LONG_READ_LIMIT, |_| question.clone());
    let next = Next::Head(head()?, first.await?);
    let name = format!("usage_{}_{}.csv", period.start, period.end);
    let pages = Pages {
        gateway: Arc::clone(call.gateway()),
        context: call.context().clone(),
        question,
        next,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(stream::try_unfold(pages, Pages::step)))
}

/// What is left to send.
enum Next {
    /// These bytes, then the page that was asked for already.
    Head(Bytes, pb::ExportUsageResponse),
    /// The page behind this cursor.
    Page(String),
    End,
}

/// The rows that are left.
struct Pages {
    gateway: Arc<Gateway>,
    context: RequestContext,
    question: pb::ExportUsageRequest,
    next: Next,
}

impl Pages {
    /// The next part; `None` after the last one. An error ends the connection, so that nobody takes a part for the whole.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, ApiError> {
        match std::mem::replace(&mut self.next, Next::End) {
            Next::End => Ok(None),
            Next::Head(mut head, first) => {
                let (rows, next) = part(first, "")?;
                self.next = next;
                head = [head, rows].concat().into();
                Ok(Some((head, self)))
            }
            Next::Page(cursor) => {
                self.question.cursor = cursor;
                let (gateway, context) = (&self.gateway, &self.context);
                let page =
                    gateway.ask_within::<usage_rpc::ExportUsage>(LONG_READ_LIMIT, context, &self.question);
                let (rows, next) = part(page.await?, &self.question.cursor)?;
                self.next = next;
                Ok(Some((rows, self)))
            }
        }
    }
}

/// A page's rows, and what follows it. The cursor that led to it must not lead on from it, for ever.
fn part(page: pb::ExportUsageResponse, cursor: &str) -> Result<(Bytes, Next), ApiError> {
    let next = match page.next_cursor {
        next if next.is_empty() => Next::End,
        next if next == cursor => {
            return Err(ApiError::internal(
                &"usage-ingestor's page lacks a cursor that leads on",
            ));
        }
        next => Next::Page(next),
    };
    Ok((rows(page.rows)?, next))
}

fn head() -> Result<Bytes, ApiError> {
    write(|csv| csv.write_record(HEAD))
}

fn rows(rows: Vec<pb::DailyUsage>) -> Result<Bytes, ApiError> {
    write(|csv| {
        for row in rows {
            csv.serialize((
                row.iccid,
                row.day,
                row.rx,
                row.tx,
                row.total,
                row.sms_mo,
                row.sms_mt,
                row.sessions,
                row.source,
            ))?;
        }
        Ok(())
    })
}

fn write(work: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>) -> Result<Bytes, ApiError> {
    // Digits, days and words of ours: no cell begins with a character that a spreadsheet takes for a formula.
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    work(&mut csv).map_err(|error| ApiError::internal(&error))?;
    let written: io::Result<Vec<u8>> = csv.into_inner().map_err(|error| error.into_error());
    written
        .map(Bytes::from)
        .map_err(|error| ApiError::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_columns_of_the_head() {
        let row = pb::DailyUsage {
            iccid: "8988999000000000017".into(),
            day: "2026-01-02".into(),
            rx: 1,
            tx: 2,
            total: 3,
            sms_mo: 4,
            sms_mt: 5,
            sessions: 6,
            source: "stream".into(),
        };
        let text = [head().unwrap(), rows(vec![row]).unwrap()].concat();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "iccid,date,volume_rx,volume_tx,total_volume,sms_mo,sms_mt,session_count,source\n\
             8988999000000000017,2026-01-02,1,2,3,4,5,6,stream\n"
        );
    }
}
