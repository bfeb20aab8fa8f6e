use gateway::Permission;

use crate::harness::{App, ICCID, path, sim, until};

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
                let content = response["content"].as_object().unwrap();
                let exemplified = content.values().all(|content| !content["example"].is_null());
                assert!(exemplified && !content.is_empty(), "{method} {path} {status}");
            }
            let body = &operation["requestBody"];
            assert!(
                body.is_null() || !body["content"]["application/json"]["example"].is_null(),
                "{path}"
            );
        }
    }
    let sync = &document["paths"]["/api/v1/sync/sims"]["post"]["requestBody"];
    assert_eq!(sync["required"], false, "{sync}");
    let update = &document["paths"]["/api/v1/sims/{iccid}"]["put"]["requestBody"];
    assert_eq!(update["required"], true, "{update}");
    // No field of a body must be there, and none may be null.
    for (body, fields) in [("UpdateSimBody", 5), ("StartSyncBody", 2)] {
        let schema = &document["components"]["schemas"][body];
        assert!(schema["required"].is_null(), "{schema}");
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), fields, "{schema}");
        for (name, property) in properties {
            assert!(property["type"].is_string(), "{body}.{name}: {property}");
        }
    }
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
