use std::borrow::Cow;

use chrono::{DateTime, NaiveTime, Utc};
use domain::{Iccid, OrganizationId};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::app::audit::{ActionFilter, AuditFilter};
use crate::error::ApiError;
use crate::rest::frame::fields;
use crate::rest::frame::fields::{Field, Moment, PageSize, Text, WordOr, words};

type Words = Text<0, 255>;

fields! {
    /// Which rows.
    pub struct AuditFilterParams {
        /// Who did it: an id, or kind and id, such as `api_key:019cf7a0-0000-7000-8000-000000000003`.
        actor: Option<Words>,
        /// What was done; with `*` at its end every action that begins so, such as `sim.*`.
        action: Option<Words>,
        /// What was done to this SIM, alone or with others.
        iccid: Option<Iccid>,
        /// To what it was done: an ICCID, id or name.
        subject: Option<Words>,
        /// A day (UTC), or a moment in RFC 3339: nothing earlier.
        start_date: Option<Moment>,
        /// A day, included, or a moment: nothing later.
        end_date: Option<Moment>,
    }
}

impl AuditFilterParams {
    /// The rows of this organization, or of all, that are meant.
    pub fn filter(self, organization: Option<OrganizationId>) -> Result<AuditFilter, ApiError> {
        let (from, to) = (self.start_date.map(Moment::first), self.end_date.map(end));
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            return Err(ApiError::field("end_date", "is not before start_date"));
        }
        let actor = given(self.actor);
        let (actor_kind, actor_id) = match actor.as_deref().map(|actor| actor.split_once(':')) {
            Some(Some((kind, id))) => (Some(kind.to_owned()), Some(id.to_owned())),
            _ => (None, actor),
        };
        let action = given(self.action).map(|action| match action.strip_suffix('*') {
            Some(prefix) => ActionFilter::Prefix(prefix.to_owned()),
            None => ActionFilter::Exact(action),
        });
        Ok(AuditFilter {
            organization: organization.map(|id| id.0),
            actor_kind,
            actor_id,
            action,
            iccid: self.iccid.map(|iccid| iccid.to_string()),
            subject: given(self.subject),
            from,
            to,
        })
    }
}

/// An empty parameter is none.
fn given(text: Option<Words>) -> Option<String> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

/// The last microsecond of a day, for rows are as exact.
fn end(moment: Moment) -> DateTime<Utc> {
    match moment {
        Moment::Exact(moment) => moment,
        Moment::Day(day) => {
            let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or(NaiveTime::MIN);
            day.and_time(time).and_utc()
        }
    }
}

/// The row that the page before ended with.
#[derive(Debug, Clone, Copy)]
pub struct Row(i64);

impl Field for Row {
    fn rule() -> Cow<'static, str> {
        "is the next_cursor of an earlier answer".into()
    }

    fn schema() -> RefOr<Schema> {
        Text::<0, 20>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        let row = value.as_str()?.parse().ok()?;
        (row > 0).then_some(Self(row))
    }
}

fields! {
    /// A page of rows.
    pub struct AuditPageParams {
        page_size: PageSize,
        /// `next_cursor` of an earlier answer.
        cursor: Option<Row>,
    }
}

impl AuditPageParams {
    /// The row that the page before ended with.
    pub fn before(&self) -> Option<i64> {
        self.cursor.map(|row| row.0)
    }
}

words! {
    /// How rows are written.
    pub enum Format as "AuditExportFormat" or Csv { Csv = "csv", Ndjson = "ndjson" }
}

fields! {
    /// How rows are taken away.
    pub struct AuditExportParams {
        format: WordOr<Format>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::fields::{Both, Fields};
    use crate::rest::frame::query::read;

    type List = Both<AuditFilterParams, AuditPageParams>;

    fn filter(query: &str) -> AuditFilter {
        let Both(filter, _) = read::<List>(query).unwrap();
        filter.filter(None).unwrap()
    }

    #[test]
    fn an_actor_is_an_id_or_kind_and_id_and_an_action_may_be_a_beginning() {
        let kind_and_id = filter("actor=user%3A17&action=sim.*");
        assert_eq!(kind_and_id.actor_kind.as_deref(), Some("user"));
        assert_eq!(kind_and_id.actor_id.as_deref(), Some("17"));
        assert_eq!(kind_and_id.action, Some(ActionFilter::Prefix("sim.".into())));
        let id = filter("actor=17&action=sim.update");
        assert_eq!((id.actor_kind, id.actor_id), (None, Some("17".into())));
        assert_eq!(id.action, Some(ActionFilter::Exact("sim.update".into())));
    }

    #[test]
    fn days_are_whole_and_moments_are_exact() {
        let day = filter("start_date=2026-06-01&end_date=2026-06-01");
        assert_eq!(day.from.unwrap().to_rfc3339(), "2026-06-01T00:00:00+00:00");
        assert_eq!(day.to.unwrap().to_rfc3339(), "2026-06-01T23:59:59.999999+00:00");
        let moment = filter("start_date=2026-06-01T10:00:00%2B02:00");
        assert_eq!(moment.from.unwrap().to_rfc3339(), "2026-06-01T08:00:00+00:00");
    }

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let bad = "iccid=17&start_date=x&end_date=y&cursor=0&page_size=101&actor=%00&colour=red";
        let error = read::<List>(bad).unwrap_err();
        let mut names: Vec<_> = error.fields.iter().map(|(field, _)| field.as_str()).collect();
        names.sort_unstable();
        let all = [
            "actor",
            "colour",
            "cursor",
            "end_date",
            "iccid",
            "page_size",
            "start_date",
        ];
        assert_eq!(names, all);
        assert!(read::<AuditExportParams>("format=xml").is_err());
        let Both(backwards, _) = read::<List>("start_date=2026-06-02&end_date=2026-06-01").unwrap();
        assert_eq!(backwards.filter(None).unwrap_err().fields[0].0, "end_date");
    }

    #[test]
    fn an_export_is_csv_unless_something_else_is_asked_for() {
        for (query, format) in [
            ("", Format::Csv),
            ("format=", Format::Csv),
            ("format=ndjson", Format::Ndjson),
        ] {
            assert_eq!(read::<AuditExportParams>(query).unwrap().format.0, format);
        }
    }

    #[test]
    fn two_structs_have_the_fields_of_both() {
        let names = [AuditFilterParams::NAMES, AuditPageParams::NAMES].concat();
        assert_eq!(List::NAMES, names);
        let described: Vec<_> = List::describe().iter().map(|field| field.name).collect();
        assert_eq!(described, names);
    }
}
