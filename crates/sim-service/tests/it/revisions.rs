use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use messages::pb::sim::{SimRevision, SimRevisions};
use once_emulator::SimPatch;
use prost::Message;
use test_support::eventually;
use tokio::time::timeout;

use crate::harness::TestApp;

/// What the next message to caches tells.
async fn next(told: &mut Subscriber) -> Vec<SimRevision> {
    let message = timeout(Duration::from_secs(20), told.next()).await;
    let message = message
        .expect("a message to caches")
        .expect("the subscription lives");
    SimRevisions::decode(message.payload.as_ref()).unwrap().sims
}

#[tokio::test]
async fn a_page_that_changed_only_quotas_is_told_to_caches_in_one_message_and_makes_no_event() {
    let app = TestApp::start(120).await;
    app.sync().await;
    let events = app.events(121).await.len();
    let fleet = app.all().await;
    let bus = &app.shared.bus;
    let told = bus.client().subscribe(bus.subjects().sim_revisions()).await;
    let mut told = told.unwrap();
    bus.client().flush().await.unwrap();
    let mut changed: Vec<String> = [3, 5, 8]
        .iter()
        .map(|place: &usize| fleet[*place].iccid.clone())
        .collect();
    for iccid in &changed {
        let patch = SimPatch {
            data_left_mb: Some(0.0),
            ..SimPatch::default()
        };
        app.control().patch_sim(iccid, &patch).await.unwrap();
    }

    let run = app.sync().await;

    assert_eq!(run.sims_changed, 3);
    let mut sims = next(&mut told).await;
    sims.sort_by_key(|sim| sim.iccid);
    changed.sort();
    let expected = changed.iter().map(|iccid| SimRevision {
        iccid: iccid.parse().unwrap(),
        revision: 2,
    });
    assert_eq!(sims, expected.collect::<Vec<_>>());
    assert_eq!(
        app.events(events + 1).await.len(),
        events + 1,
        "the end of the run alone"
    );
}

#[tokio::test]
async fn a_single_reading_that_changed_a_quota_is_told_to_caches_too() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[1].iccid.clone();
    let bus = &app.shared.bus;
    let mut told = bus
        .client()
        .subscribe(bus.subjects().sim_revisions())
        .await
        .unwrap();
    bus.client().flush().await.unwrap();
    let patch = SimPatch {
        sms_left: Some(0),
        ..SimPatch::default()
    };
    app.control().patch_sim(&iccid, &patch).await.unwrap();

    let revision = eventually("the reading shows it", || async {
        let revision = app.get(&iccid, true).await?.revision;
        anyhow::ensure!(revision > 1);
        Ok(revision)
    })
    .await;

    let sims = next(&mut told).await;
    let iccid = iccid.parse().unwrap();
    assert_eq!(sims, [SimRevision { iccid, revision }]);
}
