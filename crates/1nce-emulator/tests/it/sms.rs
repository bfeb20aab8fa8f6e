//! Short messages (FACTS §11).

use once_emulator::{Connectivity, SimPatch};
use serde_json::{Value, json};

use crate::lab::{Lab, Reply, noon};

async fn attached(lab: &Lab) -> String {
    let fits =
        |sim: &once_emulator::SimTruth| sim.connectivity == Connectivity::Attached && sim.sms_left > 10;
    lab.find(fits).await.iccid
}

async fn set(lab: &Lab, sim: &str, connectivity: Connectivity) {
    let patch = SimPatch {
        connectivity: Some(connectivity),
        ..SimPatch::default()
    };
    lab.control.patch_sim(sim, &patch).await.unwrap();
}

fn id_of(reply: &Reply) -> String {
    reply
        .header("location")
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned()
}

async fn status(lab: &Lab, version: &str, sim: &str, id: &str) -> Value {
    lab.get(&format!("/{version}/sims/{sim}/sms/{id}")).await.json()["status"].clone()
}

#[tokio::test]
async fn v1_tells_the_id_in_location_only_and_v2_in_the_body_as_text() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    let v1 = lab
        .post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "hello"}))
        .await;
    assert_eq!((v1.status, v1.text.as_str()), (201, ""));
    assert!(
        !v1.header("location").unwrap().contains("127.0.0.1"),
        "an internal host"
    );
    let v2 = lab
        .post(&format!("/v2/sims/{sim}/sms"), json!({"payload": "hello"}))
        .await;
    let id = v2.json()["id"].as_str().unwrap().to_owned();
    assert!(
        v2.status == 201 && id.parse::<i64>().unwrap() > 1 << 53,
        "beyond a double: {id}"
    );
    let item = lab.get(&format!("/v2/sims/{sim}/sms/{id}")).await.json();
    assert_eq!(
        (item["id"].as_i64(), &item["payload"]),
        (id.parse().ok(), &json!("hello"))
    );
    assert_eq!(
        (&item["retry_count"], &item["sms_type"]["description"]),
        (&json!(0), &json!("MT"))
    );
    assert!(item["msc"].is_i64());
    let old = lab
        .get(&format!("/v1/sims/{sim}/sms/{}", id_of(&v1)))
        .await
        .json();
    assert_eq!((&old["retry_count"], old["msc"].is_string()), (&json!("0"), true));
}

#[tokio::test]
async fn an_attached_sim_gets_its_message_after_a_while_and_it_is_billed_once() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    let before = lab.control.sim(&sim).await.unwrap().sms_left;
    let id = id_of(
        &lab.post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "x"}))
            .await,
    );
    assert_eq!(
        status(&lab, "v1", &sim, &id).await,
        json!({"id": 2, "description": "PENDING"})
    );
    assert_eq!(lab.control.sim(&sim).await.unwrap().sms_left, before);
    lab.control.advance_time(70).await.unwrap();
    assert_eq!(
        status(&lab, "v2", &sim, &id).await,
        json!({"id": 4, "description": "DELIVERED"})
    );
    let sent = |rows: Value| rows["stats"].as_array().unwrap().last().unwrap()["sms"]["volume_tx"].clone();
    assert_eq!(lab.control.sim(&sim).await.unwrap().sms_left, before - 1);
    assert_eq!(
        sent(lab.get(&format!("/v1/sims/{sim}/usage")).await.json()),
        json!("1")
    );
    let late = lab.delete(&format!("/v2/sims/{sim}/sms/{id}")).await;
    assert_eq!(
        (late.status, &late.json()["error_token"]),
        (400, &json!("BadRequest"))
    );
}

#[tokio::test]
async fn a_message_waits_for_its_sim() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    set(&lab, &sim, Connectivity::Offline).await;
    let id = id_of(
        &lab.post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "x"}))
            .await,
    );
    lab.control.advance_time(3600).await.unwrap();
    assert_eq!(status(&lab, "v1", &sim, &id).await["id"], json!(3), "buffered");
    assert_eq!(status(&lab, "v2", &sim, &id).await["id"], json!(2), "pending");
    set(&lab, &sim, Connectivity::Attached).await;
    lab.control.advance_time(70).await.unwrap();
    assert_eq!(status(&lab, "v2", &sim, &id).await["id"], json!(4));
}

#[tokio::test]
async fn a_message_expires_unbilled_after_a_day_or_its_own_date() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    set(&lab, &sim, Connectivity::Offline).await;
    let before = lab.control.sim(&sim).await.unwrap().sms_left;
    let soon = (noon() + chrono::TimeDelta::hours(1)).to_rfc3339();
    let short = id_of(
        &lab.post(
            &format!("/v1/sims/{sim}/sms"),
            json!({"payload": "x", "expiry_date": soon}),
        )
        .await,
    );
    let long = id_of(
        &lab.post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "y"}))
            .await,
    );
    lab.control.advance_time(2 * 3600).await.unwrap();
    assert_eq!(status(&lab, "v2", &sim, &short).await["id"], json!(6));
    assert_eq!(status(&lab, "v2", &sim, &long).await["id"], json!(2));
    lab.control.advance_time(23 * 3600).await.unwrap();
    assert_eq!(
        status(&lab, "v2", &sim, &long).await["description"],
        json!("EXPIRED")
    );
    assert_eq!(lab.control.sim(&sim).await.unwrap().sms_left, before);
    lab.control.advance_time(7 * 86_400).await.unwrap();
    assert_eq!(
        lab.get(&format!("/v2/sims/{sim}/sms/{long}")).await.status,
        404,
        "kept for seven days"
    );
}

