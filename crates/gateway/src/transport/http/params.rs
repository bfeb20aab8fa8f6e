use actix_web::web::Query;

use crate::error::ApiError;

/// Read by authentication only.
pub const API_KEY: &str = "api_key";
const LONGEST_ECHO: usize = 64;

/// Faults of a request, collected so that all are named at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<(String, String)>);

impl Faults {
    pub fn add(&mut self, field: &str, reason: impl Into<String>) {
        let field = field.chars().take(LONGEST_ECHO).collect();
        self.0.push((field, reason.into()));
    }

    /// `value` when nothing was wrong.
    pub fn or<T>(self, value: T) -> Result<T, ApiError> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(ApiError::fields(self.0))
        }
    }
}

/// The pairs of a query string; `None` when it cannot be read.
pub fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    Query::<Vec<(String, String)>>::from_query(query)
        .ok()
        .map(Query::into_inner)
}

/// Query parameters, each at most once.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string; what is not allowed is a fault, because a misspelt filter must not show everything.
    pub fn read(query: &str, allowed: &[&str], faults: &mut Faults) -> Self {
        if query.is_empty() {
            return Self::default();
        }
        let Some(pairs) = pairs(query) else {
            faults.add("query", "cannot be read");
            return Self::default();
        };
        let mut params = Self::default();
        for (name, value) in pairs {
            if name == API_KEY {
                continue;
            }
            if !allowed.contains(&name.as_str()) {
                let reason = match allowed {
                    [] => "is no parameter of this path, which has none".to_owned(),
                    _ => format!("is no parameter of this path, which has {}", allowed.join(", ")),
                };
                faults.add(&name, reason);
            } else if params.get(&name).is_some() {
                faults.add(&name, "is given more than once");
            } else {
                params.0.push((name, value));
            }
        }
        params
    }

    /// The faults in the query string of a path that has no parameters.
    pub fn none(query: &str) -> Faults {
        let mut faults = Faults::default();
        Self::read(query, &[], &mut faults);
        faults
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// A parameter that is `true` or `false`; false when it is absent.
    pub fn flag(&self, name: &str, faults: &mut Faults) -> bool {
        match self.get(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                faults.add(name, "is true or false");
                false
            }
        }
    }

    /// A text of at most `longest` characters without control characters; empty when it is absent.
    pub fn text(&self, name: &str, longest: usize, faults: &mut Faults) -> String {
        let value = self.get(name).unwrap_or_default();
        if value.chars().count() > longest || value.chars().any(char::is_control) {
            faults.add(
                name,
                format!("has at most {longest} characters, none of them a control character"),
            );
        }
        value.to_owned()
    }

    /// One of these words; empty when it is absent.
    pub fn word(&self, name: &str, words: &[&str], faults: &mut Faults) -> String {
        let value = self.get(name).unwrap_or_default();
        if !value.is_empty() && !words.contains(&value) {
            faults.add(name, format!("is one of {}", words.join(", ")));
        }
        value.to_owned()
    }

    /// A number in this range, or `default` when it is absent.
    pub fn number(
        &self,
        name: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
        faults: &mut Faults,
    ) -> u32 {
        let Some(value) = self.get(name) else {
            return default;
        };
        match value.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                faults.add(
                    name,
                    format!("is a number from {} to {}", range.start(), range.end()),
                );
                default
            }
        }
    }
}
