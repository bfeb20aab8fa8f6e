//! What the mock saw of our requests.

use std::collections::BTreeSet;

use serde::Deserialize;

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

/// What the mock saw: every request valid, every official operation reached.
pub fn judge(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    let mut probes = 0;
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    for seen in &report.requests {
        match &seen.operation {
            Some(operation) if seen.violations.is_empty() && seen.status < 300 => {
                answered.insert(operation);
            }
            // FACTS §1: v2 may have usage although its file does not say so; the client finds out once.
            None if seen.call.starts_with("GET /v2/sims/") && seen.call.contains("/usage?") => probes += 1,
            _ => problems.push(format!(
                "{} answered {}: {:?}",
                seen.call, seen.status, seen.violations
            )),
        }
    }
    if probes != 1 {
        problems.push(format!("usage on v2 was asked for {probes} times, not once"));
    }
    for operation in &report.operations {
        if !answered.contains(operation.as_str()) {
            problems.push(format!("our client made no valid call of {operation}"));
        }
    }
    problems
}
