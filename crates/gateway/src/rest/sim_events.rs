//! What happened to a SIM.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::Iccid;
use messages::pb::usage as pb;
use messages::{Timestamp, usage_rpc};
use serde_json::{Value, json};

use super::frame::authenticate::ReadUsage;
use super::frame::example::TIME;
use super::frame::fields::{Cursor, Moment, PageSize, Text};
use super::frame::{Call, InPath, Listed, Operation, Query, fields, operations, view};
use crate::app::LONG_READ_LIMIT;
use crate::error::ApiError;

pub fn operations() -> Vec<Operation> {
    operations![list_sim_events]
}

fields! {
    /// Which events.
    pub struct SimEventsParams {
        /// A day, or a moment in RFC 3339: nothing earlier.
        start_date: Option<Moment>,
        /// A day, included, or a moment: nothing later.
        end_date: Option<Moment>,
        /// 1NCE's number of an event type, or one of our words: a type or a category.
        r#type: Option<Text<0, 64>>,
        page_size: PageSize,
        /// `next_cursor` of an earlier answer.
        cursor: Cursor,
    }
}

view! {
    /// Something that happened to a SIM, as 1NCE told it.
    pub struct SimEventView from pb::SimEvent as event {
        /// 1NCE's id.
        id: String = "800000019",
        /// Such as `pdp_context_created`; `type_` and 1NCE's number where it is not known here.
        event_type: String = "data_quota_used_up",
        event_category: String = "quota",
        /// `info`, `warn`, `error`, `critical`, or 1NCE's own word.
        severity: String = "warn",
        description: String = "Data quota used up",
        /// 1NCE's details as they came; text that is no JSON object is in `text`.
        event_data: Value = json!({ "quota": { "id": 9, "volume": -0.02, "total_volume": 500 } })
            => event_data(&event.event_data_json),
        triggered_by: Option<String>,
        timestamp: Option<Timestamp> = TIME,
        /// 1NCE marks it as an alert.
        alert: bool = true,
    }
}

fn event_data(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Value::Object(object),
        Ok(Value::String(text)) => json!({ "text": text }),
        _ if text.is_empty() => json!({}),
        _ => json!({ "text": text }),
    }
}

/// What happened to one SIM
///
/// Events that the Data Streamer brought, the newest first.
#[utoipa::path(get, path = "/api/v1/sims/{iccid}/events", tag = "SIMs")]
async fn list_sim_events(
    call: Call<ReadUsage>,
    InPath(iccid): InPath<Iccid>,
    Query(params): Query<SimEventsParams>,
) -> Result<Listed<SimEventView>, ApiError> {
    let page_size = params.page_size.get();
    let answer = call
        .ask_within::<usage_rpc::SimEvents>(LONG_READ_LIMIT, |scope| pb::SimEventsRequest {
            scope: Some(scope),
            iccid: iccid.to_string(),
            ..question(params)
        })
        .await?;
    Ok(Listed::of(answer.events, page_size, answer.next_cursor))
}

fn question(params: SimEventsParams) -> pb::SimEventsRequest {
    let text = |moment: DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Millis, true);
    pb::SimEventsRequest {
        from: params
            .start_date
            .map(|moment| text(moment.first()))
            .unwrap_or_default(),
        to: params
            .end_date
            .map(|moment| text(moment.last()))
            .unwrap_or_default(),
        event_type: params.r#type.map(|text| text.0).unwrap_or_default(),
        page_size: params.page_size.get(),
        cursor: params.cursor.0,
        ..pb::SimEventsRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::faults::Faults;
    use crate::rest::frame::fields::{Fields, Source};
    use crate::rest::frame::query::pairs;

    fn read(query: &str) -> Result<pb::SimEventsRequest, ApiError> {
        let mut faults = Faults::default();
        let mut source = Source::Query(pairs(query, SimEventsParams::NAMES, &mut faults));
        let params = SimEventsParams::take(&mut source, &mut faults);
        faults.or(())?;
        Ok(question(params.unwrap()))
    }

    #[test]
    fn days_are_whole_and_moments_are_exact() {
        let request = read("start_date=2026-06-01&end_date=2026-06-02&type=19").unwrap();
        assert_eq!(request.from, "2026-06-01T00:00:00.000Z");
        assert_eq!(request.to, "2026-06-02T23:59:59.999Z");
        let request = read("start_date=2026-06-01T10:00:00%2B02:00").unwrap();
        assert_eq!(request.from, "2026-06-01T08:00:00.000Z");
        let error = read("start_date=x&end_date=2026-13-01&page_size=0").unwrap_err();
        assert_eq!(error.fields.len(), 3);
    }

    #[test]
    fn details_are_an_object_whatever_1nce_sent() {
        assert_eq!(event_data(r#"{"a":1}"#), json!({ "a": 1 }));
        assert_eq!(
            event_data(r#""{\"x\":2034-01-01}""#),
            json!({ "text": "{\"x\":2034-01-01}" })
        );
        assert_eq!(event_data("[1"), json!({ "text": "[1" }));
        assert_eq!(event_data(""), json!({}));
    }
}
