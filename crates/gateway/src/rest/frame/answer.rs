use std::borrow::Cow;
use std::marker::PhantomData;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

use super::envelope::{self, CursorPagination, Meta, Pagination};
use super::example::{self, Example};
use super::said::{Said, Success};
use super::state::RequestState;
use crate::error::ApiError;

/// What an operation answers when all is well.
pub trait Reply {
    fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError>;

    fn describe(said: &mut Said);
}

/// Something that may stand in an answer.
pub trait View: Serialize + ToSchema + Example {}

impl<T: Serialize + ToSchema + Example> View for T {}

/// 200 with one thing.
pub struct Answer<T>(pub T);

/// 201 with what was made.
pub struct Created<T>(pub T);

/// 202 with what goes on.
pub struct Accepted<T>(pub T);

/// 200 with a page of things that only a cursor leads on from.
pub struct Listed<T> {
    pub rows: Vec<T>,
    pub page_size: u32,
    /// Empty on the last page.
    pub next_cursor: String,
}

impl<T> Listed<T> {
    /// The page that a service found.
    pub fn of<S>(found: Vec<S>, page_size: u32, next_cursor: String) -> Self
    where
        T: From<S>,
    {
        Self {
            rows: found.into_iter().map(T::from).collect(),
            page_size,
            next_cursor,
        }
    }
}

/// 200 with a page of things that are counted.
pub struct Page<T> {
    pub rows: Vec<T>,
    pub pagination: Pagination,
}

macro_rules! one_thing {
    ($($reply:ident => $status:expr, $description:literal;)+) => { $(
        impl<T: View> Reply for $reply<T> {
            fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
                envelope::answer($status, &self.0, &RequestState::of(request))
            }

            fn describe(said: &mut Said) {
                let data = said.refer::<T>();
                let examples = T::examples().into_iter();
                let success = Success {
                    examples: examples.map(|(name, data)| (name, enveloped(&data))).collect(),
                    ..success($status, $description, envelope_of::<T>(said, "Answer", data, &[]))
                };
                said.successes.push(success);
            }
        }
    )+ };
}

one_thing! {
    Answer => StatusCode::OK, "`data` is it";
    Created => StatusCode::CREATED, "`data` is what was made";
    Accepted => StatusCode::ACCEPTED, "`data` is what goes on";
}

/// 200 with a `T` that was serialized before.
pub struct Serialized<T> {
    pub data: Bytes,
    pub etag: HeaderValue,
    view: PhantomData<T>,
}

impl<T> Serialized<T> {
    pub fn new(data: Bytes, etag: HeaderValue) -> Self {
        let view = PhantomData;
        Self { data, etag, view }
    }
}

impl<T: View> Reply for Serialized<T> {
    fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let state = RequestState::of(request);
        Ok(envelope::serialized(&self.data, self.etag, &state))
    }

    fn describe(said: &mut Said) {
        Answer::<T>::describe(said);
    }
}

impl<T: View> Reply for Listed<T> {
    fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let state = RequestState::of(request);
        envelope::listed(&self.rows, self.page_size, self.next_cursor, &state)
    }

    fn describe(said: &mut Said) {
        let pagination = json!({ "page_size": 50, "has_next": false, "next_cursor": null });
        describe_rows::<T, CursorPagination>(said, "List", &pagination);
    }
}

impl<T: View> Reply for Page<T> {
    fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        envelope::page(&self.rows, &self.pagination, &RequestState::of(request))
    }

    fn describe(said: &mut Said) {
        let pagination = json!({
            "total": 1, "total_is_capped": false, "page": 1, "page_size": 50, "total_pages": 1,
            "has_next": false, "has_prev": false, "next_cursor": null,
        });
        describe_rows::<T, Pagination>(said, "Page", &pagination);
    }
}

fn describe_rows<T: View, P: ToSchema>(said: &mut Said, suffix: &str, pagination: &Value) {
    let row = said.refer::<T>();
    let rows = Schema::from(ArrayBuilder::new().items(row)).into();
    let pages = said.refer::<P>();
    let schema = envelope_of::<T>(said, suffix, rows, &[("pagination", pages)]);
    let mut example = enveloped(&json!([T::example()]));
    example["pagination"] = pagination.clone();
    said.successes.push(Success {
        examples: vec![("success", example)],
        ..success(StatusCode::OK, "A page", schema)
    });
}

fn success(status: StatusCode, description: &'static str, schema: RefOr<Schema>) -> Success {
    Success {
        status: status.as_u16(),
        description,
        content_type: "application/json",
        schema,
        examples: Vec::new(),
        revalidates: status == StatusCode::OK,
    }
}

fn enveloped(data: &Value) -> Value {
    json!({ "success": true, "data": data, "meta": example::meta() })
}

/// The component of the envelope around this `data`: the name of its `T` without `View`, and the suffix.
fn envelope_of<T: ToSchema>(
    said: &mut Said,
    suffix: &str,
    data: RefOr<Schema>,
    more: &[(&str, RefOr<Schema>)],
) -> RefOr<Schema> {
    let meta = said.refer::<Meta>();
    let name: Cow<'static, str> = T::name();
    let name = format!("{}{suffix}", name.trim_end_matches("View"));
    let mut object = ObjectBuilder::new()
        .property(
            "success",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .enum_values(Some([true])),
        )
        .required("success")
        .property("data", data)
        .required("data");
    for (field, schema) in more {
        object = object.property(*field, schema.clone()).required(*field);
    }
    let object = object
        .property("meta", meta)
        .required("meta")
        .description(Some(format!("The envelope around {}", T::name())));
    said.components.push((name.clone(), Schema::from(object).into()));
    Ref::from_schema_name(name).into()
}

/// The same answer, which a client may use for so many seconds without asking again.
pub struct MaxAge<R, const SECONDS: u32>(pub R);

impl<R: Reply, const SECONDS: u32> Reply for MaxAge<R, SECONDS> {
    fn respond(self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let mut response = self.0.respond(request)?;
        let age = HeaderValue::try_from(format!("private, max-age={SECONDS}"));
        let age = age.map_err(|error| ApiError::internal(&error))?;
        response.headers_mut().insert(CACHE_CONTROL, age);
        Ok(response)
    }

    fn describe(said: &mut Said) {
        R::describe(said);
    }
}

/// A whole answer that the operation made by itself; what it answers is said in its `#[utoipa::path]`.
impl Reply for HttpResponse {
    fn respond(self, _: &HttpRequest) -> Result<HttpResponse, ApiError> {
        Ok(self)
    }

    fn describe(_: &mut Said) {}
}
