use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{Required, Response, ResponseBuilder};

/// The headers that every answer of an operation carries.
pub fn add_to_all(response: &mut Response, status: &str, is_metered: bool) {
    add(
        response,
        "X-Request-Id",
        header(
            "The request's own id, or a made one: name it when you ask for help.",
            Type::String,
        ),
    );
    add(
        response,
        "X-Trace-Id",
        header(
            "Where the request is found among the traces; absent when it is not traced.",
            Type::String,
        ),
    );
    if !is_metered {
        return;
    }
    add(
        response,
        "X-RateLimit-Limit",
        header("Requests in the window that has the fewest left.", Type::Integer),
    );
    add(
        response,
        "X-RateLimit-Remaining",
        header("How many of them are left.", Type::Integer),
    );
    add(
        response,
        "X-RateLimit-Reset",
        header("Seconds until that window ends.", Type::Integer),
    );
    if status == "429" {
        add(
            response,
            "Retry-After",
            header("Seconds until a request is free again.", Type::Integer),
        );
    }
}

pub fn add_replayed(response: &mut Response) {
    let text = "`true`: the answer of an earlier request with the same `Idempotency-Key`.";
    add(response, "Idempotent-Replayed", header(text, Type::Boolean));
}

pub fn add_etag(response: &mut Response) {
    let text = "Names the answer without `meta`, weakly";
    add(response, "ETag", header(text, Type::String));
}

pub fn not_modified() -> Response {
    let mut response = ResponseBuilder::new()
        .description("The answer that the client has still holds; no body")
        .build();
    add_etag(&mut response);
    response
}

pub fn if_none_match() -> Parameter {
    ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "`ETag`s of answers that the client has, or `*`: 304 when one still holds",
        ))
        .schema(Some(typed(Type::String)))
        .example(Some("W/\"5f2b8c1d9e3a7046\"".into()))
        .build()
}

pub fn idempotency_key() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes the request safe to repeat for 24 hours: the same key with the same request gets the first answer \
             again and does nothing twice. With another request it is refused (409).",
        ))
        .schema(Some(schema))
        .build()
}

fn add(response: &mut Response, name: &str, header: Header) {
    response.headers.insert(name.to_owned(), header.into());
}

fn header(text: &str, kind: Type) -> Header {
    HeaderBuilder::new()
        .schema(Some(typed(kind)))
        .description(Some(text))
        .build()
}

fn typed(kind: Type) -> Object {
    ObjectBuilder::new().schema_type(kind).build()
}
