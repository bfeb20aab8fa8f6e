use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::ensure;
use once_emulator::EmulatorConfig;
use serde_json::{Value, json};
use test_support::eventually_within;
use tests_e2e::{Caller, Sandbox, read_events};

fn caller(sandbox: &Sandbox) -> Caller {
    Caller::with_key(&sandbox.simward().url, &sandbox.simward().key)
}

async fn import(sandbox: &Sandbox, csv: &str, dry_run: bool) -> Value {
    let admin = caller(sandbox);
    let request = admin
        .request("POST", &format!("/api/v1/sims/import?dry_run={dry_run}"))
        .header("Content-Type", "text/csv")
        .body(csv.to_owned());
    admin
        .send(request)
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .data()
        .clone()
}

async fn ended(sandbox: &Sandbox, job: &Value) -> Value {
    let path = format!("/api/v1/jobs/{}", job["job_id"].as_str().unwrap());
    eventually_within(Duration::from_secs(120), "the job ends", || async {
        let job = caller(sandbox).get(&path).await?.expect(200)?;
        ensure!(job.data()["finished_at"].is_string(), "{}", job.text);
        Ok(job.data().clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_survives_kill_9_and_every_sim_gets_its_label() {
    let emulator = EmulatorConfig::default().with_fleet(60).with_rate(25);
    let mut sandbox = Sandbox::start(emulator, &[]).await;
    sandbox.sync().await;
    let sims = sandbox.all_sims().await.unwrap();
    let mut csv = "iccid;label;tags\n".to_owned();
    for (place, sim) in sims.iter().enumerate() {
        writeln!(
            csv,
            "{};'=meter {place};\"site {}|new\"",
            sim["iccid"].as_str().unwrap(),
            place % 3
        )
        .unwrap();
    }
    csv.push_str("8988000000000000001;nobody;\n123;broken;\n");

    let rehearsal = ended(&sandbox, &import(&sandbox, &csv, true).await).await;
    let untouched = sandbox.once().sims().await.unwrap();
    assert_eq!(
        (&rehearsal["total"], &rehearsal["failed"]),
        (&json!(62), &json!(2)),
        "{rehearsal}"
    );
    assert!(
        untouched
            .iter()
            .all(|sim| !sim.label.as_deref().unwrap_or_default().starts_with("=meter"))
    );

    let job = import(&sandbox, &csv, false).await;
    let path = format!("/api/v1/jobs/{}", job["job_id"].as_str().unwrap());
    eventually_within(Duration::from_secs(60), "the job is on its way", || async {
        let job = caller(&sandbox).get(&path).await?;
        ensure!(job.data()["done"].as_u64() > Some(8), "{}", job.text);
        Ok(())
    })
    .await;
    sandbox.kill_and_restart().await;
    let job = ended(&sandbox, &job).await;

    assert_eq!(
        (&job["status"], &job["total"], &job["done"], &job["failed"]),
        (&json!("completed"), &json!(62), &json!(62), &json!(2)),
        "{job}"
    );
    let truth: BTreeMap<String, Option<String>> = sandbox
        .once()
        .sims()
        .await
        .unwrap()
        .into_iter()
        .map(|sim| (sim.iccid, sim.label))
        .collect();
    for (place, sim) in sims.iter().enumerate() {
        assert_eq!(
            truth[sim["iccid"].as_str().unwrap()].as_deref(),
            Some(format!("=meter {place}").as_str())
        );
    }
    let failed = caller(&sandbox)
        .get(&format!("{path}/results?outcome=failed"))
        .await
        .unwrap();
    let failed = failed.body["data"].as_array().unwrap().clone();
    let lines: Vec<&Value> = failed.iter().map(|result| &result["line"]).collect();
    assert_eq!(lines, [&json!(61), &json!(62)], "{failed:?}");
    let announced = read_events(&sandbox).await.unwrap();
    assert_eq!(
        announced
            .iter()
            .filter(|event| event.kind == "job.completed")
            .count(),
        2
    );

    // What is exported can be imported again, and changes nothing.
    let export = caller(&sandbox)
        .get("/api/v1/sims/export?tag=new")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(export.text.lines().count(), 61, "{}", export.text);
    let again = ended(&sandbox, &import(&sandbox, &export.text, false).await).await;
    assert_eq!(
        (&again["total"], &again["unchanged"], &again["failed"]),
        (&json!(60), &json!(60), &json!(0)),
        "{again}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_by_tag_pauses_resumes_and_is_cancelled() {
    let emulator = EmulatorConfig::default().with_fleet(80).with_rate(10);
    let sandbox = Sandbox::start(emulator, &[]).await;
    sandbox.sync().await;
    let admin = caller(&sandbox);
    let tag = json!({ "filter": {}, "all": true, "change": { "add_tags": ["batch"] } });
    let tagging = admin
        .ask("POST", "/api/v1/sims", tag)
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let tagged = ended(&sandbox, tagging.data()).await;
    assert_eq!(
        (&tagged["done"], &tagged["failed"]),
        (&json!(80), &json!(0)),
        "{tagged}"
    );
    let change = json!({ "tag": "batch", "change": { "status": "Disabled" } });
    let job = admin
        .ask("POST", "/api/v1/sims", change)
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .data()
        .clone();
    let path = format!("/api/v1/jobs/{}", job["job_id"].as_str().unwrap());
    let state = || async { anyhow::Ok(caller(&sandbox).get(&path).await?.expect(200)?.data().clone()) };
    eventually_within(Duration::from_secs(60), "some are done", || async {
        let job = state().await?;
        ensure!(job["done"].as_u64() > Some(0), "{job}");
        Ok(())
    })
    .await;

    admin
        .ask("POST", &format!("{path}/pause"), json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(state().await.unwrap()["status"], "paused");
    admin
        .ask("POST", &format!("{path}/resume"), json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let cancelled = admin.send(admin.request("DELETE", &path)).await.unwrap();
    assert!(matches!(cancelled.status, 200 | 202), "{}", cancelled.text);
    let job = ended(&sandbox, &job).await;

    assert_eq!(job["status"], "cancelled", "{job}");
    let disabled = sandbox
        .once()
        .sims()
        .await
        .unwrap()
        .iter()
        .filter(|sim| !sim.enabled)
        .count();
    assert!(disabled < 80, "all were disabled");
    let left = caller(&sandbox)
        .get(&format!("{path}/results?outcome=cancelled&page_size=1000"))
        .await
        .unwrap();
    assert!(!left.body["data"].as_array().unwrap().is_empty(), "{}", left.text);
}
