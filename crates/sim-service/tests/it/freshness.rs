//! How old and how complete the service says its data is.

use messages::pb::sim::{ListSimsRequest, StartSyncRequest, SyncStatusRequest};
use messages::sim_rpc;
use once_emulator::{CallFilter, EmulatorConfig, Fault, FaultKind};
use test_support::eventually;

use crate::harness::TestApp;

/// Seconds and nanoseconds.
async fn last_synced(app: &TestApp, iccid: &str) -> (i64, i32) {
    let at = app.get(iccid, false).await.unwrap().last_synced_at.unwrap();
    (at.seconds, at.nanos)
}

#[tokio::test]
async fn a_sim_that_cannot_be_judged_stays_as_old_as_it_is_and_ages_no_other() {
    let app = TestApp::start(60).await;
    app.sync().await;
    let fleet = app.all().await;
    let (refused, other) = (&fleet[9].iccid, &fleet[10].iccid);
    let before = (last_synced(&app, refused).await, last_synced(&app, other).await);
    app.control().remove_sim(refused).await.unwrap();
    let forbidden = Fault {
        status: Some(403),
        ..Fault::new(FaultKind::Status, &format!("/v2/sims/{refused}"))
    };
    app.control().faults_add(&forbidden).await.unwrap();

    app.sync().await;
    app.sync().await;

    assert_eq!(last_synced(&app, refused).await, before.0);
    assert!(last_synced(&app, other).await > before.1);

    app.control().faults_clear().await.unwrap();
    assert_eq!(app.sync().await.sims_missing, 1);
    assert_eq!(last_synced(&app, refused).await, before.0, "nobody saw it since");
}

#[tokio::test]
async fn a_missing_sim_was_seen_last_by_the_sweep_that_listed_it_last() {
    let app = TestApp::start(30).await;
    app.sync().await;
    let iccid = app.all().await[7].iccid.clone();
    app.sync().await;
    let seen = last_synced(&app, &iccid).await;
    app.control().remove_sim(&iccid).await.unwrap();

    assert_eq!(app.sync().await.sims_missing, 1);

    assert_eq!(last_synced(&app, &iccid).await, seen);
}

#[tokio::test]
async fn pages_are_asked_for_while_another_one_is_being_stored() {
    let config = EmulatorConfig::default().with_fleet(100).without_limits();
    let app = TestApp::start_with(config, &[("sim.page_size", "5"), ("ONCE_SIMS_PER_SECOND", "10")]).await;
    app.sync().await;
    app.control().reset_calls().await.unwrap();
    let mut owner = app.scope.connection().await;
    // Page 2 cannot be stored until the test lets go. The budget grants the pages after the tenth only a second later.
    sqlx::raw_sql(
        "CREATE FUNCTION sim.hold() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN new; END $$;
         CREATE TRIGGER hold BEFORE INSERT ON sim.sweep_pages FOR EACH ROW WHEN (new.page = 2) EXECUTE FUNCTION sim.hold();
         SELECT pg_advisory_lock(42)",
    )
    .execute(&mut owner)
    .await
    .unwrap();

    app.call::<sim_rpc::StartSync>(StartSyncRequest::default())
        .await
        .unwrap();

    eventually("the last page in flight is asked for", || async {
        let calls = app.control().calls(&CallFilter::default()).await?;
        anyhow::ensure!(
            calls.iter().any(|call| call.query.contains("page=13")),
            "{calls:?}"
        );
        Ok(())
    })
    .await;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM sim.sweep_pages")
        .fetch_one(&mut app.scope.connection().await)
        .await
        .unwrap();
    assert_eq!(stored, 1, "page 2 is still being stored");
    sqlx::query("SELECT pg_advisory_unlock(42)")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(app.sync().await.state, "completed");
}

#[tokio::test]
async fn after_a_pause_the_pace_is_that_of_the_pages_since() {
    let app = TestApp::start(1).await;
    app.sync().await;
    // Another process works on a run: ten pages a second in the last five seconds, after ten minutes of pause.
    sqlx::raw_sql(
        "INSERT INTO sim.leases VALUES ('sweep main', gen_random_uuid(), 1, now() + interval '1 hour')
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at;
         INSERT INTO sim.sync_runs (id, account, state, reason, started_at, next_page, pages_total)
             VALUES ('00000000-0000-0000-0000-000000000007', 'main', 'running', 'request', now() - interval '10 minutes', 52, 100);
         INSERT INTO sim.sweep_pages (run_id, pass, page, iccids, rejected, stored_at)
             SELECT '00000000-0000-0000-0000-000000000007', 1, n, '{}', 0, now() - (51 - n) * interval '0.1 seconds'
             FROM generate_series(1, 51) AS n",
    )
    .execute(&mut app.scope.connection().await)
    .await
    .unwrap();

    let status = app
        .call::<sim_rpc::SyncStatus>(SyncStatusRequest {})
        .await
        .unwrap();

    let running = status.accounts[0].running.clone().unwrap();
    assert!(running.pages_per_second > 2.0, "{running:?}");
    assert!(running.eta.is_some());
}

#[tokio::test]
async fn the_metrics_tell_how_many_sims_have_each_status() {
    let mut app = TestApp::start(40).await;
    app.sync().await;
    app.control().remove_sim(&app.all().await[3].iccid).await.unwrap();
    app.sync().await;
    let request = ListSimsRequest {
        status: "Enabled".into(),
        page: 1,
        page_size: 1,
        ..ListSimsRequest::default()
    };
    let enabled = app.list(request).await.unwrap().total;

    // A new process counts at once.
    app.restart_as_is().await;

    eventually("the fleet is counted", || async {
        let text = app.shared.metrics.render();
        for (status, sims) in [("Enabled", enabled), ("Missing", 1)] {
            let line = format!("simward_sims{{account=\"main\",status=\"{status}\"}} {sims}");
            anyhow::ensure!(text.lines().any(|told| told == line), "{line}");
        }
        Ok(())
    })
    .await;
}
