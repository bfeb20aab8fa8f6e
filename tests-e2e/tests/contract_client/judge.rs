//! What the mock saw of our requests.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Violations of our requests that are known: endpoint, part of the mock's message, why it is right nevertheless.
const KNOWN_VIOLATIONS: [(&str, &str, &str); 2] = [
    (
        "PUT /v1/sims/{iccid}",
        "'status'",
        "FACTS §5: the server takes an update without status",
    ),
    (
        "POST /v1/sims",
        "'status'",
        "FACTS §5: the server takes an update without status",
    ),
];

/// The router's record.
#[derive(Debug, Deserialize)]
pub struct Report {
    pub operations: BTreeSet<String>,
    pub requests: Vec<Seen>,
}

/// A request as the mock saw it.
#[derive(Debug, Deserialize)]
pub struct Seen {
    call: String,
    operation: Option<String>,
    status: u16,
    violations: Vec<serde_json::Value>,
}

impl Seen {
    /// The reason why a violating request is accepted, if there is one.
    fn excuse(&self) -> Option<&'static str> {
        let operation = self.operation.as_deref()?;
        let excused = |violation: &serde_json::Value| {
            KNOWN_VIOLATIONS.iter().find(|(endpoint, part, _)| {
                *endpoint == operation
                    && violation["message"]
                        .as_str()
                        .is_some_and(|text| text.contains(part))
            })
        };
        let reasons: Option<Vec<_>> = self.violations.iter().map(excused).collect();
        reasons?.first().map(|(_, _, reason)| *reason)
    }
}

/// What the mock saw: every request valid, every official operation reached.
pub fn judge(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    let mut excused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    for seen in &report.requests {
        match (&seen.operation, seen.violations.is_empty()) {
            (Some(operation), true) if seen.status < 300 => {
                answered.insert(operation);
            }
            // FACTS §1: v2 may have usage although its file does not say so; the client asks once.
            (None, _) if seen.call.starts_with("GET /v2/sims/") && seen.call.contains("/usage?") => {
                *excused
                    .entry("FACTS §1: usage on v2 is asked for once")
                    .or_default() += 1;
            }
            _ => match seen.excuse() {
                Some(reason) => *excused.entry(reason).or_default() += 1,
                None => problems.push(format!(
                    "{} answered {}: {:?}",
                    seen.call, seen.status, seen.violations
                )),
            },
        }
    }
    for operation in &report.operations {
        if !answered.contains(operation.as_str()) {
            problems.push(format!("our client made no valid call of {operation}"));
        }
    }
    for (reason, count) in excused {
        println!("{count} requests excused: {reason}");
    }
    problems
}
