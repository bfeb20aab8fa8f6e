//! SIMs as CSV: asked for a page at a time and sent as they come, so that memory does not grow with the fleet.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use bytes::Bytes;
use futures_util::stream;
use messages::pb::sim::{ListSimsResponse, Sim};
use serde_json::Value;

use super::cells::{COLUMNS, guarded, join_tags};
use super::params::ExportSimsParams;
use crate::app::export::{PAGE, export_page};
use crate::app::list_sims::ListSims;
use crate::error::ApiError;
use crate::rest::frame::authenticate::ReadSims;
use crate::rest::frame::{Call, Operation, Query, operations};
use crate::wire::sim::SimView;

pub fn operations() -> Vec<Operation> {
    operations![export_sims]
}

/// SIMs as CSV
///
/// In the order of their ICCIDs. The first four columns are those of an import, which passes over the others: an export
/// that is imported changes nothing. `|` stands between tags, and `\` before a `|` or `\` in a tag. A cell that a
/// spreadsheet would take for a formula has an apostrophe before it, which an import removes. A connection that ends
/// before the last chunk says that the rows are not complete.
#[utoipa::path(
    get, path = "/api/v1/sims/export", tag = "SIMs",
    responses((
        status = 200, description = "The SIMs", body = String, content_type = "text/csv",
        example = json!(sample()),
    ))
)]
async fn export_sims(
    call: Call<ReadSims>,
    Query(params): Query<ExportSimsParams>,
) -> Result<HttpResponse, ApiError> {
    let list = params.list(PAGE);
    // What is wrong with the question shows before the first byte.
    let first = page(&call, &list).await?;
    let next = Next::Head(first);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"sims.csv\""))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(stream::try_unfold(Pages { call, list, next }, Pages::step)))
}

fn sample() -> String {
    let values = [
        "8988999000000000017,pump-17,north|pump,\"{\"\"site\"\":4}\",89889990000000000176,901405000000017,,",
        "901405000000017,882999000000017,Enabled,Enabled,10.0.0.17,3500000000000101,false,main,",
        "00000000-0000-0000-0000-000000000001,,,,2026-07-01T12:00:00Z,sufficient,sufficient,",
        "2026-07-01T12:00:00Z,2026-07-01T12:00:00Z,2026-07-01T12:00:00Z,,7",
    ];
    format!("{}\n{}\n", COLUMNS.join(","), values.concat())
}

async fn page(call: &Call<ReadSims>, list: &ListSims) -> Result<ListSimsResponse, ApiError> {
    let list = list.clone();
    call.run(|gateway, context| async move { export_page(&gateway, &context, &list).await })
        .await
}

/// What is left to send.
enum Next {
    /// The column names, and the page that was asked for already.
    Head(ListSimsResponse),
    /// The page behind this cursor.
    Page(String),
    End,
}

/// The SIMs that are left; the next page is asked for when the reader has taken the last one.
struct Pages {
    call: Call<ReadSims>,
    list: ListSims,
    next: Next,
}

impl Pages {
    /// The next part; `None` after the last one. An error ends the connection, so that nobody takes a part for the whole.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, ApiError> {
        let (head, page) = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return Ok(None),
            Next::Head(first) => (true, first),
            Next::Page(cursor) => {
                self.list.cursor = cursor;
                (
                    false,
                    export_page(self.call.gateway(), self.call.context(), &self.list).await?,
                )
            }
        };
        if page.has_next {
            self.next = Next::Page(page.next_cursor);
        }
        Ok(Some((rows(head, page.sims)?, self)))
    }
}

pub fn rows(head: bool, sims: Vec<Sim>) -> Result<Bytes, ApiError> {
    let mut csv = csv::WriterBuilder::new().from_writer(Vec::new());
    if head {
        csv.write_record(COLUMNS)
            .map_err(|error| ApiError::internal(&error))?;
    }
    for sim in sims {
        let cells = cells(sim)?;
        let cells = cells.iter().map(|cell| guarded(cell).into_owned());
        csv.write_record(cells)
            .map_err(|error| ApiError::internal(&error))?;
    }
    let written = csv
        .into_inner()
        .map_err(|error| ApiError::internal(error.error()))?;
    Ok(written.into())
}

/// The cells of one SIM, as the API shows its fields; metadata as it is stored, for numbers in it may be large.
fn cells(mut sim: Sim) -> Result<[String; COLUMNS.len()], ApiError> {
    let tags = join_tags(&std::mem::take(&mut sim.tags));
    let metadata = match std::mem::take(&mut sim.metadata_json) {
        empty if empty.is_empty() => "{}".to_owned(),
        metadata => metadata,
    };
    let view = serde_json::to_value(SimView::new(sim)?).map_err(|error| ApiError::internal(&error))?;
    Ok(COLUMNS.map(|name| match (name, &view[name]) {
        ("tags", _) => tags.clone(),
        ("metadata", _) => metadata.clone(),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Null) => String::new(),
        (_, other) => other.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flat_field_of_a_sim_is_a_column() {
        let view = serde_json::to_value(SimView::new(Sim::default()).unwrap()).unwrap();
        let left_out = ["data_quota", "sms_quota", "extra"];
        let mut fields: Vec<&str> = view.as_object().unwrap().keys().map(String::as_str).collect();
        fields.retain(|name| !left_out.contains(name));
        let mut columns = COLUMNS;
        columns.sort_unstable();
        fields.sort_unstable();
        assert_eq!(columns, *fields);
    }

    #[test]
    fn a_row_has_the_cells_of_the_head() {
        let sim = Sim {
            iccid: "8988999000000000017".into(),
            label: Some("=cmd".into()),
            tags: vec!["a|b".into(), "c".into()],
            metadata_json: r#"{"n":12345678901234567890123}"#.into(),
            imei_lock: Some(true),
            status: "Enabled".into(),
            msisdn: Some("882999000000017".into()),
            ..Sim::default()
        };
        let text = String::from_utf8(rows(true, vec![sim]).unwrap().to_vec()).unwrap();
        let (head, row) = text.split_once('\n').unwrap();
        assert_eq!(head, COLUMNS.join(","));
        assert!(
            row.starts_with(
                r#"8988999000000000017,'=cmd,a\|b|c,"{""n"":12345678901234567890123}",89889990000000000176,"#
            ),
            "{row}"
        );
        assert!(row.contains(",882999000000017,Enabled,,,,true,"), "{row}");
    }
}
