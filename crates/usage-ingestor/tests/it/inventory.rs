//! The copy of sim-service's inventory, which events, pages and questions fill.

use messages::EventType;
use messages::pb::sim::{SimConfigUpdated, SimMissing, SimStatusChanged};
use test_support::eventually;

use crate::fake_sims::FakeSims;
use crate::harness::TestApp;
use crate::moved_sums::both_books;
use crate::records::{data, days_ago, iccid, post};
use crate::sim_words::{ORGANIZATION, OTHER, announce, copied, copy_of, discovered, member};

/// Starts a daily job now.
async fn start_job(app: &TestApp, job: &str) {
    let bus = &app.shared.bus;
    let subject = bus.subjects().job(job);
    bus.jetstream()
        .publish(subject, "".into())
        .await
        .unwrap()
        .await
        .unwrap();
}

#[tokio::test]
async fn events_make_and_change_the_row_of_a_sim_and_an_older_word_changes_nothing() {
    let app = TestApp::start().await;
    let first = member(1, ORGANIZATION, 2, &["a"]);
    announce(&app, EventType::SimDiscovered, 1, &discovered(first.clone())).await;
    copied(&app, 1, &copy_of(&first)).await;

    let (iccid, organization_id) = (iccid(1), ORGANIZATION.to_string());
    let mut config = SimConfigUpdated {
        iccid: iccid.clone(),
        account: "main".to_owned(),
        organization_id: organization_id.clone(),
        revision: 3,
        changed_fields: vec!["tags".to_owned()],
        tags: vec!["b".to_owned(), "c".to_owned()],
        ..SimConfigUpdated::default()
    };
    announce(&app, EventType::SimConfigUpdated, 1, &config).await;
    let status = SimStatusChanged {
        iccid: iccid.clone(),
        account: "main".to_owned(),
        organization_id: organization_id.clone(),
        revision: 4,
        ..SimStatusChanged::default()
    };
    announce(&app, EventType::SimStatusChanged, 1, &status).await;
    config.revision = 2;
    config.tags.clear();
    announce(&app, EventType::SimConfigUpdated, 1, &config).await;
    let mut expected = copy_of(&member(1, ORGANIZATION, 4, &["b", "c"]));
    copied(&app, 1, &expected).await;

    let missing = SimMissing {
        iccid,
        account: "main".to_owned(),
        organization_id,
        revision: 5,
        ..SimMissing::default()
    };
    announce(&app, EventType::SimMissing, 1, &missing).await;
    (expected.revision, expected.missing) = (5, true);
    copied(&app, 1, &expected).await;

    announce(
        &app,
        EventType::SimDiscovered,
        1,
        &discovered(member(1, ORGANIZATION, 6, &["b"])),
    )
    .await;
    copied(&app, 1, &copy_of(&member(1, ORGANIZATION, 6, &["b"]))).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_costs_no_other() {
    let app = TestApp::start().await;
    let mut strange = discovered(member(1, ORGANIZATION, 1, &[]));
    strange.sim.as_mut().unwrap().organization_id = "nobody".to_owned();
    announce(&app, EventType::SimDiscovered, 1, &strange).await;
    let good = member(2, ORGANIZATION, 1, &[]);
    announce(&app, EventType::SimDiscovered, 2, &discovered(good.clone())).await;
    copied(&app, 2, &copy_of(&good)).await;
}

#[tokio::test]
async fn the_whole_inventory_is_read_at_the_start_and_again_when_it_is_due() {
    let app = TestApp::start().await;
    let sims = FakeSims::start(&app.shared.bus).await;
    let mut gone = member(4, OTHER, 7, &[]);
    gone.missing = true;
    let told = [
        member(1, ORGANIZATION, 3, &["a"]),
        member(2, ORGANIZATION, 1, &[]),
        member(3, OTHER, 9, &["a", "b"]),
        gone,
        member(5, OTHER, 1, &[]),
    ];
    for member in &told {
        sims.put(member.clone());
    }
    // sim-service was not there when the service began.
    for (sim, member) in (1..).zip(&told) {
        copied(&app, sim, &copy_of(member)).await;
    }

    // An event that was lost, and one that is newer than the page.
    sims.put(member(1, ORGANIZATION, 5, &["z"]));
    announce(
        &app,
        EventType::SimDiscovered,
        2,
        &discovered(member(2, ORGANIZATION, 4, &["new"])),
    )
    .await;
    copied(&app, 2, &copy_of(&member(2, ORGANIZATION, 4, &["new"]))).await;
    start_job(&app, "usage.inventory-due").await;

    copied(&app, 1, &copy_of(&member(1, ORGANIZATION, 5, &["z"]))).await;
    copied(&app, 2, &copy_of(&member(2, ORGANIZATION, 4, &["new"]))).await;
}

#[tokio::test]
async fn unknown_sims_are_asked_for_once_and_what_is_known_is_taken_over_at_once() {
    let app = TestApp::start().await;
    let sims = FakeSims::start(&app.shared.bus).await;
    let known = member(1, ORGANIZATION, 3, &["a"]);
    let findable = [(known.iccid.clone(), known.clone())];
    sims.state.lock().unwrap().findable = findable.into();
    let records = vec![
        data(1, 1, days_ago(1), "0.2", "0.1"),
        data(2, 2, days_ago(1), "0.2", "0.1"),
    ];
    post(&app, records).await;

    copied(&app, 1, &copy_of(&known)).await;

    eventually("one SIM stays unknown", || async {
        let text = app.shared.metrics.render();
        anyhow::ensure!(
            text.lines().any(|line| line == "simward_usage_sims_unknown 1"),
            "{text}"
        );
        Ok(())
    })
    .await;
    // Whoever comes next, a second replica for example, has nothing to ask for.
    let due: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sims WHERE organization_id IS NULL AND asked_at IS NULL")
            .fetch_one(&mut app.connection().await)
            .await
            .unwrap();
    assert_eq!(due, 0);
    let mut wanted = sims.state.lock().unwrap().wanted.clone();
    wanted.sort();
    assert_eq!(wanted, [iccid(1), iccid(2)]);
    let [fleet, days] = both_books(&app).await;
    assert_eq!(fleet, days);
}

#[tokio::test]
async fn old_rejected_records_and_counts_of_arrivals_are_forgotten_daily() {
    let app = TestApp::start().await;
    sqlx::raw_sql(
        "INSERT INTO rejects (digest, raw, kind, reason, batch, received_at, last_received_at)
             SELECT sha256(n::text::bytea), '', 'usage', 'none', 1, now() - interval '1 year',
                    now() - make_interval(days => 89 + 2 * (n % 2)) FROM generate_series(1, 6) AS n;
         INSERT INTO ingest_hours SELECT date_trunc('hour', now()) - make_interval(days => 39 + 2 * (n % 2)), 'usage', n,
                    1, 1, 0, 0, now() FROM generate_series(1, 8) AS n",
    )
    .execute(&mut app.connection().await)
    .await
    .unwrap();

    start_job(&app, "usage.storage-due").await;

    eventually("the old rows are gone", || async {
        let left: (i64, i64) =
            sqlx::query_as("SELECT (SELECT count(*) FROM rejects), (SELECT count(*) FROM ingest_hours)")
                .fetch_one(&mut app.connection().await)
                .await?;
        anyhow::ensure!(left == (3, 4), "{left:?} are left");
        Ok(())
    })
    .await;
}
