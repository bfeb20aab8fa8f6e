//! What is said about limits and repeats of every route.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required};

/// Adds the headers of limits to the answers of a route under `/api/`, and to a POST the header that makes it safe to
/// repeat.
pub fn describe(route: &str, operation: &mut Operation) {
    if !route.contains(" /api/") {
        return;
    }
    let repeats = is_repeatable(route);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut add = |name: &str, header: Header| response.headers.insert(name.to_owned(), header.into());
        add(
            "X-RateLimit-Limit",
            number("Requests in the window that has the fewest left."),
        );
        add("X-RateLimit-Remaining", number("How many of them are left."));
        add("X-RateLimit-Reset", number("Seconds until that window ends."));
        if status == "429" {
            add("Retry-After", number("Seconds until a request is free again."));
        }
        if repeats && status.starts_with('2') {
            let text = "`true`: the answer of an earlier request with the same `Idempotency-Key`.";
            add("Idempotent-Replayed", header(text, Type::Boolean));
        }
    }
    if repeats {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[!-~]+$"));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes the request safe to repeat for 24 hours: the same key with the same request gets the first \
                 answer again and does nothing twice. With another request it is refused (409).",
            ))
            .schema(Some(schema));
        operation
            .parameters
            .get_or_insert_default()
            .push(parameter.build().into());
    }
}

/// Whether a POST makes something or costs something. A job that is paused twice is paused.
pub fn is_repeatable(route: &str) -> bool {
    let harmless = route.ends_with("/pause") || route.ends_with("/resume");
    route.starts_with("post ") && !harmless
}

fn number(text: &str) -> Header {
    header(text, Type::Integer)
}

fn header(text: &str, kind: Type) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind)))
        .description(Some(text))
        .build()
}
