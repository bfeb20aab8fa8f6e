use domain::Iccid;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use uuid::Uuid;

use super::fields::Field;
use super::reading::{Extract, Reading};
use super::said::Said;
use super::state::RequestState;
use crate::error::{ApiCode, ApiError};

/// What the path names.
pub struct InPath<T>(pub T);

/// Something that a path can name.
pub trait PathField: Field + 'static {
    /// Its place in the path, without braces.
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// What is answered when the path names no such thing. `Validation`: it is told with the other faults.
    const CODE: ApiCode;

    /// Why it is none.
    fn refusal(text: &str) -> String;
}

impl PathField for Iccid {
    const NAME: &'static str = "iccid";
    const DESCRIPTION: &'static str = "19 digits, or 20 with the check digit";
    const CODE: ApiCode = ApiCode::InvalidIccid;

    fn refusal(text: &str) -> String {
        Self::parse(text)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }
}

impl PathField for Uuid {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "Its id";
    // What is no id names nothing.
    const CODE: ApiCode = ApiCode::NotFound;

    fn refusal(_: &str) -> String {
        "there is nothing with this id".to_owned()
    }
}

impl<T: PathField> Extract for InPath<T> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let state = RequestState::of(&reading.request);
        let matched = state.matched.get();
        let text = matched
            .and_then(|matched| matched.named(T::NAME))
            .unwrap_or_default();
        match T::parse(text) {
            Some(value) => Ok(Some(Self(value))),
            None if T::CODE == ApiCode::Validation => {
                let refusal = T::refusal(text);
                reading.faults.add(T::NAME, refusal);
                Ok(None)
            }
            None => Err(ApiError::new(T::CODE, T::refusal(text))),
        }
    }

    fn describe(said: &mut Said) {
        said.may_fail(&[T::CODE, ApiCode::NotFound]);
        let parameter = ParameterBuilder::new()
            .name(T::NAME)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(T::DESCRIPTION))
            .schema(Some(T::schema()));
        said.operation
            .parameters
            .get_or_insert_default()
            .push(parameter.build().into());
    }
}
