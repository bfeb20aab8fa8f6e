use domain::Iccid;
use messages::pb::sim::{SimConfigUpdated, StartSyncRequest, SyncStatusRequest, TagList, UpdateSimRequest};
use messages::{EventType, sim_rpc};
use once_emulator::{EmulatorConfig, Fault, FaultKind, SimPatch};
use prost::Message;
use sqlx::Connection;
use test_support::eventually;

use crate::harness::TestApp;

#[tokio::test]
async fn the_first_sweep_finds_every_sim_and_announces_each() {
    let app = TestApp::start(250).await;

    let run = app.sync().await;

    assert_eq!(
        (run.state.as_str(), run.sims_discovered, run.sims_seen),
        ("completed", 250, 250)
    );
    assert_eq!(app.all().await.len(), 250);
    let events = app.events(251).await;
    assert_eq!(
        events.iter().filter(|(word, _)| word == "sim.discovered").count(),
        250
    );
    assert_eq!(
        events.iter().filter(|(word, _)| word == "sync.completed").count(),
        1
    );
}

#[tokio::test]
async fn a_second_sweep_over_an_unchanged_fleet_writes_and_announces_nothing() {
    let app = TestApp::start(120).await;
    app.sync().await;
    let before = app.all().await;

    let run = app.sync().await;

    assert_eq!(
        (run.sims_discovered, run.sims_changed, run.sims_missing),
        (0, 0, 0)
    );
    let after = app.all().await;
    let revisions = |sims: &[messages::pb::sim::Sim]| sims.iter().map(|sim| sim.revision).collect::<Vec<_>>();
    assert_eq!(revisions(&before), revisions(&after));
    assert!(before[0].last_synced_at.map(|at| at.seconds) <= after[0].last_synced_at.map(|at| at.seconds));
    assert_eq!(
        app.events(122).await.len(),
        122,
        "120 discoveries and two completed runs"
    );
}

#[tokio::test]
async fn changes_at_1nce_are_stored_and_announced_once() {
    let app = TestApp::start(30).await;
    app.sync().await;
    let fleet = app.all().await;
    let iccid = fleet
        .iter()
        .find(|sim| sim.status == "Enabled")
        .unwrap()
        .iccid
        .clone();
    let patch = SimPatch {
        label: Some("moved".into()),
        enabled: Some(false),
        ..SimPatch::default()
    };
    app.control().patch_sim(&iccid, &patch).await.unwrap();

    let run = app.sync().await;

    assert_eq!(run.sims_changed, 1);
    let sim = app.get(&iccid, false).await.unwrap();
    assert_eq!(
        (sim.label.as_deref(), sim.status.as_str(), sim.revision),
        (Some("moved"), "Disabled", 2)
    );
    let about: Vec<String> = app
        .events(34)
        .await
        .into_iter()
        .filter(|(_, subject)| *subject == iccid)
        .map(|(word, _)| word)
        .collect();
    assert_eq!(
        about,
        ["sim.discovered", "sim.status_changed", "sim.config_updated"]
    );
}

#[tokio::test]
async fn a_change_that_a_sweep_finds_is_announced_with_all_tags_of_the_sim() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[1].iccid.clone();
    let tags = vec!["north".to_owned(), "pump".to_owned()];
    let tagged = UpdateSimRequest {
        iccid: iccid.clone(),
        tags: Some(TagList { tags: tags.clone() }),
        ..Default::default()
    };
    app.update(tagged).await.unwrap();
    let patch = SimPatch {
        label: Some("moved".into()),
        ..SimPatch::default()
    };
    app.control().patch_sim(&iccid, &patch).await.unwrap();

    let run = app.sync().await;

    assert_eq!(run.sims_changed, 1);
    // Three discoveries, the tags, two ends of a sweep, and the label.
    app.events(7).await;
    let bus = &app.shared.bus;
    let stream = bus
        .jetstream()
        .get_stream(bus.subjects().stream("EVENTS"))
        .await
        .unwrap();
    let subject = bus
        .subjects()
        .event(EventType::SimConfigUpdated, Some(Iccid::parse(&iccid).unwrap()));
    let message = stream.get_last_raw_message_by_subject(&subject).await.unwrap();
    let event = SimConfigUpdated::decode(message.payload).unwrap();
    assert_eq!(
        (event.changed_fields, event.revision),
        (vec!["label".to_owned()], 3)
    );
    assert_eq!(event.tags, tags);
}

#[tokio::test]
async fn a_removed_sim_is_missing_and_returns_when_it_is_listed_again() {
    let app = TestApp::start(150).await;
    app.sync().await;
    let iccid = app.all().await[20].iccid.clone();
    app.control().remove_sim(&iccid).await.unwrap();

    let run = app.sync().await;

    assert_eq!(run.sims_missing, 1);
    assert!(app.get(&iccid, false).await.unwrap().missing_since.is_some());
    assert_eq!(app.all().await.len(), 149);
    let words: Vec<String> = app
        .events(153)
        .await
        .into_iter()
        .filter(|(_, subject)| *subject == iccid)
        .map(|(word, _)| word)
        .collect();
    assert_eq!(words, ["sim.discovered", "sim.missing"]);
}

