//! What the document says is what the operations' types say, and what is served.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::*;
use crate::auth::Permission;
use crate::rest::frame::routes::Routes;
use crate::rest::frame::said::Access;

#[test]
fn the_tags_are_those_that_operations_stand_under() {
    let paths = openapi().paths.paths;
    let operations = paths
        .into_values()
        .flat_map(|item| [item.get, item.post, item.put, item.delete]);
    let used: BTreeSet<String> = operations.flatten().flat_map(|one| one.tags).flatten().collect();
    let said = base::TAGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(used, said);
}

#[test]
fn two_types_never_share_a_component() {
    let mut known: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    for operation in super::super::operations() {
        for (name, schema) in operation.said().components {
            let first = known.entry(name.clone()).or_insert_with(|| schema.clone());
            assert!(*first == schema, "{name} is two types");
        }
    }
    assert!(known.len() > 50);
}

#[test]
fn every_documented_operation_stands_under_a_tag() {
    for (path, item) in openapi().paths.paths {
        for operation in [item.get, item.post, item.put, item.delete].into_iter().flatten() {
            assert!(operation.tags.is_some_and(|tags| !tags.is_empty()), "{path}");
        }
    }
}

/// Addresses of pages and files for people, which no client is made from.
const PAGES: [&str; 6] = [
    "/docs",
    "/docs/",
    "/docs/{*file}",
    "/openapi.json",
    "/redoc",
    "/redoc/redoc.js",
];

fn documented() -> serde_json::Value {
    serde_json::to_value(openapi()).unwrap()
}

#[test]
fn everything_but_pages_is_documented() {
    let mut pages: Vec<String> = super::super::operations()
        .into_iter()
        .filter(|operation| !operation.is_documented)
        .map(|operation| operation.path)
        .collect();
    pages.sort();
    assert_eq!(pages, PAGES);
}

#[test]
fn permission_repeats_and_limits_are_those_of_the_types() {
    let document = documented();
    let mut compared = 0;
    for operation in super::super::operations()
        .into_iter()
        .filter(|one| one.is_documented)
    {
        let said = operation.said();
        for method in operation.methods.iter().filter(|method| *method != "HEAD") {
            let name = format!("{method} {}", operation.path);
            let shown = &document["paths"][&operation.path][method.as_str().to_lowercase()];
            let scopes = |permission: Option<Permission>| -> Vec<&str> {
                permission.into_iter().map(Permission::word).collect()
            };
            let security = match said.access {
                Access::Public => serde_json::json!([]),
                Access::Known => serde_json::json!([{ "api_key": [] }, { "bearer": [] }]),
                Access::Needs(permission) => serde_json::json!([
                    { "api_key": scopes(Some(permission)) }, { "bearer": scopes(Some(permission)) }
                ]),
            };
            assert_eq!(shown["security"], security, "{name}");
            let parameters = shown["parameters"].as_array().cloned().unwrap_or_default();
            let has_key = parameters.iter().any(|one| one["name"] == "Idempotency-Key");
            assert_eq!(has_key, said.is_once, "{name}");
            assert!(!said.is_once || shown["responses"]["409"].is_object(), "{name}");
            for (status, response) in shown["responses"].as_object().unwrap() {
                let headers = &response["headers"];
                assert_eq!(
                    headers["X-RateLimit-Limit"].is_object(),
                    operation.is_metered,
                    "{name} {status}"
                );
                let content = response["content"].as_object().into_iter().flatten();
                for (kind, content) in content {
                    let has_example = !content["example"].is_null() || content["examples"].is_object();
                    assert!(has_example, "{name} {status} {kind}");
                }
            }
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} were compared");
}

#[test]
fn a_wrong_method_is_told_those_that_are_documented() {
    let routes = Routes::new(super::super::operations()).unwrap();
    for (path, item) in documented()["paths"].as_object().unwrap() {
        let mut shown: Vec<String> = item
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        shown.sort();
        let mut allowed = routes.methods(path);
        allowed.retain(|method| method != "HEAD");
        allowed.sort();
        assert_eq!(allowed, shown, "{path}");
    }
}
