//! Every status that a test gets is one that the document promises of the operation.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(gateway::openapi()).unwrap());

/// Fails when the document has the operation and not this answer of it.
pub fn assert_promised(method: &Method, path: &str, status: u16) {
    let method = method.as_str().to_lowercase();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let mut matching: Vec<_> = paths
        .iter()
        .filter(|(template, _)| is_of(path, template))
        .collect();
    // `/api/v1/sims/export` is no SIM.
    matching.sort_by_key(|(template, _)| template.matches('{').count());
    let Some((template, operations)) = matching.first() else {
        return;
    };
    let Some(operation) = operations.get(&method) else {
        return;
    };
    let promised = operation["responses"].as_object().unwrap();
    assert!(
        promised.contains_key(&status.to_string()),
        "{method} {template} answers {status}, of which the document says nothing"
    );
}

fn is_of(path: &str, template: &str) -> bool {
    let (path, template) = (path.split('/'), template.split('/'));
    path.clone().count() == template.clone().count()
        && path
            .zip(template)
            .all(|(part, wanted)| part == wanted || wanted.starts_with('{'))
}
