use crate::error::ApiError;

/// The longest name of a field that is repeated to the caller.
const LONGEST_ECHO: usize = 64;

/// What is wrong with a request, collected so that every fault is named at once.
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
