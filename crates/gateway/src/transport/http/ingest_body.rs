use chrono::NaiveDate;
use domain::Iccid;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::params::Faults;
use crate::error::ApiError;

/// Ids of one request.
const IDS: usize = 1000;

/// For the documentation; `replay` is what counts. One of the two fields.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, max_properties = 1)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct ReplayRejectsBody {
    /// Ids of rejected records.
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// `true`: all that were not read again yet, at most 10,000.
    #[schema(schema_with = only_true)]
    all: Option<bool>,
}

/// For the documentation; `start_usage_sync` is what counts.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct StartUsageSyncBody {
    /// One SIM; absent means every SIM that the key may see.
    #[schema(nullable = false, pattern = "^89[0-9]{17,18}$")]
    iccid: Option<String>,
    /// First day to read; absent means what was not compared yet. 1NCE keeps six months.
    #[schema(nullable = false, format = Date)]
    start_date: Option<String>,
}

fn only_true() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([true]))
        .build()
}

/// Reads which rejected records are meant; none means all.
pub fn replay(body: Map<String, Value>, mut faults: Faults) -> Result<Vec<String>, ApiError> {
    let mut wanted = Vec::new();
    for (name, value) in &body {
        match (name.as_str(), value) {
            ("all", Value::Bool(true)) => {}
            ("all", _) => faults.add("all", "is true, or left out"),
            ("ids", Value::Array(ids)) if (1..=IDS).contains(&ids.len()) => {
                wanted = ids
                    .iter()
                    .filter_map(|id| id.as_str().map(ToOwned::to_owned))
                    .collect();
                let numbers = wanted.iter().all(|id| id.parse::<i64>().is_ok_and(|id| id > 0));
                if wanted.len() < ids.len() || !numbers {
                    faults.add("ids", "are the ids that /api/v1/ingest/rejects shows");
                }
            }
            ("ids", _) => faults.add("ids", "is a list of 1 to 1000 texts"),
            _ => faults.add(name, "is no field of this request: ids, all"),
        }
    }
    if body.contains_key("all") == body.contains_key("ids") {
        faults.add("body", "has either ids or all");
    }
    faults.or(wanted)
}

/// Reads which SIM, and from which day on.
pub fn start_usage_sync(
    body: Map<String, Value>,
    mut faults: Faults,
) -> Result<(Option<String>, Option<String>), ApiError> {
    let (mut iccid, mut start_date) = (None, None);
    for (name, value) in body {
        match name.as_str() {
            "iccid" => match value.as_str().map(Iccid::parse) {
                Some(Ok(given)) => iccid = Some(given.to_string()),
                Some(Err(error)) => faults.add("iccid", error.to_string()),
                None => faults.add("iccid", "is a text of 19 or 20 digits"),
            },
            "start_date" => match value.as_str().map(str::parse::<NaiveDate>) {
                Some(Ok(day)) => start_date = Some(day.to_string()),
                _ => faults.add("start_date", "is a day: YYYY-MM-DD"),
            },
            _ => faults.add(&name, "is no field of this request: iccid, start_date"),
        }
    }
    faults.or((iccid, start_date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn all_or_some_are_read_again_but_never_by_accident() {
        assert_eq!(
            replay(object(json!({"all": true})), Faults::default()).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(
            replay(object(json!({"ids": ["7"]})), Faults::default()).unwrap(),
            ["7"]
        );
        for bad in [
            json!({}),
            json!({"all": false}),
            json!({"ids": []}),
            json!({"ids": ["x"]}),
            json!({"ids": [7]}),
            json!({"all": true, "ids": ["7"]}),
            json!({"everything": true}),
        ] {
            assert!(replay(object(bad.clone()), Faults::default()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_usage_sync_is_of_one_sim_or_of_all() {
        let read = |value| start_usage_sync(object(value), Faults::default());
        assert_eq!(read(json!({})).unwrap(), (None, None));
        let given = json!({"iccid": "89889990000000000176", "start_date": "2026-01-31"});
        assert_eq!(
            read(given).unwrap(),
            (Some("8988999000000000017".into()), Some("2026-01-31".into()))
        );
        let error = read(json!({"iccid": 7, "start_date": "soon", "x": 1})).unwrap_err();
        assert_eq!(error.fields.len(), 3);
    }
}
