use anyhow::ensure;
use once_emulator::{CallFilter, EmulatorConfig, Fault, FaultKind};
use serde_json::json;
use test_support::eventually;
use tests_e2e::{Sandbox, read_events};

#[tokio::test]
async fn our_change_reaches_1nce_once_survives_a_lost_answer_and_is_seen_at_once() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(10).without_limits(), &[]).await;
    sandbox.sync().await;
    let fleet = sandbox.all_sims().await.unwrap();
    let enabled = fleet.iter().find(|sim| sim["status"] == "Enabled").unwrap();
    let iccid = enabled["iccid"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sims/{iccid}");
    sandbox.simward().get(&path).await.unwrap();
    let lost = Fault::new(FaultKind::CutAfterEffect, "/").method("PUT").times(1);
    sandbox.once().faults_add(&lost).await.unwrap();

    let change =
        json!({ "label": "gate 4", "status": "Disabled", "tags": ["east"], "metadata": { "floor": 3 } });
    let (status, answer) = sandbox
        .simward()
        .request("PUT", &path, Some(change))
        .await
        .unwrap();

    assert_eq!(status, 200, "{answer}");
    let truth = sandbox.once().sim(&iccid).await.unwrap();
    assert_eq!((truth.label.as_deref(), truth.enabled), (Some("gate 4"), false));
    let read = sandbox.simward().get(&path).await.unwrap();
    for sim in [&answer["data"], &read["data"]] {
        assert_eq!(
            (&sim["label"], &sim["status"]),
            (&json!("gate 4"), &json!("Disabled"))
        );
        assert_eq!(
            (&sim["tags"], &sim["metadata"]),
            (&json!(["east"]), &json!({ "floor": 3 }))
        );
    }
    eventually("the change is announced", || async {
        let kinds: Vec<String> = read_events(&sandbox)
            .await?
            .into_iter()
            .filter(|event| event.iccid == iccid)
            .map(|event| event.kind)
            .collect();
        ensure!(kinds.contains(&"sim.status_changed".to_owned()), "{kinds:?}");
        ensure!(kinds.contains(&"sim.config_updated".to_owned()), "{kinds:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn bad_input_names_every_field_and_calls_nobody() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(2).without_limits(), &[]).await;
    sandbox.sync().await;
    let iccid = sandbox.all_sims().await.unwrap()[0]["iccid"]
        .as_str()
        .unwrap()
        .to_owned();
    sandbox.once().reset_calls().await.unwrap();

    let bad = json!({ "label": "x".repeat(300), "status": "Asleep", "colour": "red" });
    let (status, answer) = sandbox
        .simward()
        .request("PUT", &format!("/api/v1/sims/{iccid}"), Some(bad))
        .await
        .unwrap();
    let (unknown, _) = sandbox
        .simward()
        .request("GET", "/api/v1/sims/8988280999999999999", None)
        .await
        .unwrap();
    let (invalid, refusal) = sandbox
        .simward()
        .request("GET", "/api/v1/sims/123", None)
        .await
        .unwrap();

    assert_eq!((status, unknown, invalid), (422, 404, 400));
    assert_eq!(answer["error"]["code"], "VALIDATION_ERROR");
    let details = answer["error"]["details"].to_string();
    assert!(
        ["label", "status", "colour"]
            .iter()
            .all(|field| details.contains(field)),
        "{details}"
    );
    assert_eq!(refusal["error"]["code"], "INVALID_ICCID");
    let calls = sandbox.once().calls(&CallFilter::default()).await.unwrap();
    assert!(calls.iter().all(|call| call.method != "PUT"), "{calls:?}");
}
