//! Lists and readings that do not hold still (FACTS §4).

use std::collections::BTreeSet;

use once_emulator::EmulatorConfig;
use serde_json::{Value, json};

use crate::lab::{Lab, iccid, iccids};

#[tokio::test]
async fn pages_of_an_unstable_order_repeat_and_skip_rows_of_an_unchanged_fleet() {
    let lab = Lab::free(200).await;
    lab.control.config(&json!({"list_disorder": 0.5})).await.unwrap();
    let mut disturbed = 0;
    for _ in 0..10 {
        let mut seen = Vec::new();
        for page in 1..=20 {
            let reply = lab.get(&format!("/v2/sims?page={page}&pageSize=10")).await;
            assert_eq!(reply.number("x-total-count"), 200, "the fleet stays");
            let rows = iccids(&reply.json());
            assert_eq!(rows.len(), 10);
            seen.extend(rows);
        }
        let different: BTreeSet<_> = seen.iter().collect();
        disturbed += usize::from(different.len() < 200);
    }
    assert!(disturbed > 0, "no sweep lost a row");
    let sorted = lab.get("/v1/sims?sort=ip_address&pageSize=100").await.json();
    assert_eq!(
        iccids(&sorted),
        (0..100).map(iccid).collect::<Vec<_>>(),
        "a sort holds still"
    );
}

async fn listed(lab: &Lab, sim: &str) -> Value {
    let list = lab.get("/v2/sims?pageSize=100").await.json();
    let found = list.as_array().unwrap().iter().find(|row| row["iccid"] == *sim);
    found.unwrap().clone()
}

#[tokio::test]
async fn readers_lag_behind_a_change() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    let path = format!("/v2/sims/{sim}");
    lab.control
        .config(&json!({"list_lag_seconds": 600, "get_lag_seconds": 60}))
        .await
        .unwrap();
    let before = lab.get(&path).await.json();
    let change = json!({"label": "new", "status": "Disabled", "imei_lock": true});
    assert_eq!(lab.put(&path, change).await.status, 200);
    let truth = lab.control.sim(&sim).await.unwrap();
    assert_eq!(
        (truth.label.as_deref(), truth.enabled, truth.imei_lock),
        (Some("new"), false, true),
        "done at once"
    );
    assert_eq!(lab.get(&path).await.json(), before, "and seen by nobody");
    lab.control.advance_time(61).await.unwrap();
    lab.put(&path, json!({"label": "newer", "imei_lock": true})).await;
    assert_eq!(lab.get(&path).await.json()["label"], json!("new"), "one behind");
    assert_eq!(listed(&lab, &sim).await.get("label"), before.get("label"));
    lab.control.advance_time(600).await.unwrap();
    let after = listed(&lab, &sim).await;
    assert_eq!(
        (&after["label"], &after["status"]),
        (&json!("newer"), &json!("Disabled"))
    );
}

#[tokio::test]
async fn the_same_sim_shows_two_activation_dates() {
    let lab = Lab::free(20).await;
    let dates = async |version: &str| {
        let list = lab.get(&format!("/{version}/sims")).await.json();
        let single = lab.get(&format!("/{version}/sims/{}", iccid(0))).await.json();
        (
            list[0]["activation_date"].clone(),
            single["activation_date"].clone(),
        )
    };
    let moment = |date: &Value| {
        let date = date.as_str().unwrap().to_owned();
        chrono::DateTime::parse_from_str(&date, "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap()
    };
    for (word, apart) in [
        ("both", [true, true]),
        ("v1", [true, false]),
        ("off", [false, false]),
    ] {
        lab.control
            .config(&json!({"activation_date_trap": word}))
            .await
            .unwrap();
        for (version, apart) in ["v1", "v2"].into_iter().zip(apart) {
            let (list, single) = dates(version).await;
            let seconds = (moment(&list) - moment(&single)).num_seconds();
            let expected = if apart { 1..=6 } else { 0..=0 };
            assert!(expected.contains(&seconds), "{word} {version}: {seconds}");
        }
    }
}

#[tokio::test]
async fn a_list_still_shows_a_sim_that_was_transferred_away() {
    let config = EmulatorConfig::default()
        .with_fleet(5)
        .without_limits()
        .with_customer("990002_other", "s2")
        .with_settings(|s| {
            s.async_delay_seconds = 60;
            s.list_lag_seconds = 600;
        });
    let lab = Lab::start(config).await;
    lab.put(&format!("/v2/sims/{}", iccid(1)), json!({"label": "leaving"}))
        .await;
    lab.control.advance_time(600).await.unwrap();
    let transfer = json!({"target_organisation": 990002, "iccids": [iccid(1)]});
    assert_eq!(lab.post("/v2/sims/simTransfer", transfer).await.status, 201);

    lab.control.advance_time(61).await.unwrap();

    let path = format!("/v2/sims/{}", iccid(1));
    assert_eq!(lab.control.sim(&iccid(1)).await.unwrap().customer, "990002_other");
    assert_eq!(lab.get(&path).await.status, 404);
    let list = lab.get("/v2/sims").await;
    assert_eq!(list.number("x-total-count"), 5);
    assert_eq!(listed(&lab, &iccid(1)).await["label"], json!("leaving"));
    lab.control.advance_time(600).await.unwrap();
    assert_eq!(lab.get("/v2/sims").await.number("x-total-count"), 4);
    let stats = lab.control.stats().await.unwrap();
    assert_eq!(
        stats.customers["990001_simward"].changed_sims, 0,
        "nothing left behind"
    );
}
