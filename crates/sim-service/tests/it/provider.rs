use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use messages::pb::common::{HealthCheck, HealthRequest};
use messages::pb::sim::{
    AccountReadiness, CapabilityReadiness, ProviderReadinessRequest, ProviderWarning, SyncStatusRequest,
};
use messages::sim_rpc;
use once_emulator::{Fault, FaultKind};
use serde_json::json;
use test_support::eventually;

use crate::harness::{TestApp, quick};

/// Looks every second instead of every half minute.
const LOOKS: (&str, &str) = ("provider.look_seconds", "1");

fn three_weeks_before() -> DateTime<Utc> {
    "2026-12-10T09:00:00Z".parse().expect("a moment")
}

fn half_a_year_before() -> DateTime<Utc> {
    "2026-07-15T09:00:00Z".parse().expect("a moment")
}

impl TestApp {
    async fn check(&self, name: &str) -> HealthCheck {
        let report = self
            .call::<sim_rpc::Health>(HealthRequest {})
            .await
            .expect("health");
        assert!(report.ready, "1NCE never makes the service unready: {report:?}");
        let check = report.checks.into_iter().find(|check| check.name == name);
        check.expect("the check")
    }

    async fn warnings(&self) -> Vec<ProviderWarning> {
        let status = self.call::<sim_rpc::SyncStatus>(SyncStatusRequest {}).await;
        status.expect("a status").accounts.remove(0).warnings
    }

    async fn readiness(&self) -> AccountReadiness {
        let answer = self
            .call::<sim_rpc::ProviderReadiness>(ProviderReadinessRequest {})
            .await;
        answer.expect("an answer").accounts.remove(0)
    }
}

