use std::borrow::Cow;
use std::collections::BTreeSet;

use domain::Iccid;
use messages::EventType;
use serde_json::Value;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};

use crate::error::{ApiCode, ApiError};
use crate::live::domain_of;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields;
use crate::rest::frame::fields::Field;
use crate::rest::frame::reading::{Extract, Reading};
use crate::rest::frame::said::Said;

const LAST_EVENT_ID: &str = "Last-Event-ID";
const MOST_SIMS: usize = 100;

fields! {
    /// Which events, and behind which one.
    pub struct LiveParams {
        /// Event types or whole domains, with commas between them. Without it: every event that the key may see.
        types: Option<EventTypes>,
        /// At most 100 ICCIDs with commas between them: only events about one of these SIMs. `usage.recorded` is about many
        /// SIMs at once, so it is not among them.
        iccid: Option<Iccids>,
        /// Begin behind this event. The header `Last-Event-ID`, which browsers send when they connect again, goes before it.
        last_event_id: Option<EventId>,
    }
}

impl LiveParams {
    /// Whether events of usage are asked for by name.
    pub fn names_usage(&self) -> bool {
        let types = self.types.iter().flat_map(|types| &types.0);
        types.into_iter().any(|word| domain_of(word) == "usage")
    }
}

/// Event types and domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypes(pub Vec<String>);

impl EventTypes {
    fn known() -> BTreeSet<&'static str> {
        EventType::ALL
            .iter()
            .flat_map(|event| [event.word(), domain_of(event.word())])
            .collect()
    }
}

impl Field for EventTypes {
    fn rule() -> Cow<'static, str> {
        let known: Vec<&str> = Self::known().into_iter().collect();
        format!("is one or more of {}", known.join(", ")).into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.examples(["sim,usage.stream_silent"])).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let words: BTreeSet<&str> = text.split(',').map(str::trim).collect();
        let are_known = words.is_subset(&Self::known());
        are_known.then(|| Self(words.into_iter().map(str::to_owned).collect()))
    }
}

/// SIMs, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iccids(pub Vec<Iccid>);

impl Field for Iccids {
    fn rule() -> Cow<'static, str> {
        format!(
            "has at most {MOST_SIMS} ICCIDs of 19 digits, or 20 with the check digit, and commas between them"
        )
        .into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.examples(["8988999000000000017"])).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let words: BTreeSet<&str> = text.split(',').map(str::trim).collect();
        if words.len() > MOST_SIMS {
            return None;
        }
        let iccids: Result<_, _> = words.into_iter().map(Iccid::parse).collect();
        iccids.ok().map(Self)
    }
}

/// The place of an event in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId(pub u64);

impl Field for EventId {
    fn rule() -> Cow<'static, str> {
        "is the id of an event: a number".into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.pattern(Some("^[0-9]+$")).examples(["4711"])).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// The header that browsers send when they connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEventId(pub Option<u64>);

impl LastEventId {
    /// `None` when the header is at fault.
    fn read(header: Option<&[u8]>, faults: &mut Faults) -> Option<Self> {
        let Some(bytes) = header else {
            return Some(Self(None));
        };
        let id = std::str::from_utf8(bytes).ok().and_then(EventId::parse);
        if id.is_none() {
            faults.add(LAST_EVENT_ID, EventId::rule());
        }
        id.map(|id| Self(Some(id.0)))
    }
}

impl Extract for LastEventId {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let header = reading.request.headers().get(LAST_EVENT_ID);
        Ok(Self::read(
            header.map(|value| value.as_bytes()),
            &mut reading.faults,
        ))
    }

    fn describe(said: &mut Said) {
        said.may_fail(&[ApiCode::Validation]);
        let parameter = ParameterBuilder::new()
            .name(LAST_EVENT_ID)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("Begin behind this event"))
            .schema(Some(EventId::schema()));
        let parameters = said.operation.parameters.get_or_insert_default();
        parameters.push(parameter.build().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::fields::{Fields, Source};
    use crate::rest::frame::query::pairs;

    struct Parsed {
        params: LiveParams,
        header: Option<u64>,
    }

    fn parse(query: &str, header: Option<&str>) -> Result<Parsed, ApiError> {
        let mut faults = Faults::default();
        let mut source = Source::Query(pairs(query, LiveParams::NAMES, &mut faults));
        let params = LiveParams::take(&mut source, &mut faults);
        let header = LastEventId::read(header.map(str::as_bytes), &mut faults);
        faults.or(())?;
        Ok(Parsed {
            params: params.unwrap(),
            header: header.unwrap().0,
        })
    }

    #[test]
    fn lists_and_ids_are_read() {
        let query = "types=sim,usage.recorded&iccid=8988999000000000017,8988999000000000025&last_event_id=4";
        let read = parse(query, Some("7")).unwrap();
        assert!(read.params.names_usage());
        assert_eq!(read.params.types.unwrap().0, ["sim", "usage.recorded"]);
        assert_eq!(read.params.iccid.unwrap().0.len(), 2);
        assert_eq!(
            (read.params.last_event_id, read.header),
            (Some(EventId(4)), Some(7))
        );
        let read = parse("", None).unwrap();
        assert!(!read.params.names_usage());
        assert!(read.params.types.is_none() && read.params.iccid.is_none());
        assert_eq!((read.params.last_event_id, read.header), (None, None));
    }

    #[test]
    fn what_is_said_about_a_field_has_no_indent() {
        for field in LiveParams::describe() {
            assert!(!field.description().unwrap().contains("\n "), "{}", field.name);
        }
    }

    #[test]
    fn every_bad_field_is_named() {
        let query = "types=sim,sold&iccid=17&last_event_id=-1&since=yesterday";
        let error = parse(query, Some("abc")).err().unwrap();
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
