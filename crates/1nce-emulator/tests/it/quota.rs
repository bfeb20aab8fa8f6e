//! Quotas, usage and threshold events (FACTS §7, §8).

use chrono::{Datelike, Days, Months};
use once_emulator::{SimPatch, SimTruth};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid, noon, today};

pub fn left(mb: f64) -> SimPatch {
    SimPatch {
        data_left_mb: Some(mb),
        ..SimPatch::default()
    }
}

fn micro(text: &Value) -> i64 {
    let text = text.as_str().unwrap_or_else(|| panic!("{text} is no string"));
    if text == "0" {
        return 0;
    }
    let (whole, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 6, "{text}");
    whole.parse::<i64>().unwrap() * 1_000_000 + fraction.parse::<i64>().unwrap()
}

pub async fn kinds(lab: &Lab, sim: &str) -> Vec<u64> {
    let events = lab
        .get(&format!("/v2/sims/{sim}/events?pageSize=1000"))
        .await
        .json();
    events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["event_type"]["id"].as_u64().unwrap())
        .collect()
}

/// A SIM with data use, and its rows between two days.
pub async fn busy_sim(lab: &Lab) -> SimTruth {
    for n in 0..200 {
        let sim = lab.control.sim(&iccid(n)).await.unwrap();
        let (from, to) = (today() - Days::new(6), today());
        let rows = lab
            .get(&format!(
                "/v1/sims/{}/usage?start_dt={from}&end_dt={to}",
                sim.iccid
            ))
            .await
            .json();
        let total = rows["stats"].as_array().unwrap().last().unwrap().clone();
        if sim.enabled && sim.data_left_mb > 150.0 && micro(&total["data"]["volume"]) > 0 {
            return sim;
        }
    }
    panic!("no busy SIM");
}

#[tokio::test]
async fn v1_and_v2_show_the_same_quota_in_their_own_words() {
    let lab = Lab::free(30).await;
    let sim = lab.find(|sim| sim.enabled && sim.data_left_mb > 150.0).await;
    let v1 = lab
        .get(&format!("/v1/sims/{}/quota/data", sim.iccid))
        .await
        .json();
    assert_eq!(
        (&v1["total_volume"], &v1["threshold_percentage"]),
        (&json!(500), &json!(20))
    );
    assert_eq!(v1["volume"].as_f64().unwrap(), sim.data_left_mb);
    assert_eq!(
        v1["expiry_date"].as_str().unwrap().len(),
        19,
        "a space, no zone: {}",
        v1["expiry_date"]
    );
    let v2 = lab
        .get(&format!("/v2/sims/{}/quota/data", sim.iccid))
        .await
        .json();
    assert_eq!(
        (&v2["service"], &v2["status"]),
        (&json!("data"), &json!({"id": 1, "description": "ACTIVE"}))
    );
    assert_eq!(
        (&v2["threshold_volume"], &v2["accumulated_total_volume"]),
        (&json!(100), &json!(500))
    );
    let rounded = v2["volume"].as_f64().unwrap();
    assert!(
        rounded <= sim.data_left_mb + 1e-6 && sim.data_left_mb - rounded < 1.0 / 1024.0,
        "whole KB on 2.0"
    );
    let sms = lab.get(&format!("/v1/sims/{}/quota/sms", sim.iccid)).await.json();
    assert_eq!(
        (sms["volume"].as_i64(), &sms["total_volume"]),
        (Some(sim.sms_left), &json!(250))
    );
    assert!(sms.get("peak_throughput").is_none() && v1["peak_throughput"].is_u64());
}

#[tokio::test]
async fn an_overdrawn_quota_is_negative_in_v2_only() {
    let lab = Lab::free(5).await;
    lab.control.patch_sim(&iccid(0), &left(-0.25)).await.unwrap();
    assert_eq!(
        lab.get(&format!("/v1/sims/{}/quota/data", iccid(0))).await.json()["volume"],
        json!(0)
    );
    let v2 = lab.get(&format!("/v2/sims/{}/quota/data", iccid(0))).await.json();
    assert!(v2["volume"].as_f64().unwrap() < -0.24);
    assert_eq!(v2["status"]["id"], json!(0));
}

