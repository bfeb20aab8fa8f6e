use std::future::Future;
use std::sync::Arc;

use actix_web::web;
use serde_json::{Map, Value};

use super::body::{self, Body};
use super::example::Example;
use super::faults::Faults;
use super::fields::{Fields, Source};
use super::reading::{Extract, Reading};
use super::said::Said;
use crate::app::{Gateway, RequestContext};
use crate::error::ApiError;

/// A body with rules beside those of each field: about several fields, or such that somebody has to be asked.
pub trait Check: Fields {
    /// Adds to the faults what breaks them. `sent` is the object as it came: its fields may be at fault too, and all of it
    /// is told at once.
    fn check(
        sent: &Map<String, Value>,
        gateway: &Arc<Gateway>,
        context: &RequestContext,
        faults: &mut Faults,
    ) -> impl Future<Output = Result<(), ApiError>>;
}

/// A body whose rules are checked; it stands behind the operation's [`super::Call`].
pub struct CheckedBody<T, const LIMIT: usize = 0>(pub Body<T, LIMIT>);

impl<T: Check + Example + 'static, const LIMIT: usize> Extract for CheckedBody<T, LIMIT> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let bytes = body::json_bytes(reading, LIMIT).await?;
        let object = body::object(&bytes)?;
        let gateway = reading.request.app_data::<web::Data<Gateway>>();
        let (Some(gateway), Some(context)) = (gateway, &reading.context) else {
            return Err(ApiError::internal(
                &"a body is checked before its caller is known",
            ));
        };
        T::check(&object, gateway, context, &mut reading.faults).await?;
        let value = Source::read::<T>(object, "", &mut reading.faults);
        Ok(value.map(|value| Self(Body { value, bytes })))
    }

    fn describe(said: &mut Said) {
        Body::<T, LIMIT>::describe(said);
    }
}
