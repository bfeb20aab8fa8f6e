//! What is said about the export of SIMs.

use serde_json::json;
use utoipa::OpenApi;

use super::area::{Area, Example};
use super::sims_export;
use crate::rest::sims::cells::COLUMNS;

pub const AREA: Area = Area {
    routes: |_| {},
    document: Document::openapi,
    request: |_| None,
    success,
    failures: |_| &[],
};

#[derive(OpenApi)]
#[openapi(paths(sims_export::export_sims))]
struct Document;

fn success(route: &str) -> Option<Example> {
    if route != "get /api/v1/sims/export" {
        return None;
    }
    let values = [
        "8988999000000000017,pump-17,north|pump,\"{\"\"site\"\":4}\",89889990000000000176,901405000000017,,",
        "901405000000017,882999000000017,Enabled,Enabled,10.0.0.17,3500000000000101,false,main,",
        "00000000-0000-0000-0000-000000000001,,,,2026-07-01T12:00:00Z,sufficient,sufficient,",
        "2026-07-01T12:00:00Z,2026-07-01T12:00:00Z,2026-07-01T12:00:00Z,,7",
    ];
    let text = format!("{}\n{}\n", COLUMNS.join(","), values.concat());
    Some(Example::Whole(json!(text)))
}
