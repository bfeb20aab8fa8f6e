use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use messages::Timestamp;
use messages::pb::usage as pb;
use messages::usage_rpc;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::Instrument;
use utoipa::{IntoParams, ToSchema};

use super::auth::{Authenticated, ReadUsage};
use super::envelope::{self, Listed};
use super::params::{Faults, Params};
use super::request::{path_iccid, span};
use crate::app::{Gateway, usage};
use crate::error::ApiError;

const NAMES: [&str; 5] = ["start_date", "end_date", "type", "page_size", "cursor"];
const TYPE_CHARS: usize = 64;
const CURSOR_CHARS: usize = 512;

/// For the documentation; `read` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct SimEventsParams {
    /// A day, or a moment in RFC 3339: nothing earlier.
    #[param(example = "2026-06-01")]
    start_date: Option<String>,
    /// A day, included, or a moment: nothing later.
    #[param(example = "2026-06-30T12:00:00Z")]
    end_date: Option<String>,
    /// 1NCE's number of an event type, or one of our words: a type or a category.
    #[param(max_length = 64, example = "session")]
    r#type: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 512)]
    cursor: Option<String>,
}

/// Something that happened to a SIM, as 1NCE told it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimEventView {
    /// 1NCE's id.
    id: String,
    /// Such as `pdp_context_created`; `type_` and 1NCE's number where it is not known here.
    event_type: String,
    event_category: String,
    /// `info`, `warn`, `error`, `critical`, or 1NCE's own word.
    severity: String,
    description: String,
    /// 1NCE's details as they came; text that is no JSON object is in `text`.
    #[schema(value_type = Object)]
    event_data: Value,
    triggered_by: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    timestamp: Option<Timestamp>,
    /// 1NCE marks it as an alert.
    alert: bool,
}

impl From<pb::SimEvent> for SimEventView {
    fn from(event: pb::SimEvent) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type,
            event_category: event.event_category,
            severity: event.severity,
            description: event.description,
            event_data: event_data(&event.event_data_json),
            triggered_by: (!event.triggered_by.is_empty()).then_some(event.triggered_by),
            timestamp: event.timestamp,
            alert: event.alert,
        }
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
#[utoipa::path(
    get, path = "/api/v1/sims/{iccid}/events", tag = "SIMs", security(("api_key" = ["read:usage"])),
    params(
        ("iccid" = String, Path, pattern = "^89[0-9]{17,18}$", description = "19 digits, or 20 with the check digit"),
        SimEventsParams
    ),
    responses((status = 200, description = "A page of events", body = Listed<SimEventView>))
)]
pub async fn sim_events(
    gateway: Data<Gateway>,
    caller: Authenticated<ReadUsage>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let context = caller.0;
    let iccid = path_iccid(&request)?;
    let mut question = read(request.query_string())?;
    question.scope = Some(context.principal.scope());
    question.iccid = iccid.to_string();
    let span = span(&request, "GET /api/v1/sims/{iccid}/events", &context.request_id);
    let answer = usage::ask::<usage_rpc::SimEvents>(&gateway, &context, &question)
        .instrument(span)
        .await?;
    let events: Vec<SimEventView> = answer.events.into_iter().map(Into::into).collect();
    envelope::listed(
        &events,
        question.page_size,
        answer.next_cursor,
        &context.request_id,
    )
}

fn read(query: &str) -> Result<pb::SimEventsRequest, ApiError> {
    let mut faults = Faults::default();
    let params = Params::read(query, &NAMES, &mut faults);
    let request = pb::SimEventsRequest {
        from: moment(&params, "start_date", (0, 0, 0), &mut faults),
        to: moment(&params, "end_date", (23, 59, 59), &mut faults),
        event_type: params.text("type", TYPE_CHARS, &mut faults),
        page_size: params.number("page_size", 50, 1..=100, &mut faults),
        cursor: params.text("cursor", CURSOR_CHARS, &mut faults),
        ..pb::SimEventsRequest::default()
    };
    faults.or(request)
}

/// A moment, or that time of a day (UTC); empty when it is absent.
fn moment(params: &Params, name: &str, time: (u32, u32, u32), faults: &mut Faults) -> String {
    let Some(text) = params.get(name) else {
        return String::new();
    };
    let of_day = text.parse::<NaiveDate>().ok().filter(|_| text.len() == 10);
    let of_day = of_day
        .and_then(|day| day.and_hms_milli_opt(time.0, time.1, time.2, if time.0 == 0 { 0 } else { 999 }));
    let moment = of_day.map(|time| time.and_utc()).or_else(|| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| time.with_timezone(&Utc))
    });
    match moment {
        Some(moment) => moment.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => {
            faults.add(name, "is a day (YYYY-MM-DD) or a moment in RFC 3339");
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
