//! Every call of our 1NCE client against a mock that an independent tool makes from the official OpenAPI files.
//!
//! `tests-e2e/contract/run` starts the mock and sets `SIMWARD_CONTRACT_MOCK_URL`. The mock's router tells which official
//! operation every request meant and what the mock found wrong with it, so requests are judged by the files too.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// The futures of the client are deeply nested.
#![recursion_limit = "256"]

mod calls;
mod judge;
mod unmodelled;

use calls::Calls;
use judge::{Report, judge};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a mock of the official OpenAPI files: tests-e2e/contract/run starts it and this"]
async fn every_official_operation_is_called_validly_and_its_answer_is_read() {
    let mock = std::env::var("SIMWARD_CONTRACT_MOCK_URL").expect("SIMWARD_CONTRACT_MOCK_URL");
    let examples = std::env::var("SIMWARD_CONTRACT_MOCK_KIND").as_deref() != Ok("generated");
    let mut problems = Vec::new();
    let mut made = 0;
    for v1 in [false, true] {
        let mut calls = Calls::new(&format!("{mock}/management-api"), v1, examples);
        calls.make().await;
        made += calls.made;
        problems.append(&mut calls.problems);
    }
    let report: Report = reqwest::get(format!("{mock}/_router/report"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    problems.extend(judge(&report));
    println!(
        "{made} calls of the client, {} requests, {} official operations",
        report.requests.len(),
        report.operations.len()
    );
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
