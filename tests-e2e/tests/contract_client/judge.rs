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

/// Paths below `/v2` that its file lacks: documented on other pages or unknown (FACTS-2026-11 U2). The client finds out
/// once whether they are there.
const NOT_IN_THE_FILE_OF_V2: [(&str, &str); 8] = [
    ("GET", "/usage?"),
    ("GET", "/connectivity_info?"),
    ("GET", "/limits"),
    ("POST", "/v2/sims/topup?"),
    ("POST", "/v2/sims/autoTopup"),
    ("POST", "/v2/sims/extension?"),
    ("POST", "/v2/sims/simTransfer"),
    ("POST", "/v2/sims"),
];

/// The path that the file of v2 lacks, if the call is of one.
fn not_in_the_file(call: &str) -> Option<usize> {
    let (method, path) = call.split_once(' ')?;
    if !path.starts_with("/v2/") {
        return None;
    }
    NOT_IN_THE_FILE_OF_V2.iter().position(|(of, part)| {
        let whole = *part == "/v2/sims";
        *of == method && if whole { path == *part } else { path.contains(part) }
    })
}

/// What the mock saw: every request valid, every official operation reached.
pub fn judge(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    let mut probes = [0; NOT_IN_THE_FILE_OF_V2.len()];
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    for seen in &report.requests {
        if let Some(path) = not_in_the_file(&seen.call) {
            probes[path] += 1;
            continue;
        }
        match &seen.operation {
            Some(operation) if seen.violations.is_empty() && seen.status < 300 => {
                answered.insert(operation);
            }
            _ => problems.push(format!(
                "{} answered {}: {:?}",
                seen.call, seen.status, seen.violations
            )),
        }
    }
    for (count, (method, path)) in probes.into_iter().zip(NOT_IN_THE_FILE_OF_V2) {
        if count != 1 {
            problems.push(format!("{method} {path} was asked of v2 {count} times, not once"));
        }
    }
    for operation in &report.operations {
        if !answered.contains(operation.as_str()) {
            problems.push(format!("our client made no valid call of {operation}"));
        }
    }
    problems
}
