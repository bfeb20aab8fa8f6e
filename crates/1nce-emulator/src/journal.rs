//! Every call the API received, so that tests can count them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// How many calls are kept.
pub const CAPACITY: usize = 100_000;
/// Bytes kept of a path, a query and a body.
const TEXT_LIMIT: usize = 2048;

/// The beginning of a text, as it is kept; cut before it is copied, since a body may have many megabytes.
pub fn excerpt(text: &[u8]) -> String {
    let inside = |end: usize| text.get(end).is_some_and(|byte| byte & 0xC0 == 0x80);
    let mut end = TEXT_LIMIT.min(text.len());
    while end > 0 && inside(end) {
        end -= 1;
    }
    String::from_utf8_lossy(&text[..end]).into_owned()
}

/// One received call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Rising number, starting at 1.
    pub id: u64,
    /// Real time of arrival, RFC 3339.
    pub at: String,
    /// Milliseconds between the emulator's start and the arrival, on the monotonic clock.
    pub at_ms: u64,
    /// HTTP method.
    pub method: String,
    /// Path, with `/management-api`; its beginning, like query and body.
    pub path: String,
    /// Query string without `?`.
    pub query: String,
    /// The route, e.g. `GET /v1/sims/{iccid}`; `GET (unknown)` for a path that has none.
    pub endpoint: String,
    /// Client id of the caller, if its token or login was good.
    pub customer: Option<String>,
    /// Status answered; none if the connection was cut.
    pub status: Option<u16>,
    /// The injected fault, or `rate_limit` for a call over the limit.
    pub fault: Option<String>,
    /// Beginning of the request body; never of a login.
    pub body: Option<String>,
}

/// Which calls to return.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CallFilter {
    /// Only calls after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_id: Option<u64>,
    /// Only paths containing this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only this HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only this customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
}

impl CallFilter {
    fn admits(&self, call: &CallRecord) -> bool {
        self.since_id.is_none_or(|id| call.id > id)
            && self.path.as_deref().is_none_or(|p| call.path.contains(p))
            && self
                .method
                .as_deref()
                .is_none_or(|m| call.method.eq_ignore_ascii_case(m))
            && self
                .customer
                .as_deref()
                .is_none_or(|c| call.customer.as_deref() == Some(c))
    }
}

/// A ring of the last calls, and counters over all of them.
#[derive(Debug, Default)]
pub struct Journal {
    calls: VecDeque<CallRecord>,
    last_id: u64,
    by_endpoint: BTreeMap<String, u64>,
    by_status: BTreeMap<String, u64>,
}

impl Journal {
    /// Stores a call under the next number.
    pub fn record(&mut self, mut call: CallRecord) {
        self.last_id += 1;
        call.id = self.last_id;
        *self.by_endpoint.entry(call.endpoint.clone()).or_default() += 1;
        let status = call.status.map_or_else(|| "cut".to_owned(), |s| s.to_string());
        *self.by_status.entry(status).or_default() += 1;
        if self.calls.len() == CAPACITY {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// The kept calls that pass the filter, oldest first.
    pub fn select(&self, filter: &CallFilter) -> Vec<CallRecord> {
        self.calls
            .iter()
            .filter(|call| filter.admits(call))
            .cloned()
            .collect()
    }

    /// Number of calls per route since the last reset.
    pub fn by_endpoint(&self) -> &BTreeMap<String, u64> {
        &self.by_endpoint
    }

    /// Number of calls per answered status (`cut` for none) since the last reset.
    pub fn by_status(&self) -> &BTreeMap<String, u64> {
        &self.by_status
    }

    /// Forgets calls and counters; numbers go on rising.
    pub fn reset(&mut self) {
        self.calls.clear();
        self.by_endpoint.clear();
        self.by_status.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_kept_in_part_and_whole_characters() {
        assert_eq!(excerpt(b"short"), "short");
        let long = format!("x{}", "é".repeat(5_000));
        let kept = excerpt(long.as_bytes());
        assert_eq!((kept.len(), kept.capacity() < 4_096), (2_047, true));
        assert!(long.starts_with(&kept));
    }
}
