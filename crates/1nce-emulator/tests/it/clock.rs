//! The domain clock: where it begins, and what depends on the day and the month.

use once_emulator::EmulatorConfig;
use serde_json::Value;

use crate::lab::{Lab, iccid};

async fn at(moment: &str) -> Lab {
    let config = EmulatorConfig::default().with_fleet(1).without_limits();
    let config = config.with_settings(|settings| settings.token_lifetime_seconds = 365 * 86_400);
    Lab::start(config.with_start(moment.parse().unwrap())).await
}

/// The days of usage that are told without asking for any, newest first.
async fn days(lab: &Lab, query: &str) -> Vec<String> {
    let path = format!("/v1/sims/{}/usage{query}", iccid(0));
    let rows: Value = lab.get(&path).await.json();
    let rows = rows["stats"].as_array().unwrap();
    let dates = rows.iter().map(|row| row["date"].as_str().unwrap().to_owned());
    dates.filter(|date| date != "TOTAL").collect()
}

#[tokio::test]
async fn the_world_begins_when_it_is_told_and_goes_on_from_there() {
    let lab = at("2028-02-29T23:50:00Z").await;
    let begun = lab.control.time().await.unwrap();
    assert!(
        begun.now.starts_with("2028-02-29T23:5") && begun.offset_seconds == 0,
        "{begun:?}"
    );
    assert_eq!(days(&lab, "").await.len(), 29, "this month");

    lab.control.advance_time(15 * 60).await.unwrap();

    let passed = lab.control.time().await.unwrap();
    assert!(
        passed.now.starts_with("2028-03-01T00:0") && passed.offset_seconds == 900,
        "{passed:?}"
    );
    assert_eq!(days(&lab, "").await, ["2028-03-01"], "the next one");
}

#[tokio::test]
async fn six_months_before_the_end_of_a_long_month_end_with_the_short_one() {
    for (moment, oldest) in [
        ("2028-08-31T12:00:00Z", "2028-02-29"),
        ("2026-08-31T12:00:00Z", "2026-02-28"),
        ("2027-03-28T01:00:00Z", "2026-09-28"),
    ] {
        let lab = at(moment).await;
        let told = days(&lab, "?start_dt=2020-01-01").await;
        assert_eq!(told.last().map(String::as_str), Some(oldest), "{moment}");
        assert_eq!(told.first().map(String::as_str), Some(&moment[..10]));
    }
}