#[tokio::test]
async fn an_emptied_list_does_not_empty_the_fleet_until_a_person_agrees() {
    let app = TestApp::start(40).await;
    app.sync().await;
    for sim in &app.all().await[..30] {
        app.control().remove_sim(&sim.iccid).await.unwrap();
    }

    let refused = app.sync().await;
    assert_eq!((refused.state.as_str(), refused.sims_missing), ("failed", 0));
    assert!(refused.error.contains("30 of 40"), "{}", refused.error);
    assert_eq!(app.all().await.len(), 40);

    let agreed = app
        .sync_with(StartSyncRequest {
            accept_mass_missing: true,
            ..Default::default()
        })
        .await;
    assert_eq!((agreed.state.as_str(), agreed.sims_missing), ("completed", 30));
    assert_eq!(app.all().await.len(), 10);
}

#[tokio::test]
async fn an_orderly_end_in_the_middle_loses_no_page() {
    let config = EmulatorConfig::default().with_fleet(400).with_rate(40);
    let settings = [("sim.page_size", "5"), ("ONCE_SIMS_PER_SECOND", "40")];
    let mut app = TestApp::start_with(config, &settings).await;
    app.call::<sim_rpc::StartSync>(StartSyncRequest::default())
        .await
        .unwrap();
    app.events(50).await;

    app.restart(&settings).await;

    let run = app.sync().await;
    assert_eq!((run.state.as_str(), run.sims_discovered), ("completed", 400));
    assert!(run.resumed >= 1, "it continued");
    assert_eq!(app.all().await.len(), 400);
    let stats = app.control().stats().await.unwrap();
    assert_eq!(stats.violations, 0, "{stats:?}");
}

#[tokio::test]
async fn an_unlisted_sim_that_cannot_be_judged_holds_up_no_other() {
    let app = TestApp::start(60).await;
    app.sync().await;
    let fleet = app.all().await;
    let (gone, refused) = (fleet[4].iccid.clone(), fleet[9].iccid.clone());
    app.control().remove_sim(&gone).await.unwrap();
    app.control().remove_sim(&refused).await.unwrap();
    let forbidden = Fault::new(FaultKind::Status, &format!("/v2/sims/{refused}"));
    app.control()
        .faults_add(&Fault {
            status: Some(403),
            ..forbidden
        })
        .await
        .unwrap();

    let run = app.sync().await;

    assert_eq!(
        (run.state.as_str(), run.sims_missing),
        ("completed", 1),
        "{run:?}"
    );
    assert!(app.get(&gone, false).await.unwrap().missing_since.is_some());
    assert!(app.get(&refused, false).await.unwrap().missing_since.is_none());
}

#[tokio::test]
async fn a_label_of_any_length_is_stored_and_sorted() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[1].iccid.clone();
    // Pseudo-random letters: what compresses well would fit an index.
    let mut seed = 7u64;
    let mut letter = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((seed >> 33) % 26).unwrap())
    };
    let noise: String = (0..6_000).map(|_| letter()).collect();
    let patch = SimPatch {
        label: Some(noise.clone()),
        ..SimPatch::default()
    };
    app.control().patch_sim(&iccid, &patch).await.unwrap();

    let run = app.sync().await;

    assert_eq!(
        (run.state.as_str(), run.sims_changed),
        ("completed", 1),
        "{run:?}"
    );
    assert_eq!(app.get(&iccid, false).await.unwrap().label, Some(noise));
}

#[tokio::test]
async fn a_schema_that_a_later_version_expanded_still_serves() {
    let mut app = TestApp::start(2).await;
    let mut owner = app.scope.connection().await;
    sqlx::query("INSERT INTO sim.seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)")
        .execute(&mut owner)
        .await
        .unwrap();

    app.restart_as_is().await;

    assert_eq!(app.sync().await.state, "completed");
}

#[tokio::test]
async fn the_status_never_shows_the_end_of_a_run_without_what_it_did() {
    let app = TestApp::start(20).await;
    app.sync().await;
    // The status waits here between counting the SIMs and reading the runs, while a run finds one SIM and ends.
    let mut owner = app.scope.connection().await;
    let mut run = owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE sim.sync_runs IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *run)
        .await
        .unwrap();

    let ask = app.call::<sim_rpc::SyncStatus>(SyncStatusRequest {});
    let end = async {
        // Beside the status the sweep waits, which looks for work.
        eventually("the status waits for the runs", || async {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%finished_at%'",
            )
            .fetch_one(&mut app.scope.connection().await)
            .await?;
            anyhow::ensure!(waiting == 2, "{waiting} wait");
            Ok(())
        })
        .await;
        sqlx::raw_sql(
            "INSERT INTO sim.sims (iccid, account, organization_id, revision, status, provider_status, read_at)
             SELECT max(iccid) + 1, 'main', min(organization_id::text)::uuid, 1, 0, 'Enabled', now() FROM sim.sims;
             UPDATE sim.sync_runs SET sims_discovered = 21",
        )
        .execute(&mut *run)
        .await
        .unwrap();
        run.commit().await.unwrap();
    };
    let (status, ()) = tokio::join!(ask, end);

    let account = status.unwrap().accounts.remove(0);
    let discovered = account.last_finished.unwrap().sims_discovered;
    assert_eq!(account.sims_known, discovered);
}
