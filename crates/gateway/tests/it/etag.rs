use gateway::Permission;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::json;

use crate::harness::{Answer, App, ICCID, path, send, sim};

/// Answers from memory, from sim-service, from usage-ingestor; one thing and pages.
const ROUTES: [&str; 5] = [
    "/api/v1/sims/8988999000000000017",
    "/api/v1/sims/8988999000000000017/status",
    "/api/v1/sims",
    "/api/v1/sync/status",
    "/api/v1/usage/summary",
];

async fn app() -> (App, String) {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump-17"));
    let key = app.world.key_for(&[Permission::Admin], None).await;
    (app, key)
}

fn tag(answer: &Answer) -> String {
    answer.headers[ETAG].to_str().unwrap().to_owned()
}

async fn conditional(app: &App, key: &str, path: &str, tags: &str) -> Answer {
    let request = app.gateway.request("GET", path).header("X-API-Key", key);
    send(request.header(IF_NONE_MATCH, tags)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_the_answer_gets_304_and_no_body() {
    let (app, key) = app().await;
    for route in ROUTES {
        let whole = app.gateway.get(route, &key).await.expect(200);
        assert_eq!(whole.headers["cache-control"], "private, no-cache", "{route}");
        let tag = tag(&whole);
        assert_eq!(tag.len(), r#"W/"0123456789abcdef""#.len(), "{tag}");
        let strong = tag.trim_start_matches("W/").to_owned();
        for tags in [
            tag.clone(),
            strong.clone(),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let held = conditional(&app, &key, route, &tags).await.expect(304);
            assert_eq!(held.text, "");
            assert_eq!(held.headers[ETAG], tag.as_str());
            assert_eq!(held.headers["cache-control"], "private, no-cache");
            assert!(held.headers.contains_key("x-request-id"));
            assert!(!held.headers.contains_key("content-type"));
        }
        let other = conditional(&app, &key, route, "\"x\"").await.expect(200);
        assert_eq!(other.body["data"], whole.body["data"], "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_follows_the_content_and_not_the_way_it_came() {
    let (app, key) = app().await;
    let other = app.world.start(app.world.gateway_config()).await;
    let fresh = tag(&app.gateway.get(&path(ICCID), &key).await.expect(200));
    let from_memory = tag(&app.gateway.get(&path(ICCID), &key).await.expect(200));
    assert_eq!(fresh, from_memory);
    let from_redis = tag(&other.get(&path(ICCID), &key).await.expect(200));
    assert_eq!(fresh, from_redis);
    assert_eq!(app.world.sims.state().gets, 1);
    let refresh = format!("{}?refresh=true", path(ICCID));
    let refreshed = app.gateway.get(&refresh, &key).await.expect(200);
    assert_eq!(fresh, tag(&refreshed));

    let new = json!({ "label": "new" });
    let changed = app.gateway.put(&path(ICCID), &key, new).await.expect(200);
    assert!(!changed.headers.contains_key(ETAG), "a PUT answers no tag");
    assert_eq!(changed.headers["cache-control"], "no-store");
    let after = conditional(&app, &key, &path(ICCID), &fresh).await.expect(200);
    assert_eq!(after.body["data"]["label"], "new");
    assert_ne!(tag(&after), fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_exports_have_no_tag_and_a_tag_opens_no_door() {
    let (app, key) = app().await;
    let seen = tag(&app.gateway.get(&path(ICCID), &key).await.expect(200));
    let export = app.gateway.get("/api/v1/usage/export", &key).await.expect(200);
    assert!(!export.headers.contains_key(ETAG));
    assert_eq!(export.headers["cache-control"], "no-store");
    let missing = conditional(&app, &key, &path("8988999000000000025"), "*").await;
    let missing = missing.expect(404);
    assert!(!missing.headers.contains_key(ETAG));
    assert_eq!(missing.headers["cache-control"], "no-store");
    let other = app.world.organization().await;
    let foreign = app.world.key_for(&[Permission::ReadSims], Some(other)).await;
    conditional(&app, &foreign, &path(ICCID), &seen).await.expect(404);
    conditional(&app, "", &path(ICCID), &seen).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_kept_is_counted() {
    let (app, key) = app().await;
    let tag = tag(&app.gateway.get(&path(ICCID), &key).await.expect(200));
    conditional(&app, &key, &path(ICCID), &tag).await.expect(304);
    conditional(&app, &key, &path(ICCID), "\"x\"").await.expect(200);
    for (layer, result, count) in [
        ("client", "hit", 1),
        ("client", "miss", 1),
        ("process", "hit", 2),
        ("process", "miss", 1),
        ("redis", "miss", 1),
    ] {
        let labels = format!("simward_cache_total{{layer=\"{layer}\",result=\"{result}\"}}");
        assert_eq!(app.gateway.metric(&labels), count, "{labels}");
    }
}

#[test]
fn every_get_that_answers_json_documents_its_tag() {
    let document = serde_json::to_value(gateway::openapi()).unwrap();
    let mut documented = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let json = &operation["responses"]["200"]["content"]["application/json"];
            let tagged = method == "get" && path.starts_with("/api/v1/") && json.is_object();
            let has = operation["responses"]["200"]["headers"]["ETag"].is_object();
            assert_eq!(has, tagged, "{method} {path}");
            assert_eq!(
                operation["responses"]["304"].is_object(),
                tagged,
                "{method} {path}"
            );
            let parameters = operation["parameters"].as_array();
            let asks = parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "If-None-Match"));
            assert_eq!(asks, tagged, "{method} {path}");
            documented += usize::from(tagged);
        }
    }
    assert!(documented >= ROUTES.len());
}