fn usage(account: &AccountReadiness) -> &CapabilityReadiness {
    let mut capabilities = account.capabilities.iter();
    capabilities.find(|of| of.capability == "usage").expect("usage")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_v1_is_told_before_it_comes_and_when_it_has_come() {
    let app = TestApp::start_at(three_weeks_before, quick(3), &[LOOKS]).await;

    let warned = eventually("health warns", || async {
        let check = app.check("1nce-v1").await;
        ensure!(!check.ok, "{check:?}");
        Ok(check)
    })
    .await;

    assert!(!warned.required, "{warned:?}");
    assert!(warned.detail.contains("2026-12-31 (in 21 days)"), "{warned:?}");
    let warnings = app.warnings().await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].code, "v1_ends");
    assert!(warnings[0].sentence.contains("usage"), "{warnings:?}");
    let told = app.readiness().await;
    assert_eq!(
        (told.v1_ends_on.as_str(), told.days_left, told.needs_v1),
        ("2026-12-31", 21, true)
    );
    assert_eq!(
        (usage(&told).generation.as_str(), usage(&told).outlook.as_str()),
        ("v1", "untried")
    );
    assert_eq!(told.login.as_ref().map(|login| login.result.as_str()), Some("ok"));
    let metrics = app.shared.metrics.render();
    for line in [
        r#"simward_provider_v1_days_left{account="main"} 21"#,
        r#"simward_provider_v1_needed{account="main"} 1"#,
        r#"simward_provider_capability{account="main",capability="usage",generation="v1"} 1"#,
        r#"simward_provider_generation{account="main",generation="v1",state="alive"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }

    app.control()
        .config(&json!({"v1": "retired", "v1_retired_status": 410}))
        .await
        .expect("a setting");

    // Nothing is read through v1 here: the look itself finds out.
    let told = eventually("readiness tells it", || async {
        let told = app.readiness().await;
        ensure!(told.generations[0].state == "gone", "{told:?}");
        Ok(told)
    })
    .await;
    let v1 = &told.generations[0];
    assert_eq!((v1.generation.as_str(), v1.status), ("v1", 410));
    assert!(!told.needs_v1 && told.generations[1].state == "alive", "{told:?}");
    assert_ne!(usage(&told).generation, "v1");
    eventually("nothing warns any more", || async {
        ensure!(app.check("1nce-v1").await.ok && app.warnings().await.is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_warns_of_an_end_that_is_far() {
    let app = TestApp::start_at(half_a_year_before, quick(3), &[LOOKS]).await;

    eventually("a look is over", || async {
        let metrics = app.shared.metrics.render();
        let days = r#"simward_provider_v1_days_left{account="main"} 169"#;
        metrics.contains(days).then_some(()).context(metrics)
    })
    .await;

    assert!(app.check("1nce-v1").await.ok);
    assert!(app.warnings().await.is_empty());
    assert!(app.readiness().await.needs_v1, "the page tells it all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_have_a_text_of_their_own_everywhere() {
    let wrong = ("ONCE_CLIENT_SECRET", "not-the-secret");
    let app = TestApp::start_at(half_a_year_before, quick(3), &[LOOKS, wrong]).await;

    let check = eventually("health tells it", || async {
        let check = app.check("1nce").await;
        ensure!(!check.ok, "{check:?}");
        Ok(check)
    })
    .await;

    assert!(
        check.detail.contains("refuses the client id and secret"),
        "{check:?}"
    );
    assert!(
        check.detail.contains("Account → Management API Access"),
        "{check:?}"
    );
    eventually("the status tells it", || async {
        let warnings = app.warnings().await;
        ensure!(
            warnings.iter().any(|warning| warning.code == "login_refused"),
            "{warnings:?}"
        );
        Ok(())
    })
    .await;
    let told = app.readiness().await;
    let credentials = told
        .tasks
        .iter()
        .find(|task| task.task == "credentials")
        .expect("the task");
    assert_eq!(credentials.state, "needed", "{told:?}");
    assert!(told.summary.contains("refuses"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_fails_counts_in_health_until_it_works_again() {
    let app = TestApp::start_at(half_a_year_before, quick(3), &[LOOKS]).await;
    let mut fault = Fault::new(FaultKind::Status, "/oauth/token");
    fault.status = Some(503);
    let fault = app.control().faults_add(&fault).await.expect("a fault");
    // A token that 1NCE does not take any more makes the next call ask for another.
    app.control()
        .config(&json!({"token_lifetime_seconds": 1}))
        .await
        .expect("a setting");
    app.control().advance_time(7_200).await.expect("two hours");

    let check = eventually("health tells it", || async {
        // A reading that needs a token.
        app.call::<sim_rpc::StartSync>(Default::default()).await?;
        let check = app.check("1nce").await;
        ensure!(!check.ok && check.detail.contains("login"), "{check:?}");
        Ok(check)
    })
    .await;
    assert!(
        check.detail.contains("the token endpoint answered 503"),
        "{check:?}"
    );

    app.control().faults_remove(fault).await.expect("no fault");
    eventually("health is well again", || async {
        let check = app.check("1nce").await;
        ensure!(check.ok, "{check:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_a_database_that_leaves_letters_as_they_are() {
    let app = TestApp::start(3).await;
    let mut owner = app.scope.connection().await;
    let name = format!("{}_c", app.scope.prefix);
    let made =
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'");
    sqlx::query(sqlx::AssertSqlSafe(made))
        .execute(&mut owner)
        .await
        .expect("a database");
    let (server, _) = app.scope.database_url.rsplit_once('/').expect("a URL");

    let mut config = app.scope.runtime_config().database;
    let own = service_runtime::db::Db::connect(&config, "sim")
        .await
        .expect("a connection");
    assert!(
        sim_service::doctor::search_folds_case(&own)
            .await
            .expect("an answer")
    );
    config.url = format!("{server}/{name}").into();
    config.logins.clear();
    let other = service_runtime::db::Db::connect(&config, "public")
        .await
        .expect("a connection");
    assert!(
        !sim_service::doctor::search_folds_case(&other)
            .await
            .expect("an answer")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_rejected_records_of_the_last_sweep() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let config = app.scope.runtime_config().database;
    let db = service_runtime::db::Db::connect(&config, "sim")
        .await
        .expect("a connection");
    assert!(
        sim_service::doctor::doubts_of_sweeps(&db)
            .await
            .expect("an answer")
            .is_empty()
    );

    app.sql("UPDATE sim.sync_runs SET records_rejected = 2, pass = 3")
        .await;
    let doubts = sim_service::doctor::doubts_of_sweeps(&db)
        .await
        .expect("an answer");
    assert!(doubts[0].contains("could not read 2 record(s)"), "{doubts:?}");
}
