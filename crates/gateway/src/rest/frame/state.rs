use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};

use super::request_id;
use super::routes::Matched;
use super::trace::TraceId;
use crate::limits::Standing;

/// What is known of a request beside itself; among its extensions from the first moment.
pub struct RequestState {
    pub id: Arc<str>,
    /// Where the request is found among the traces, as far as that is known.
    pub trace: Cell<Option<TraceId>>,
    /// The operation at its address; empty when there is none.
    pub matched: OnceCell<Matched>,
    /// How its caller stands; `None` when nobody was recognized.
    pub standing: Cell<Option<Standing>>,
}

impl RequestState {
    pub fn new(id: Arc<str>, trace: Option<TraceId>) -> Self {
        Self {
            id,
            trace: Cell::new(trace),
            matched: OnceCell::new(),
            standing: Cell::new(None),
        }
    }

    /// The state that the outermost layer gave to this request.
    pub fn of(request: &HttpRequest) -> Rc<Self> {
        let known = request.extensions().get::<Rc<Self>>().cloned();
        known.unwrap_or_else(|| Rc::new(Self::new(request_id::of(request.headers()), None)))
    }
}
