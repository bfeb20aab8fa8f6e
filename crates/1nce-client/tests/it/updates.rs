//! A change of a SIM touches what it names and nothing else, alone and in bulk (FACTS §5, §19).

use domain::{Iccid, SimStatus};
use once_client::model::BulkOutcome;
use once_client::{ClientError, Generations, Lane, OnceClient, SimUpdate};
use once_emulator::SimPatch;
use serde_json::json;

use crate::support::{World, eventually};
use crate::traps::worlds;

const LANE: Lane = Lane::Interactive;

/// A locked and disabled SIM at a 1NCE that resets what an update leaves out.
async fn locked_and_disabled(world: &World, client: &OnceClient) -> Iccid {
    let resets = json!({ "put_resets_imei_lock": true });
    world.control.config(&resets).await.unwrap();
    let iccid = world.iccids(client, 1).await[0];
    let patch = SimPatch {
        imei_lock: Some(true),
        enabled: Some(false),
        ..SimPatch::default()
    };
    world.control.patch_sim(&iccid.to_string(), &patch).await.unwrap();
    iccid
}

fn label(iccid: Iccid) -> SimUpdate {
    SimUpdate {
        label: Some("pump".into()),
        ..SimUpdate::new(iccid)
    }
}

async fn assert_only_the_label_changed(world: &World, iccid: Iccid, case: &str) {
    let truth = world.control.sim(&iccid.to_string()).await.unwrap();
    assert_eq!(truth.label.as_deref(), Some("pump"), "{case}");
    assert_eq!((truth.enabled, truth.imei_lock), (false, true), "{case}");
}

#[tokio::test]
async fn a_label_alone_changes_neither_lock_nor_status() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let iccid = locked_and_disabled(&world, &client).await;

        client.update_sim(LANE, &label(iccid)).await.unwrap();

        assert_only_the_label_changed(&world, iccid, &case).await;
        let call = world.calls("PUT", "/sims").await.remove(0);
        let body: serde_json::Value = serde_json::from_str(&call.body.unwrap()).unwrap();
        assert_eq!(body["imei_lock"], true, "{case}");
        let status = (generations == Generations::V1Only).then_some("Disabled");
        assert_eq!(
            body["status"].as_str(),
            status,
            "{case}: v2 needs none, and its status may change meanwhile"
        );
    }
}

#[tokio::test]
async fn values_that_are_known_save_the_reading() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let iccid = locked_and_disabled(&world, &client).await;
        world.control.reset_calls().await.unwrap();
        let mut update = label(iccid);
        update.imei_lock = Some(true);
        update.status = (generations == Generations::V1Only).then_some(SimStatus::Disabled);

        client.update_sim(LANE, &update).await.unwrap();

        assert_only_the_label_changed(&world, iccid, &case).await;
        assert!(world.calls("GET", "/sims").await.is_empty(), "{case}");
    }
}

#[tokio::test]
async fn a_change_that_falls_back_to_v1_takes_the_status_along() {
    let world = World::unlimited().await;
    let first = world.client();
    let iccid = locked_and_disabled(&world, &first).await;
    world.control.config(&json!({ "v2": "retired" })).await.unwrap();
    // Another process that knows from Redis that v2 lives, and that v2 needs no status.
    let second = world.client();
    let mut update = label(iccid);
    update.imei_lock = Some(true);

    second.update_sim(LANE, &update).await.unwrap();

    assert_only_the_label_changed(&world, iccid, "v1 after v2").await;
    let call = world.calls("PUT", "/v1/sims").await.remove(0);
    assert!(call.body.unwrap().contains(r#""status":"Disabled""#));
}

#[tokio::test]
async fn a_bulk_change_that_leaves_lock_or_status_out_goes_one_by_one() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V1Only);
    let iccid = locked_and_disabled(&world, &client).await;
    let unknown = Iccid::parse("8988999000000000017").unwrap();

    let outcome = client
        .bulk_update(LANE, &[label(iccid), label(unknown)])
        .await
        .unwrap();

    let BulkOutcome::OneByOne(outcomes) = outcome else {
        panic!("1NCE would unlock and enable the SIMs: {outcome:?}");
    };
    assert!(outcomes[0].1.is_ok());
    assert!(matches!(outcomes[1].1, Err(ClientError::NotFound { .. })));
    assert_only_the_label_changed(&world, iccid, "one by one").await;
    assert!(world.calls("POST", "/v1/sims").await.is_empty());
}

#[tokio::test]
async fn a_complete_bulk_change_is_one_call() {
    let world = World::unlimited().await;
    let client = world.client();
    let iccid = locked_and_disabled(&world, &client).await;
    let mut update = label(iccid);
    update.imei_lock = Some(true);
    update.status = Some(SimStatus::Disabled);

    let outcome = client.bulk_update(LANE, &[update]).await.unwrap();

    assert!(matches!(outcome, BulkOutcome::Queued));
    assert_eq!(world.calls("POST", "/v1/sims").await.len(), 1);
    world.control.advance_time(60).await.unwrap();
    eventually("the queued label appears", async || {
        let truth = world.control.sim(&iccid.to_string()).await.unwrap();
        truth.label.as_deref() == Some("pump")
    })
    .await;
    assert_only_the_label_changed(&world, iccid, "bulk").await;
}
