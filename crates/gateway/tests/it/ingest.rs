use gateway::Permission;
use messages::pb::usage as pb;
use serde_json::json;

use crate::harness::{App, audited};

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_and_rejected_records_are_the_platforms() {
    let app = App::start().await;
    let organization = app.world.organization().await;
    let key = app.world.key_for(&[Permission::ReadUsage], None).await;
    let tenant = app
        .world
        .key_for(&[Permission::ReadUsage], Some(organization))
        .await;
    let reject = |id: &str, raw: &[u8]| pb::Reject {
        id: id.into(),
        raw: raw.to_vec(),
        ..pb::Reject::default()
    };
    app.world.usage.state().rejects = vec![reject("1", b"{\"id\":1}"), reject("2", &[0xff, 0xfe])];

    for path in ["/api/v1/ingest/status", "/api/v1/ingest/rejects"] {
        app.gateway.get(path, &tenant).await.expect(403);
    }
    let status = app.gateway.get("/api/v1/ingest/status", &key).await;
    let rejects = app.gateway.get("/api/v1/ingest/rejects", &key).await;

    assert_eq!(status.expect(200).body["data"]["batches_waiting"], 3);
    let rejects = rejects.expect(200).body;
    assert_eq!(rejects["data"][0]["raw"], "{\"id\":1}");
    let bytes = &rejects["data"][1];
    assert_eq!(
        (&bytes["raw"], &bytes["raw_base64"]),
        (&json!(null), &json!("//4="))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_the_platforms_and_is_written_down() {
    let app = App::start().await;
    let organization = app.world.organization().await;
    let key = app.world.key_for(&[Permission::WriteSims], None).await;
    let tenant = app
        .world
        .key_for(&[Permission::WriteSims], Some(organization))
        .await;
    let (path, some) = ("/api/v1/ingest/rejects/replay", json!({"ids": ["1", "2"]}));

    app.gateway.post(path, &tenant, some.clone()).await.expect(403);
    let replayed = app.gateway.post(path, &key, some).await.expect(200).body;

    assert_eq!(replayed["data"], json!({"accepted": 1, "rejected": 2}));
    assert_eq!(app.world.usage.state().replays[0].ids, ["1", "2"]);
    assert_eq!(audited(&app).await, ["ingest.replay"]);
}
