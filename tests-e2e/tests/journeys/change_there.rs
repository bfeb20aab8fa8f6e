use anyhow::{Context, ensure};
use messages::DecodedEvent;
use once_emulator::{EmulatorConfig, SimPatch};
use test_support::eventually;
use tests_e2e::{Sandbox, read_events};

#[tokio::test]
async fn a_label_changed_at_1nce_appears_here_and_is_announced() {
    let settings = [("SIMWARD_SWEEP_INTERVAL", "1")];
    let sandbox = Sandbox::start(
        EmulatorConfig::default().with_fleet(120).without_limits(),
        &settings,
    )
    .await;
    let iccid = eventually("the fleet is known", || async {
        let sims = sandbox.all_sims().await?;
        ensure!(sims.len() == 120, "{} SIMs", sims.len());
        sims[17]["iccid"]
            .as_str()
            .map(ToOwned::to_owned)
            .context("an ICCID")
    })
    .await;
    // A first reading fills the caches, which the event must then empty.
    let path = format!("/api/v1/sims/{iccid}");
    sandbox.simward().get(&path).await.unwrap();

    let patch = SimPatch {
        label: Some("boiler room".into()),
        ..SimPatch::default()
    };
    sandbox.once().patch_sim(&iccid, &patch).await.unwrap();

    eventually("the label appears", || async {
        let sim = sandbox.simward().get(&path).await?;
        ensure!(sim["data"]["label"] == "boiler room", "{sim}");
        Ok(())
    })
    .await;
    let event = eventually("the change is announced", || async {
        let events = read_events(&sandbox).await?.into_iter();
        let mut updates = events.filter(|event| event.kind == "sim.config_updated" && event.iccid == iccid);
        updates.next().context("no such event")
    })
    .await;
    let DecodedEvent::SimConfigUpdated(update) = event.data else {
        panic!("{event:?}")
    };
    assert_eq!(update.label.as_deref(), Some("boiler room"));
    assert_eq!(
        (update.changed_by.as_str(), update.changed_fields),
        ("1nce", vec!["label".to_owned()])
    );
}

#[tokio::test]
async fn a_fleet_that_changes_under_the_sweep_ends_exact() {
    let emulator = EmulatorConfig::default().with_fleet(300).with_rate(40);
    // 150 pages, nearly four seconds a pass: room to change the list before the pass is through.
    let sandbox = Sandbox::start(emulator, &[("SIMWARD__SIM__PAGE_SIZE", "2")]).await;
    sandbox.sync().await;
    let run = sandbox.start_sync().await.unwrap();
    for step in [5, 30, 60] {
        eventually("the first pass goes on", || async {
            let run = sandbox.on_its_way(&run).await?;
            assert_eq!(run["pass"], 1, "the pass ended before the list changed: {run}");
            ensure!(run["pages_done"].as_u64() >= Some(step), "{run}");
            Ok(())
        })
        .await;
        // Removing near the front moves later SIMs over a page's edge; adding there shows some of them twice.
        let fleet = sandbox.once().sims().await.unwrap();
        sandbox.once().remove_sim(&fleet[7].iccid).await.unwrap();
        sandbox.once().add_sims(2, Some(20)).await.unwrap();
    }

    let run = sandbox.finished(&run).await;

    assert_eq!(run["state"], "completed", "{run}");
    assert!(
        run["pass"].as_u64().unwrap() > 1,
        "a list that moved is confirmed: {run}"
    );
    sandbox.sync().await;
    eventually("the books balance", || async {
        tests_e2e::Books::read(&sandbox).await?.balance()
    })
    .await;
}
