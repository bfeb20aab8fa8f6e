use std::borrow::Cow;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};

use crate::error::ApiError;
use crate::rest::frame::fields::{Field, fields};

/// Ids of one request.
const MOST_IDS: usize = 1000;

/// Ids of rejected records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectIds(pub Vec<String>);

impl Field for RejectIds {
    fn rule() -> Cow<'static, str> {
        format!("is a list of 1 to {MOST_IDS} of the ids that /api/v1/ingest/rejects shows").into()
    }

    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new().schema_type(Type::String);
        let ids = ArrayBuilder::new().items(id).min_items(Some(1));
        Schema::from(ids.max_items(Some(MOST_IDS))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        let ids = value.as_array()?;
        if !(1..=MOST_IDS).contains(&ids.len()) {
            return None;
        }
        let id = |id: &Value| {
            let text = id.as_str()?;
            let number: i64 = text.parse().ok()?;
            (number > 0).then(|| text.to_owned())
        };
        ids.iter().map(id).collect::<Option<_>>().map(Self)
    }
}

/// `true` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct True;

impl Field for True {
    fn rule() -> Cow<'static, str> {
        "is true, or left out".into()
    }

    fn schema() -> RefOr<Schema> {
        let only = ObjectBuilder::new().schema_type(Type::Boolean);
        Schema::from(only.enum_values(Some([true]))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        (*value == Value::Bool(true)).then_some(Self)
    }
}

fields! {
    /// Which rejected records are read again.
    pub struct ReplayRejectsBody: choice {
        /// Ids of rejected records.
        ids: Option<RejectIds> = ["17"],
        /// `true`: all that were not read again yet, at most 10,000.
        all: Option<True>,
    }
}

impl ReplayRejectsBody {
    /// The ids; to the service, none means all.
    pub fn ids(self) -> Result<Vec<String>, ApiError> {
        match (self.ids, self.all) {
            (Some(ids), None) => Ok(ids.0),
            (None, Some(True)) => Ok(Vec::new()),
            _ => Err(ApiError::field("body", "has one of ids, all")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rest::frame::faults::Faults;
    use crate::rest::frame::fields::Source;

    fn read(body: &Value) -> Result<ReplayRejectsBody, ApiError> {
        let mut faults = Faults::default();
        let read = Source::read(body.as_object().unwrap().clone(), "", &mut faults);
        faults.or(())?;
        Ok(read.unwrap())
    }

    #[test]
    fn all_or_some_are_read_again_but_never_by_accident() {
        let all = read(&json!({"all": true})).unwrap();
        assert!(all.ids().unwrap().is_empty());
        let some = read(&json!({"ids": ["7"]})).unwrap();
        assert_eq!(some.ids().unwrap(), ["7"]);
        for (bad, field) in [
            (json!({}), "body"),
            (json!({"all": false}), "all"),
            (json!({"ids": []}), "ids"),
            (json!({"ids": ["x"]}), "ids"),
            (json!({"ids": ["0"]}), "ids"),
            (json!({"ids": [7]}), "ids"),
            (json!({"ids": vec!["7"; 1001]}), "ids"),
            (json!({"all": true, "ids": ["7"]}), "body"),
            (json!({"everything": true}), "everything"),
        ] {
            let error = read(&bad).unwrap_err();
            assert!(
                error.fields.iter().any(|(named, _)| named == field),
                "{bad}: {error:?}"
            );
        }
    }
}
