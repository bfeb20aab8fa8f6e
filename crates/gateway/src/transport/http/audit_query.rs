//! Parameters of the audit log's routes.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::Iccid;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::docs_examples::words;
use super::params::{Faults, Params};
use crate::app::audit_log::{ActionFilter, AuditFilter};
use crate::error::ApiError;

const FILTERS: [&str; 6] = ["actor", "action", "iccid", "subject", "start_date", "end_date"];
const FORMATS: [&str; 2] = ["csv", "ndjson"];
const TEXT_CHARS: usize = 255;

/// For the documentation; `list` and `export` are what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct AuditFilterParams {
    /// Who did it: an id, or kind and id.
    #[param(max_length = 255, example = "api_key:019cf7a0-0000-7000-8000-000000000003")]
    actor: Option<String>,
    /// What was done; with `*` at its end every action that begins so.
    #[param(max_length = 255, example = "sim.*")]
    action: Option<String>,
    /// What was done to this SIM, alone or with others.
    #[param(pattern = "^89[0-9]{17,18}$")]
    iccid: Option<String>,
    /// To what it was done: an ICCID, id or name.
    #[param(max_length = 255)]
    subject: Option<String>,
    /// A day (UTC), or a moment in RFC 3339: nothing earlier.
    #[param(example = "2026-06-01")]
    start_date: Option<String>,
    /// A day, included, or a moment: nothing later.
    #[param(example = "2026-06-30T12:00:00Z")]
    end_date: Option<String>,
}

/// For the documentation.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct AuditPageParams {
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 20)]
    cursor: Option<String>,
}

/// For the documentation.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct AuditExportParams {
    #[param(schema_with = formats)]
    format: Option<String>,
}

fn formats() -> Object {
    words(&FORMATS, Some("csv"))
}

/// A page of the log.
#[derive(Debug)]
pub struct ListQuery {
    pub filter: AuditFilter,
    /// The row that the page before ended with.
    pub before: Option<i64>,
    pub page_size: u32,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
}

/// Reads the list's parameters; names every bad one.
pub fn list(query: &str) -> Result<ListQuery, ApiError> {
    let mut faults = Faults::default();
    let names = [&FILTERS[..], &["cursor", "page_size"]].concat();
    let params = Params::read(query, &names, &mut faults);
    let before = params.get("cursor").map(str::parse);
    if before.as_ref().is_some_and(|cursor| !matches!(cursor, Ok(1..))) {
        faults.add("cursor", "is the next_cursor of an earlier answer");
    }
    let query = ListQuery {
        filter: filter(&params, &mut faults),
        before: before.and_then(Result::ok),
        page_size: params.number("page_size", 50, 1..=100, &mut faults),
    };
    faults.or(query)
}

/// Reads the export's parameters; names every bad one.
pub fn export(query: &str) -> Result<(AuditFilter, Format), ApiError> {
    let mut faults = Faults::default();
    let names = [&FILTERS[..], &["format"]].concat();
    let params = Params::read(query, &names, &mut faults);
    let format = match params.word("format", &FORMATS, &mut faults).as_str() {
        "ndjson" => Format::Ndjson,
        _ => Format::Csv,
    };
    let filter = filter(&params, &mut faults);
    faults.or((filter, format))
}

fn filter(params: &Params, faults: &mut Faults) -> AuditFilter {
    let mut text = |name| Some(params.text(name, TEXT_CHARS, faults)).filter(|text| !text.is_empty());
    let (actor, action, subject) = (text("actor"), text("action"), text("subject"));
    let (actor_kind, actor_id) = match actor.as_deref().map(|actor| actor.split_once(':')) {
        Some(Some((kind, id))) => (Some(kind.to_owned()), Some(id.to_owned())),
        _ => (None, actor),
    };
    let action = action.map(|action| match action.strip_suffix('*') {
        Some(prefix) => ActionFilter::Prefix(prefix.to_owned()),
        None => ActionFilter::Exact(action),
    });
    let iccid = params.get("iccid").map(Iccid::parse);
    if let Some(Err(error)) = &iccid {
        faults.add("iccid", error.to_string());
    }
    let end_of_day = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or(NaiveTime::MIN);
    let from = moment(params, "start_date", NaiveTime::MIN, faults);
    let to = moment(params, "end_date", end_of_day, faults);
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        faults.add("end_date", "is not before start_date");
    }
    AuditFilter {
        organization: None,
        actor_kind,
        actor_id,
        action,
        iccid: iccid.and_then(Result::ok).map(|iccid| iccid.to_string()),
        subject,
        from,
        to,
    }
}

/// A moment, or that time of a day (UTC).
fn moment(params: &Params, name: &str, time: NaiveTime, faults: &mut Faults) -> Option<DateTime<Utc>> {
    let text = params.get(name)?;
    let day = text.parse::<NaiveDate>().ok().filter(|_| text.len() == 10);
    let moment = day.map(|day| day.and_time(time).and_utc()).or_else(|| {
        let moment = DateTime::parse_from_rfc3339(text).ok();
        moment.map(|moment| moment.with_timezone(&Utc))
    });
    if moment.is_none() {
        faults.add(name, "is a day (YYYY-MM-DD) or a moment in RFC 3339");
    }
    moment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_an_id_or_kind_and_id_and_an_action_may_be_a_beginning() {
        let filter = list("actor=user%3A17&action=sim.*").unwrap().filter;
        assert_eq!(filter.actor_kind.as_deref(), Some("user"));
        assert_eq!(filter.actor_id.as_deref(), Some("17"));
        assert_eq!(filter.action, Some(ActionFilter::Prefix("sim.".into())));
        let filter = list("actor=17&action=sim.update").unwrap().filter;
        assert_eq!((filter.actor_kind, filter.actor_id), (None, Some("17".into())));
        assert_eq!(filter.action, Some(ActionFilter::Exact("sim.update".into())));
    }

    #[test]
    fn days_are_whole_and_moments_are_exact() {
        let filter = list("start_date=2026-06-01&end_date=2026-06-01").unwrap().filter;
        assert_eq!(filter.from.unwrap().to_rfc3339(), "2026-06-01T00:00:00+00:00");
        assert_eq!(
            filter.to.unwrap().to_rfc3339(),
            "2026-06-01T23:59:59.999999+00:00"
        );
        let filter = list("start_date=2026-06-01T10:00:00%2B02:00").unwrap().filter;
        assert_eq!(filter.from.unwrap().to_rfc3339(), "2026-06-01T08:00:00+00:00");
    }

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let bad = "iccid=17&start_date=x&end_date=y&cursor=0&page_size=101&actor=%00&colour=red";
        let error = list(bad).unwrap_err();
        let names: Vec<_> = error.fields.iter().map(|(field, _)| field.as_str()).collect();
        for name in [
            "iccid",
            "start_date",
            "end_date",
            "cursor",
            "page_size",
            "actor",
            "colour",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(export("format=xml").is_err());
        assert!(list("start_date=2026-06-02&end_date=2026-06-01").is_err());
    }

    #[test]
    fn an_export_is_csv_unless_something_else_is_asked_for() {
        assert_eq!(export("").unwrap().1, Format::Csv);
        assert_eq!(export("format=ndjson").unwrap().1, Format::Ndjson);
    }
}
