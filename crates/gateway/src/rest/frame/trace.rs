//! The trace id that an answer names.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

pub const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 32]);

impl TraceId {
    /// 32 lowercase hex digits that are not all 0.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 32] = text.as_bytes().try_into().ok()?;
        let fits = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (fits && digits.iter().any(|b| *b != b'0')).then_some(Self(digits))
    }

    /// The client's: `00-<trace id>-<span id>-<flags>`.
    pub fn of_client(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = value.splitn(4, '-');
        let version = parts.next()?;
        let trace = Self::parse(parts.next()?)?;
        let rest_is_there = parts.next()?.len() == 16 && parts.next()?.len() >= 2;
        (version.len() == 2 && version != "ff" && rest_is_there).then_some(trace)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of_client(value: &str) -> Option<TraceId> {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("traceparent");
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        TraceId::of_client(&headers)
    }

    #[test]
    fn only_a_whole_traceparent_names_a_trace() {
        let whole = format!("00-{ID}-00f067aa0ba902b7-01");
        assert_eq!(of_client(&whole), TraceId::parse(ID));
        assert!(TraceId::parse(ID).is_some());
        for bad in [
            "",
            ID,
            &format!("00-{ID}"),
            &format!("ff-{ID}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        ] {
            assert_eq!(of_client(bad), None, "{bad}");
        }
    }
}