#[tokio::test]
async fn a_buffered_message_can_be_cancelled_and_a_failing_one_fails() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    let path = format!("/v2/sims/{sim}/sms");
    let id = lab.post(&path, json!({"payload": "x"})).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        lab.delete(&format!("{path}/{id}")).await.json(),
        json!({ "id": id })
    );
    assert_eq!(lab.get(&format!("{path}/{id}")).await.status, 404);
    let id = id_of(
        &lab.post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "x"}))
            .await,
    );
    assert_eq!(lab.delete(&format!("/v1/sims/{sim}/sms/{id}")).await.status, 204);
    lab.control
        .patch_sim(
            &sim,
            &SimPatch {
                sms_fails: Some(true),
                ..SimPatch::default()
            },
        )
        .await
        .unwrap();
    let id = lab.post(&path, json!({"payload": "x"})).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    lab.control.advance_time(70).await.unwrap();
    assert_eq!(status(&lab, "v2", &sim, &id).await["id"], json!(5));
}

#[tokio::test]
async fn messages_from_the_device_are_listed_and_counted() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    let before = lab.control.sim(&sim).await.unwrap();
    let id = lab.control.receive_sms(&sim, "temp=21").await.unwrap();
    let list = lab.get(&format!("/v2/sims/{sim}/sms?per_page=1000")).await.json();
    let item = list
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["id"].as_i64() == Some(id))
        .unwrap()
        .clone();
    assert_eq!(
        (&item["payload"], &item["sms_type"]["id"]),
        (&json!("temp=21"), &json!(2))
    );
    let after = lab.control.sim(&sim).await.unwrap();
    assert_eq!(
        (after.sms_left, after.messages),
        (before.sms_left - 1, before.messages + 1)
    );
}

#[tokio::test]
async fn page_sizes_have_two_names() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    for n in 0..25 {
        lab.post(
            &format!("/v1/sims/{sim}/sms"),
            json!({ "payload": n.to_string() }),
        )
        .await;
    }
    let count = |reply: Reply| reply.json().as_array().unwrap().len();
    assert_eq!(count(lab.get(&format!("/v1/sims/{sim}/sms")).await), 10);
    assert_eq!(count(lab.get(&format!("/v1/sims/{sim}/sms?pageSize=7")).await), 7);
    assert_eq!(count(lab.get(&format!("/v2/sims/{sim}/sms")).await), 20);
    assert_eq!(count(lab.get(&format!("/v2/sims/{sim}/sms?per_page=7")).await), 7);
    assert_eq!(
        count(lab.get(&format!("/v2/sims/{sim}/sms?pageSize=7")).await),
        20,
        "another name is no name"
    );
}

#[tokio::test]
async fn what_does_not_fit_into_one_message_is_refused() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    let (udh, long) = ("050003CC0301", |n: usize| "a".repeat(n));
    let good = [
        json!({"payload": long(160)}),
        json!({"payload": long(153), "udh": udh}),
        json!({"payload": "ä".repeat(70), "dcs": 8}),
        json!({"payload": "00".repeat(140), "dcs": 4}),
        json!({"payload": "x", "source_address": "1234", "source_address_type": {"id": 161}}),
    ];
    for body in good {
        assert_eq!(
            lab.post(&format!("/v2/sims/{sim}/sms"), body.clone())
                .await
                .status,
            201,
            "{body}"
        );
    }
    let bad = [
        json!({"payload": long(161)}),
        json!({"payload": long(154), "udh": udh}),
        json!({"payload": "ä".repeat(71), "dcs": 8}),
        json!({"payload": "xy", "dcs": 4}),
        json!({"payload": "x", "udh": "zz"}),
        json!({"payload": "x", "dcs": 3}),
        json!({"payload": 7}),
        json!({"payload": "x", "source_address_type": {"id": 1}}),
        json!({"payload": "x", "expiry_date": "tomorrow"}),
        json!([]),
    ];
    for body in bad {
        assert_eq!(
            lab.post(&format!("/v2/sims/{sim}/sms"), body.clone())
                .await
                .status,
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_monthly_limit_stops_messages() {
    let lab = Lab::free(50).await;
    let sim = attached(&lab).await;
    assert_eq!(
        lab.post("/v1/sims/limits", json!({"smsMtLimitId": 1}))
            .await
            .status,
        201
    );
    for _ in 0..10 {
        assert_eq!(
            lab.post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "x"}))
                .await
                .status,
            201
        );
    }
    let v2 = lab
        .post(&format!("/v2/sims/{sim}/sms"), json!({"payload": "x"}))
        .await;
    assert_eq!(
        (v2.status, &v2.json()["message"]),
        (409, &json!("Traffic limit of 10 SMS per month exceeded"))
    );
    let v1 = lab
        .post(&format!("/v1/sims/{sim}/sms"), json!({"payload": "x"}))
        .await;
    assert!(
        v1.status == 403 && v1.text.contains("Traffic limit of 10 SMS"),
        "{}",
        v1.text
    );
}
