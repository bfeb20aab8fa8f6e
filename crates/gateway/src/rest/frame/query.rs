use actix_web::web;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};

use super::faults::Faults;
use super::fields::{Fields, Source};
use super::reading::{Extract, Reading};
use super::said::Said;
use crate::error::{ApiCode, ApiError};

/// Read by authentication only.
pub const API_KEY: &str = "api_key";

/// The fields of the query string.
pub struct Query<T>(pub T);

impl<T: Fields + 'static> Extract for Query<T> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let mut source = Source::Query(reading.query_fields(T::NAMES));
        Ok(T::take(&mut source, &mut reading.faults).map(Self))
    }

    fn describe(said: &mut Said) {
        said.may_fail(&[ApiCode::Validation]);
        let parameters = said.operation.parameters.get_or_insert_default();
        for field in T::describe() {
            let parameter = ParameterBuilder::new()
                .name(field.name)
                .parameter_in(ParameterIn::Query)
                .required(if field.is_required {
                    Required::True
                } else {
                    Required::False
                })
                .description(field.description())
                .schema(Some(field.schema));
            parameters.push(parameter.build().into());
        }
    }
}

/// A query string that is not looked at: what browsers and watching programs add does no harm.
pub struct AnyQuery;

impl Extract for AnyQuery {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        reading.ignore_query();
        Ok(Some(Self))
    }

    fn describe(_: &mut Said) {}
}

/// The pairs of a query string, each at most once. What is not known is a fault, because a misspelt filter must not show
/// everything.
pub fn pairs(query: &str, known: &[&str], faults: &mut Faults) -> Vec<(String, String)> {
    if query.is_empty() {
        return Vec::new();
    }
    let Some(given) = any_pairs(query) else {
        faults.add("query", "cannot be read");
        return Vec::new();
    };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in given {
        if name == API_KEY {
            continue;
        }
        if !known.contains(&name.as_str()) {
            let reason = match known {
                [] => "is no parameter of this path, which has none".to_owned(),
                _ => format!("is no parameter of this path, which has {}", known.join(", ")),
            };
            faults.add(&name, reason);
        } else if pairs.iter().any(|(earlier, _)| *earlier == name) {
            faults.add(&name, "is given more than once");
        } else {
            pairs.push((name, value));
        }
    }
    pairs
}

/// The pairs of a query string as they stand there; `None` when it cannot be read.
pub fn any_pairs(query: &str) -> Option<Vec<(String, String)>> {
    web::Query::<Vec<(String, String)>>::from_query(query)
        .ok()
        .map(web::Query::into_inner)
}

/// A query string as an operation would read it.
#[cfg(test)]
pub fn read<T: Fields>(query: &str) -> Result<T, crate::error::ApiError> {
    let mut faults = Faults::default();
    let mut source = Source::Query(pairs(query, T::NAMES, &mut faults));
    let read = T::take(&mut source, &mut faults);
    faults.or(())?;
    Ok(read.expect("what has no fault was read"))
}
