use anyhow::ensure;
use once_emulator::EmulatorConfig;
use serde_json::json;
use test_support::eventually;
use tests_e2e::{Books, Sandbox};

#[tokio::test]
async fn a_newcomer_sees_the_fleet_after_the_first_start_without_asking() {
    let settings = [("SIMWARD_SWEEP_INTERVAL", "3600")];
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(300).with_rate(50), &settings).await;

    let status = eventually("the first sweep ends by itself", || async {
        let status = sandbox.sync_status().await?;
        ensure!(status["last_finished"]["state"] == "completed", "{status}");
        Ok(status)
    })
    .await;
    assert_eq!(
        (&status["sims_known"], &status["last_finished"]["sims_discovered"]),
        (&json!(300), &json!(300))
    );

    let page = sandbox
        .simward()
        .get("/api/v1/sims?page=3&page_size=100")
        .await
        .unwrap();
    assert_eq!(page["data"].as_array().unwrap().len(), 100);
    assert_eq!(page["pagination"]["total"], 300);
    let iccid = page["data"][4]["iccid"].as_str().unwrap();
    let sim = sandbox
        .simward()
        .get(&format!("/api/v1/sims/{iccid}"))
        .await
        .unwrap();
    assert_eq!(sim["data"]["iccid"], iccid);
    let status = sandbox
        .simward()
        .get(&format!("/api/v1/sims/{iccid}/status"))
        .await
        .unwrap();
    assert_eq!(
        status["data"]["status_details"]["is_active"],
        sim["data"]["status"] == "Enabled"
    );

    let books = eventually("the books balance", || async {
        let books = Books::read(&sandbox).await?;
        books.balance().map(|()| books)
    })
    .await;
    assert_eq!(books.fleet(), 300);
}

#[tokio::test]
async fn documentation_health_and_metrics_need_no_key_and_show_no_secret() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    sandbox.sync().await;
    let http = reqwest::Client::new();
    let mut texts = Vec::new();
    for path in [
        "/openapi.json",
        "/docs/",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
    ] {
        let answer = http
            .get(format!("{}{path}", sandbox.simward().url))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        texts.push(answer.text().await.unwrap());
    }
    assert!(texts[5].contains("once_calls_total"), "calls to 1NCE are counted");
    texts.push(sandbox.simward().log());
    for secret in [
        "emulator-secret",
        "0123456789abcdef0123456789abcdef",
        sandbox.simward().key.as_str(),
    ] {
        assert!(texts.iter().all(|text| !text.contains(secret)), "a secret shows");
    }
    let refused = http
        .get(format!("{}/api/v1/sims", sandbox.simward().url))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status().as_u16(), 401);
}
