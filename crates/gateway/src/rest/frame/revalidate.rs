//! `ETag` and `If-None-Match`: a client keeps an answer and asks whether it still holds.

use actix_web::body::{self, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use actix_web::http::{Method, StatusCode};
use metrics::Counter;
use service_runtime::metrics::Metrics;

/// A client may keep the answer, but asks before it uses it.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// How often what a client had still held.
pub struct Revalidations {
    held: Counter,
    changed: Counter,
}

impl Revalidations {
    pub fn new(metrics: &Metrics) -> Self {
        let count =
            |result| metrics.counter("simward_cache_total", &[("layer", "client"), ("result", result)]);
        Self {
            held: count("hit"),
            changed: count("miss"),
        }
    }

    /// Answers 304 to a GET whose client has this answer already. Answers to other methods get no tag: it would name
    /// what a GET answers, which nobody has asked for.
    pub fn settle(&self, mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let Some(etag) = response.headers().get(ETAG) else {
            return response;
        };
        let request = response.request();
        if request.method() != Method::GET {
            response.headers_mut().remove(ETAG);
            return response;
        }
        let asked = request.headers().contains_key(IF_NONE_MATCH);
        let held = asked && has(request.headers(), etag);
        if !response.headers().contains_key(CACHE_CONTROL) {
            response.headers_mut().insert(CACHE_CONTROL, REVALIDATE);
        }
        if asked {
            let count = if held { &self.held } else { &self.changed };
            count.increment(1);
        }
        if !held {
            return response;
        }
        response.map_body(|head, _| {
            head.status = StatusCode::NOT_MODIFIED;
            head.headers_mut().remove(CONTENT_TYPE);
            body::None::new().boxed()
        })
    }
}

/// Whether a tag of the list, or `*`, is this one; weak comparison.
fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let Ok(wanted) = etag.to_str().map(opaque) else {
        return false;
    };
    // A foreign tag with a comma falls into pieces, none of which is a whole tag of ours.
    let lists = headers
        .get_all(IF_NONE_MATCH)
        .filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(lists: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(IF_NONE_MATCH, HeaderValue::from_str(list).unwrap());
        }
        has(&headers, &HeaderValue::from_static("W/\"00000000000000ab\""))
    }

    #[test]
    fn one_of_several_tags_is_enough_weak_or_strong() {
        assert!(held(&["*"]));
        assert!(held(&["W/\"00000000000000ab\""]));
        assert!(held(&["\"00000000000000ab\""]));
        assert!(held(&["\"x,y\" , W/\"00000000000000ab\",\"z\""]));
        assert!(held(&["\"x\"", "\"00000000000000ab\""]));
        assert!(!held(&[]));
        assert!(!held(&["00000000000000ab", "w/\"00000000000000ab\""]));
        assert!(!held(&["\"00000000000000a\"", ""]));
    }
}
