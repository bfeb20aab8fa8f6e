use std::future::Future;

use actix_web::dev::Payload;
use actix_web::{HttpRequest, web};

use super::faults::Faults;
use super::said::Said;
use crate::app::{Gateway, RequestContext};
use crate::error::ApiError;

/// Something that an operation takes from a request.
pub trait Extract: Sized + 'static {
    /// Takes it; `Ok(None)` when a fault was added to those of the request, which are told all at once.
    fn extract(reading: &mut Reading) -> impl Future<Output = Result<Option<Self>, ApiError>>;

    /// Says what the operation needs.
    fn describe(said: &mut Said);
}

/// What an operation without a caller stands on.
impl Extract for web::Data<Gateway> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let gateway = reading.request.app_data::<Self>().cloned();
        let missing = || ApiError::internal(&"the gateway is not among the app's data");
        gateway.map(Some).ok_or_else(missing)
    }

    fn describe(_: &mut Said) {}
}

/// The request itself, for its headers.
impl Extract for HttpRequest {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        Ok(Some(reading.request.clone()))
    }

    fn describe(_: &mut Said) {}
}

/// A request while it is read.
pub struct Reading {
    pub request: HttpRequest,
    pub payload: Payload,
    /// Who asks; known as soon as the operation's `Call` was taken.
    pub context: Option<RequestContext>,
    pub faults: Faults,
    query_is_read: bool,
}

impl Reading {
    pub fn new(request: HttpRequest, payload: Payload) -> Self {
        Self {
            request,
            payload,
            context: None,
            faults: Faults::default(),
            query_is_read: false,
        }
    }

    /// The fields of the query string. An operation that never asks for them has none.
    pub fn query_fields(&mut self, known: &'static [&'static str]) -> Vec<(String, String)> {
        self.query_is_read = true;
        super::query::pairs(self.request.query_string(), known, &mut self.faults)
    }

    /// Lets the query string say whatever it says.
    pub fn ignore_query(&mut self) {
        self.query_is_read = true;
    }

    /// Fails when anything was wrong.
    pub fn end(mut self) -> Result<(), ApiError> {
        if !self.query_is_read && !self.request.query_string().is_empty() {
            self.query_fields(&[]);
        }
        self.faults.or(())
    }
}

/// A body as an operation would read it.
#[cfg(test)]
pub fn read<T: super::fields::Fields>(body: serde_json::Value) -> Result<T, ApiError> {
    let serde_json::Value::Object(body) = body else {
        panic!("a body is an object");
    };
    let mut faults = Faults::default();
    let read = super::fields::Source::read(body, "", &mut faults);
    faults.or(())?;
    Ok(read.expect("what has no fault was read"))
}

/// The fields of a body that are refused, in order.
#[cfg(test)]
pub fn bad_fields<T: super::fields::Fields>(body: serde_json::Value) -> Vec<String> {
    let Err(error) = read::<T>(body) else {
        return Vec::new();
    };
    let mut names: Vec<_> = error.fields.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}
