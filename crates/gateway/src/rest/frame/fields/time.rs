use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use super::Field;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub NaiveDate);

impl Field for Day {
    fn rule() -> Cow<'static, str> {
        "is a day: YYYY-MM-DD".into()
    }

    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Date);
        Schema::from(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(format))
                .examples(["2026-06-30"]),
        )
        .into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // Years that a calendar of four digits can name.
        let day = text.parse().ok().filter(|_| text.len() == 10);
        day.map(Self)
    }
}

/// A moment in RFC 3339, or a day (UTC) whose beginning or end is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Exact(DateTime<Utc>),
    Day(NaiveDate),
}

impl Moment {
    /// The day's first moment.
    pub fn first(self) -> DateTime<Utc> {
        match self {
            Self::Exact(moment) => moment,
            Self::Day(day) => NaiveDateTime::from(day).and_utc(),
        }
    }

    /// The day's last millisecond.
    pub fn last(self) -> DateTime<Utc> {
        match self {
            Self::Exact(moment) => moment,
            Self::Day(day) => {
                let end = NaiveTime::from_hms_milli_opt(23, 59, 59, 999).unwrap_or_default();
                day.and_time(end).and_utc()
            }
        }
    }
}

impl Field for Moment {
    fn rule() -> Cow<'static, str> {
        "is a day (YYYY-MM-DD) or a moment in RFC 3339".into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.examples(["2026-06-01", "2026-06-30T12:00:00Z"])).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(day) = Day::parse(text) {
            return Some(Self::Day(day.0));
        }
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::Exact(moment.to_utc()))
    }
}
