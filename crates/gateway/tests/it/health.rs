use std::time::Duration;

use gateway::Permission;
use serde_json::{Value, json};

use crate::harness::{App, ICCID, path, send, sim, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_sim_service_is_a_503_and_makes_the_gateway_unready() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let ready = app.gateway.get("/health/ready", "").await.expect(200);
    assert_eq!(ready.body["status"], "ready", "{}", ready.text);
    assert_eq!(ready.body["services"][1]["service"], "sim");

    app.world.sims.stop().await;
    until("unready", async || {
        match app.gateway.get("/health/ready", "").await {
            answer if answer.status == 503 => Ok(()),
            answer => Err(answer.text),
        }
    })
    .await;
    let report = app.gateway.get("/health", "").await.expect(200);
    assert_eq!(report.body["status"], "unready");
    app.gateway.get("/health/live", "").await.expect(200);
    for path in [
        path(ICCID),
        "/api/v1/sims".to_owned(),
        "/api/v1/sync/status".to_owned(),
    ] {
        let answer = app.gateway.get(&path, &key).await.expect(503);
        assert_eq!(answer.code(), "SERVICE_UNAVAILABLE", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_watches_and_browses_may_add_a_query_and_ask_for_heads() {
    let app = App::start().await;
    for path in [
        "/health",
        "/health/ready",
        "/health/live",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/",
        "/docs/index.css",
        "/redoc",
        "/redoc/redoc.js",
    ] {
        app.gateway.get(&format!("{path}?v=1"), "").await.expect(200);
    }
    for path in ["/health", "/health/ready", "/health/live"] {
        send(app.gateway.request("HEAD", path)).await.expect(200);
        let refused = send(app.gateway.request("POST", path)).await.expect(405);
        assert_eq!(refused.headers["allow"], "GET, HEAD", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_routes_and_not_paths() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::Admin], None).await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    app.gateway.get(&path(ICCID), &key).await.expect(200);
    app.gateway
        .get("/nowhere/8988999000000000017", &key)
        .await
        .expect(404);
    let text = app.gateway.get("/metrics", "").await.expect(200).text;
    let count = r#"simward_http_requests_total{route="/api/v1/sims/{iccid}",method="GET",status="200"} 1"#;
    assert!(text.contains(count), "{text}");
    assert!(
        text.contains(r#"route="unmatched",method="GET",status="404""#),
        "{text}"
    );
    assert!(text.contains(r#"simward_auth_total{result="ok"} 1"#), "{text}");
    assert!(text.contains("simward_http_seconds_bucket"), "{text}");
    assert!(!text.contains(ICCID) && !text.contains(&key), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_has_an_example_for_every_answer() {
    let app = App::start().await;
    let document = app.gateway.get("/openapi.json", "").await.expect(200).body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                // The client has the answer already.
                if status == "304" {
                    continue;
                }
                let content = response["content"].as_object().unwrap();
                let exemplified = content
                    .values()
                    .all(|content| content["example"].is_null() != content["examples"].is_null());
                assert!(exemplified && !content.is_empty(), "{method} {path} {status}");
            }
            let body = &operation["requestBody"];
            let kinds = body["content"].as_object();
            let exemplified =
                kinds.is_some_and(|kinds| kinds.values().all(|kind| !kind["example"].is_null()));
            assert!(body.is_null() || exemplified, "{path}");
        }
    }
    let sync = &document["paths"]["/api/v1/sync/sims"]["post"]["requestBody"];
    assert_eq!(sync["required"], false, "{sync}");
    let update = &document["paths"]["/api/v1/sims/{iccid}"]["put"]["requestBody"];
    assert_eq!(update["required"], true, "{update}");
    let page = app.gateway.get("/docs/", "").await.expect(200);
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    let script = app
        .gateway
        .get("/docs/swagger-initializer.js", "")
        .await
        .expect(200);
    assert!(script.text.contains("/openapi.json"), "{}", script.text);
    app.gateway.get("/docs", "").await.expect(200);
    app.gateway.get("/docs/nothing.js", "").await.expect(404);
}

#[test]
fn the_documentation_allows_only_what_is_accepted() {
    let document: Value = serde_json::from_str(&gateway::openapi().to_json().unwrap()).unwrap();
    let list = document["paths"]["/api/v1/sims"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let parameter = |name: &str| {
        let found = list.iter().find(|parameter| parameter["name"] == name);
        found.unwrap()["schema"].clone()
    };
    let statuses = json!(["Enabled", "Disabled", "Expired", "Unknown", "Missing"]);
    assert_eq!(parameter("status")["enum"], statuses);
    assert_eq!(parameter("sort_by")["enum"][0], "iccid");
    assert_eq!(parameter("sort_order")["enum"], json!(["asc", "desc"]));
    let search = parameter("search");
    assert_eq!(
        (&search["minLength"], &search["maxLength"]),
        (&json!(3), &json!(100))
    );
    assert_eq!(parameter("tag")["maxLength"], 64);
    assert_eq!(parameter("cursor")["maxLength"], 4096);

    // No field of a body must be there, none may be null, and there are no others.
    for (body, fields) in [("UpdateSimBody", 6), ("StartSyncBody", 2)] {
        let schema = &document["components"]["schemas"][body];
        assert!(schema["required"].is_null(), "{schema}");
        assert_eq!(schema["additionalProperties"], false, "{schema}");
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), fields, "{schema}");
        for (name, property) in properties {
            assert!(property["type"].is_string(), "{body}.{name}: {property}");
        }
    }
    let update = &document["components"]["schemas"]["UpdateSimBody"];
    assert_eq!(update["minProperties"], 1);
    assert_eq!(
        update["properties"]["status"]["enum"],
        json!(["Enabled", "Disabled"])
    );
    let tag = &update["properties"]["tags"]["items"];
    assert_eq!(
        (&tag["minLength"], &tag["maxLength"]),
        (&json!(1), &json!(64)),
        "{update}"
    );
    let start = &document["components"]["schemas"]["StartSyncBody"];
    assert!(start["properties"]["account"]["pattern"].is_string(), "{start}");
}

#[test]
fn every_status_is_documented_with_its_own_example() {
    let document: Value = serde_json::from_str(&gateway::openapi().to_json().unwrap()).unwrap();
    let answer = |path: &str, status: &str| {
        let content = &document["paths"][path]["get"]["responses"][status]["content"];
        content["application/json"].clone()
    };
    assert_eq!(answer("/health/ready", "200")["example"]["status"], "ready");
    assert_eq!(answer("/health/ready", "503")["example"]["status"], "unready");
    let sim = "/api/v1/sims/{iccid}";
    assert_eq!(answer(sim, "409")["example"]["error"]["code"], "CONFLICT");
    assert_eq!(
        answer(sim, "501")["example"]["error"]["code"],
        "CAPABILITY_UNAVAILABLE"
    );
    let refused = &answer(sim, "401")["examples"];
    assert!(refused["UNAUTHORIZED"]["value"].is_object(), "{refused}");
    assert!(refused["INVALID_API_KEY"]["value"].is_object(), "{refused}");
    let states = &answer("/api/v1/sims/{iccid}/status", "200")["examples"];
    let terminated = &states["terminated"]["value"]["data"]["status_details"];
    assert_eq!(
        (&terminated["is_active"], &terminated["is_terminated"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_does_not_delay_the_end() {
    let app = App::start().await;
    app.gateway.get("/health/live", "").await.expect(200);
    // The client keeps its connection open.
    assert!(app.gateway.shared.shutdown.finish(Duration::from_secs(15)).await);
}
