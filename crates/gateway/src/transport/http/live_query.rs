use std::collections::BTreeSet;

use actix_web::HttpRequest;
use domain::Iccid;
use messages::EventType;
use utoipa::IntoParams;

use super::params::{Faults, Params};
use crate::error::ApiError;
use crate::live::domain_of;

const NAMES: [&str; 3] = ["types", "iccid", "last_event_id"];
const LAST_EVENT_ID: &str = "Last-Event-ID";
const MOST_SIMS: usize = 100;

/// For the documentation; `read` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct LiveParams {
    /// Event types or whole domains, with commas between them. Without it: every event that the key may see.
    #[param(example = "sim,usage.stream_silent")]
    types: Option<String>,
    /// At most 100 ICCIDs with commas between them: only events about one of these SIMs. `usage.recorded` is about many
    /// SIMs at once, so it is not among them.
    #[param(example = "8988999000000000017")]
    iccid: Option<String>,
    /// Begin behind this event. The header `Last-Event-ID`, which browsers send when they connect again, goes before it.
    #[param(pattern = "^[0-9]+$", example = "4711")]
    last_event_id: Option<String>,
}

/// Which events, and behind which one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LiveQuery {
    pub types: Vec<String>,
    pub iccids: Vec<Iccid>,
    pub after: Option<u64>,
}

impl LiveQuery {
    /// Whether events of usage are asked for by name.
    pub fn names_usage(&self) -> bool {
        self.types.iter().any(|word| domain_of(word) == "usage")
    }
}

pub fn read(request: &HttpRequest) -> Result<LiveQuery, ApiError> {
    let header = request.headers().get(LAST_EVENT_ID);
    // Bytes that are no text are no number either.
    let header = header.map(|value| value.to_str().unwrap_or("?"));
    parse(request.query_string(), header)
}

fn parse(query: &str, header: Option<&str>) -> Result<LiveQuery, ApiError> {
    let mut faults = Faults::default();
    let params = Params::read(query, &NAMES, &mut faults);
    let types = params
        .get("types")
        .map_or_else(Vec::new, |text| types(text, &mut faults));
    let iccids = params
        .get("iccid")
        .map_or_else(Vec::new, |text| iccids(text, &mut faults));
    let given = params
        .get("last_event_id")
        .and_then(|text| id("last_event_id", text, &mut faults));
    let header = header.and_then(|text| id(LAST_EVENT_ID, text, &mut faults));
    faults.or(LiveQuery {
        types,
        iccids,
        after: header.or(given),
    })
}

fn types(text: &str, faults: &mut Faults) -> Vec<String> {
    let known: BTreeSet<&str> = EventType::ALL
        .iter()
        .flat_map(|event| [event.word(), domain_of(event.word())])
        .collect();
    let words: BTreeSet<&str> = text.split(',').map(str::trim).collect();
    if !words.is_subset(&known) {
        let known: Vec<&str> = known.into_iter().collect();
        faults.add("types", format!("is one or more of {}", known.join(", ")));
    }
    words.into_iter().map(str::to_owned).collect()
}

fn iccids(text: &str, faults: &mut Faults) -> Vec<Iccid> {
    let words: BTreeSet<&str> = text.split(',').map(str::trim).collect();
    if words.len() > MOST_SIMS {
        faults.add("iccid", format!("has at most {MOST_SIMS} ICCIDs"));
        return Vec::new();
    }
    let parsed: Result<Vec<Iccid>, _> = words.into_iter().map(Iccid::parse).collect();
    parsed.unwrap_or_else(|error| {
        faults.add("iccid", error.to_string());
        Vec::new()
    })
}

fn id(field: &str, text: &str, faults: &mut Faults) -> Option<u64> {
    let number = text.parse().ok();
    if number.is_none() {
        faults.add(field, "is the id of an event: a number");
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ids_are_read_and_the_header_goes_before_the_parameter() {
        let query = "types=sim,usage.recorded&iccid=8988999000000000017,8988999000000000025&last_event_id=4";
        let read = parse(query, Some("7")).unwrap();
        assert_eq!(read.types, ["sim", "usage.recorded"]);
        assert_eq!((read.iccids.len(), read.after), (2, Some(7)));
        assert!(read.names_usage());
        assert_eq!(parse("last_event_id=4", None).unwrap().after, Some(4));
        assert_eq!(parse("", None).unwrap(), LiveQuery::default());
    }

    #[test]
    fn every_bad_field_is_named() {
        let query = "types=sim,sold&iccid=17&last_event_id=-1&since=yesterday";
        let error = parse(query, Some("abc")).unwrap_err();
        let names: Vec<&str> = error.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["since", "types", "iccid", "last_event_id", "Last-Event-ID"]
        );
        let many: Vec<String> = (0..101)
            .map(|tail| (8_988_999_000_000_000_000_i64 + tail).to_string())
            .collect();
        assert!(parse(&format!("iccid={}", many.join(",")), None).is_err());
        assert!(parse("types=", None).is_err());
    }
}