#[tokio::test]
async fn thresholds_write_their_events_once_and_dates_into_the_list() {
    let lab = Lab::free(50).await;
    let sim = busy_sim(&lab).await.iccid;
    lab.control.patch_sim(&sim, &left(300.0)).await.unwrap();
    assert!(!kinds(&lab, &sim).await.contains(&18));
    lab.control.patch_sim(&sim, &left(100.0)).await.unwrap();
    lab.control.patch_sim(&sim, &left(99.0)).await.unwrap();
    let after_threshold = kinds(&lab, &sim).await;
    assert_eq!(
        after_threshold.iter().filter(|kind| **kind == 18).count(),
        1,
        "{after_threshold:?}"
    );
    lab.control
        .patch_sim(
            &sim,
            &SimPatch {
                data_left_mb: Some(0.0),
                sms_left: Some(0),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    let all = kinds(&lab, &sim).await;
    assert!([19, 20, 21].iter().all(|kind| all.contains(kind)), "{all:?}");
    let v2 = lab.get(&format!("/v2/sims/{sim}")).await.json();
    assert_eq!(
        (&v2["quota_status"]["id"], &v2["quota_status_SMS"]["id"]),
        (&json!(2), &json!(2))
    );
    assert!(
        v2["quota_status"]["quota_exceeded_date"]
            .as_str()
            .unwrap()
            .ends_with("+0000")
    );
    assert_eq!(v2["current_quota"], json!(500), "granted, not remaining");
}

#[tokio::test]
async fn travelling_uses_exactly_what_the_usage_rows_say() {
    let lab = Lab::free(200).await;
    let before = busy_sim(&lab).await;
    lab.control.advance_time(20 * 86_400).await.unwrap();
    let after = lab.control.sim(&before.iccid).await.unwrap();
    // The quota counts whole days; the row of a day is complete when the day is over.
    lab.control.advance_time(86_400).await.unwrap();
    let (from, to) = (today() + Days::new(1), today() + Days::new(20));
    let rows = lab
        .get(&format!(
            "/v1/sims/{}/usage?start_dt={from}&end_dt={to}",
            before.iccid
        ))
        .await
        .json();
    let used = micro(&rows["stats"].as_array().unwrap().last().unwrap()["data"]["volume"]);
    assert!(used > 0);
    assert_eq!(
        ((before.data_left_mb - after.data_left_mb) * 1e6).round() as i64,
        used
    );
}

/// The usage rows between two days from today, without the sum.
pub async fn days(lab: &Lab, sim: &str, from: i64, to: i64) -> Vec<Value> {
    let day = |n: i64| today() + chrono::TimeDelta::days(n);
    let path = format!("/v1/sims/{sim}/usage?start_dt={}&end_dt={}", day(from), day(to));
    let mut rows = lab.get(&path).await.json()["stats"].as_array().unwrap().clone();
    rows.pop();
    rows
}

#[tokio::test]
async fn a_disabled_sim_uses_nothing() {
    let lab = Lab::free(200).await;
    let sim = busy_sim(&lab).await.iccid;
    let history = days(&lab, &sim, -9, -1).await;
    let path = format!("/v2/sims/{sim}");
    lab.put(&path, json!({"status": "Disabled"})).await;
    let before = lab.control.sim(&sim).await.unwrap().data_left_mb;
    lab.control.advance_time(30 * 86_400).await.unwrap();
    assert_eq!(lab.control.sim(&sim).await.unwrap().data_left_mb, before);
    let idle =
        |rows: Vec<Value>| rows.len() == 30 && rows.iter().all(|row| micro(&row["data"]["volume"]) == 0);
    assert!(idle(days(&lab, &sim, 1, 30).await), "while it is off");
    lab.put(&path, json!({"status": "Enabled"})).await;
    assert!(idle(days(&lab, &sim, 1, 30).await), "and looking back");
    assert_eq!(days(&lab, &sim, -9, -1).await, history, "what was before stays");
    lab.control.advance_time(30 * 86_400).await.unwrap();
    assert!(
        lab.control.sim(&sim).await.unwrap().data_left_mb < before,
        "and starts again"
    );
    assert!(!idle(days(&lab, &sim, 31, 60).await));
}

#[tokio::test]
async fn usage_rows_are_daily_newest_first_with_a_total() {
    let lab = Lab::free(50).await;
    let sim = busy_sim(&lab).await.iccid;
    let (from, to) = (today() - Days::new(10), today() - Days::new(1));
    let rows = lab
        .get(&format!("/v1/sims/{sim}/usage?start_dt={from}&end_dt={to}"))
        .await
        .json();
    let rows = rows["stats"].as_array().unwrap();
    let dates: Vec<_> = rows
        .iter()
        .map(|row| row["date"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..10)
        .map(|n| (to - Days::new(n)).to_string())
        .chain(["TOTAL".to_owned()])
        .collect();
    assert_eq!(dates, expected);
    let (total, days) = rows.split_last().unwrap();
    for field in ["volume", "volume_tx", "volume_rx"] {
        let sum: i64 = days.iter().map(|row| micro(&row["data"][field])).sum();
        assert_eq!(sum, micro(&total["data"][field]), "{field}");
    }
    for row in days {
        let busy = micro(&row["data"]["volume"]) > 0;
        assert_eq!(row["data"].get("cost").is_some(), busy);
        assert_eq!(row["data"].get("currency").is_some(), busy);
        assert_eq!(row["data"].get("traffic_type").is_some(), busy);
    }
    assert!(
        days.iter().any(|row| micro(&row["data"]["volume"]) == 0),
        "a quiet day"
    );
    let again = lab
        .get(&format!("/v1/sims/{sim}/usage?start_dt={from}&end_dt={to}"))
        .await
        .json();
    assert_eq!(
        again["stats"].as_array().unwrap(),
        rows,
        "history does not change"
    );
}

#[tokio::test]
async fn usage_windows_are_cut_and_nonsense_is_a_zero_total() {
    let lab = Lab::free(5).await;
    let path = format!("/v1/sims/{}/usage", iccid(0));
    let rows = |reply: Value| reply["stats"].as_array().unwrap().clone();
    let long_ago = today() - Days::new(1000);
    let all = rows(
        lab.get(&format!(
            "{path}?start_dt={long_ago}&end_dt={}",
            today() + Days::new(9)
        ))
        .await
        .json(),
    );
    assert_eq!(
        all[0]["date"],
        json!(today().to_string()),
        "nothing from the future"
    );
    let oldest = today().checked_sub_months(Months::new(6)).unwrap();
    assert_eq!(
        all[all.len() - 2]["date"],
        json!(oldest.to_string()),
        "six months"
    );
    assert_eq!(
        rows(lab.get(&path).await.json()).len(),
        today().day() as usize + 1,
        "this month by default"
    );
    for bad in [
        "start_dt=2026-02-02&end_dt=2026-02-01",
        "start_dt=soon",
        "end_dt=2026-99-99",
    ] {
        let rows = rows(lab.get(&format!("{path}?{bad}")).await.json());
        assert_eq!((rows.len(), &rows[0]["date"]), (1, &json!("TOTAL")), "{bad}");
        assert_eq!(micro(&rows[0]["data"]["volume"]), 0);
    }
}

#[tokio::test]
async fn v2_usage_is_rounded_up_to_whole_kilobytes() {
    let lab = Lab::free(50).await;
    lab.control.config(&json!({"v2_usage": true})).await.unwrap();
    let sim = busy_sim(&lab).await.iccid;
    let query = format!(
        "start_dt={}&end_dt={}",
        today() - Days::new(7),
        today() - Days::new(1)
    );
    let rows = |reply: Value| reply["stats"].as_array().unwrap().clone();
    let v1 = rows(lab.get(&format!("/v1/sims/{sim}/usage?{query}")).await.json());
    let v2 = rows(lab.get(&format!("/v2/sims/{sim}/usage?{query}")).await.json());
    for (one, two) in v1.iter().zip(&v2).take(7) {
        let (exact, rounded) = (micro(&one["data"]["volume"]), micro(&two["data"]["volume"]));
        assert!(rounded >= exact - 1 && rounded - exact < 978, "{exact} {rounded}");
        let kb = rounded as f64 * 1024.0 / 1e6;
        assert!((kb - kb.round()).abs() < 0.01, "{rounded}");
    }
}

#[tokio::test]
async fn spec_usage_has_timestamps_and_no_total() {
    let lab = Lab::free(5).await;
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    let rows = lab
        .get(&format!(
            "/v1/sims/{}/usage?start_dt={}&end_dt={}",
            iccid(0),
            today(),
            today()
        ))
        .await
        .json();
    let rows = rows["stats"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["date"]),
        (1, &json!(format!("{}T00:00:00.000Z", today())))
    );
}

#[tokio::test]
async fn events_live_seven_days_and_are_paged() {
    let lab = Lab::free(50).await;
    let sim = busy_sim(&lab).await.iccid;
    lab.control.patch_sim(&sim, &left(1.0)).await.unwrap();
    let v1 = lab.get(&format!("/v1/sims/{sim}/events?pageSize=3&page=2")).await;
    let body = v1.json();
    let total = v1.number("x-total-count");
    assert_eq!(
        (body["totalEvents"].as_u64(), body["totalPages"].as_u64()),
        (Some(total), Some(total.div_ceil(3)))
    );
    assert!(
        total > 5 && body["events"].as_array().unwrap().len() == 3,
        "{body}"
    );
    let v2 = lab.get(&format!("/v2/sims/{sim}/events?pageSize=1000")).await;
    assert_eq!(v2.header("x-total-count"), None);
    let events = v2.json();
    let stamps: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["timestamp"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stamps.len() as u64, total);
    assert!(stamps.windows(2).all(|pair| pair[0] >= pair[1]), "newest first");
    let week_ago = (noon() - Days::new(7)).format("%Y-%m-%dT%H:%M:%S").to_string();
    assert!(stamps.iter().all(|stamp| *stamp > week_ago));
    let ids: std::collections::BTreeSet<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["id"].as_i64())
        .collect();
    assert_eq!(ids.len(), stamps.len(), "ids are unique");
    let closed = events
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["event_type"]["id"] == json!(5))
        .unwrap();
    assert!(closed["detail"]["volume"]["total"].as_f64().unwrap() > 0.0);
    assert_eq!(closed["detail"]["pdp_context"]["apn"], Value::Null);
    lab.control.advance_time(8 * 86_400).await.unwrap();
    assert_eq!(
        kinds(&lab, &sim).await.iter().filter(|kind| **kind == 18).count(),
        0,
        "forgotten"
    );
}
