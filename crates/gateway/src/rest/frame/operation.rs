use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use utoipa::__dev::Tags;
use utoipa::Path;
use utoipa::openapi::HttpMethod;

use super::answer::Reply;
use super::reading::{Extract, Reading};
use super::said::Said;
use crate::error::{ApiCode, ApiError};

type Answering = Pin<Box<dyn Future<Output = Result<HttpResponse, ApiError>>>>;

/// One address with one method or more: what it does, and what is said about it.
pub struct Operation {
    /// As documented, such as `/api/v1/sims/{iccid}`.
    pub path: String,
    pub methods: Vec<Method>,
    /// Whether its callers are counted, by name or by address.
    pub is_metered: bool,
    /// Whether programs are told of it; pages for people are not in the document.
    pub is_documented: bool,
    more_codes: &'static [ApiCode],
    answer: Box<dyn Fn(HttpRequest, Payload) -> Answering + Send + Sync>,
    say: fn(&mut Said),
    operation: fn() -> utoipa::openapi::path::Operation,
    tags: fn() -> Vec<&'static str>,
}

impl Operation {
    /// The operation of `handler`, of which `P` is the documentation that `#[utoipa::path]` made.
    pub fn new<P: Path + Tags<'static>, Parts, H: Handler<Parts>>(_: P, handler: H) -> Self {
        Self {
            path: P::path(),
            methods: P::methods().iter().map(method).collect(),
            is_metered: true,
            is_documented: true,
            more_codes: &[],
            answer: Box::new(move |request, payload| Box::pin(handler.handle(request, payload))),
            say: H::describe,
            operation: P::operation,
            tags: P::tags,
        }
    }

    /// It may fail with these codes too, which its types do not tell.
    pub fn may_fail(mut self, codes: &'static [ApiCode]) -> Self {
        self.more_codes = codes;
        self
    }

    /// Neither its callers nor their addresses are counted.
    pub fn unmetered(mut self) -> Self {
        self.is_metered = false;
        self
    }

    /// A page or file for people.
    pub fn undocumented(mut self) -> Self {
        self.is_documented = false;
        self
    }

    pub fn answer(&self, request: HttpRequest, payload: Payload) -> Answering {
        (self.answer)(request, payload)
    }

    /// All that is said about it.
    pub fn said(&self) -> Said {
        let mut operation = (self.operation)();
        // `#[utoipa::path]` keeps them apart from the rest.
        let tags = (self.tags)().into_iter().map(ToOwned::to_owned);
        operation.tags = Some(tags.collect::<Vec<_>>()).filter(|tags| !tags.is_empty());
        let mut said = Said::new(operation);
        (self.say)(&mut said);
        said.may_fail(self.more_codes);
        said
    }
}

fn method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// A function that answers: its arguments are what it takes from the request.
pub trait Handler<Parts>: Copy + Send + Sync + 'static {
    fn handle(
        self,
        request: HttpRequest,
        payload: Payload,
    ) -> impl Future<Output = Result<HttpResponse, ApiError>> + 'static;

    fn describe(said: &mut Said);
}

macro_rules! handlers {
    ($($($part:ident)+;)+) => { $(
        impl<F, Fut, R, $($part),+> Handler<($($part,)+)> for F
        where
            F: Fn($($part),+) -> Fut + Copy + Send + Sync + 'static,
            Fut: Future<Output = Result<R, ApiError>> + 'static,
            R: Reply + 'static,
            $($part: Extract),+
        {
            #[allow(non_snake_case, reason = "the parts are named after their types")]
            async fn handle(self, request: HttpRequest, payload: Payload) -> Result<HttpResponse, ApiError> {
                let mut reading = Reading::new(request.clone(), payload);
                $(let $part = $part::extract(&mut reading).await?;)+
                reading.end()?;
                let ($(Some($part),)+) = ($($part,)+) else {
                    return Err(ApiError::internal(&"a request without a fault is not complete"));
                };
                self($($part),+).await?.respond(&request)
            }

            fn describe(said: &mut Said) {
                $($part::describe(said);)+
                R::describe(said);
            }
        }
    )+ };
}

handlers! {
    A;
    A B;
    A B C;
    A B C D;
}

impl<F, Fut, R> Handler<()> for F
where
    F: Fn() -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + 'static,
    R: Reply + 'static,
{
    async fn handle(self, request: HttpRequest, payload: Payload) -> Result<HttpResponse, ApiError> {
        Reading::new(request.clone(), payload).end()?;
        self().await?.respond(&request)
    }

    fn describe(said: &mut Said) {
        R::describe(said);
    }
}

/// The operations of these handlers, each with the documentation of the same name.
macro_rules! operations {
    ($($handler:ident $(. $more:ident ( $($argument:expr),* ))*),+ $(,)?) => {
        pastey::paste! {
            vec![$(
                $crate::rest::frame::Operation::new([<__path_ $handler>], $handler)
                    $(.$more($($argument),*))*
            ),+]
        }
    };
}
pub(crate) use operations;
