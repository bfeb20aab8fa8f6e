//! Threshold events that follow from the devices' own use (FACTS §9, §15.3).

use once_emulator::SimPatch;
use serde_json::json;

use crate::lab::{Lab, iccid};
use crate::quota::{busy_sim, days, kinds, left};

#[tokio::test]
async fn the_event_of_a_passed_threshold_survives_the_top_up_it_causes() {
    let lab = Lab::free(200).await;
    let sim = busy_sim(&lab).await.iccid;
    let patch = SimPatch {
        sms_left: Some(250),
        ..left(100.001)
    };
    lab.control.patch_sim(&sim, &patch).await.unwrap();
    let body = json!({"enabled": true, "iccids": [sim]});
    assert_eq!(lab.post("/v1/sims/autoTopup", body).await.status, 201);
    let mut days = 0;
    while lab.control.sim(&sim).await.unwrap().data_granted_mb < 600.0 {
        assert!(days < 4, "a busy SIM passes a threshold that near at once");
        lab.control.advance_time(86_400).await.unwrap();
        days += 1;
    }
    let all = kinds(&lab, &sim).await;
    let count = |kind: u64| all.iter().filter(|other| **other == kind).count();
    assert_eq!((count(18), count(56)), (1, 1), "{all:?}");
}

#[tokio::test]
async fn messages_of_the_device_pass_the_sms_thresholds() {
    let lab = Lab::free(200).await;
    let mut talking = None;
    for n in 0..200 {
        let sent = days(&lab, &iccid(n), -9, 0).await;
        let sends = sent.iter().any(|row| row["sms"]["volume_rx"] != json!("0"));
        if sends && lab.control.sim(&iccid(n)).await.unwrap().enabled {
            talking = Some(iccid(n));
            break;
        }
    }
    let sim = talking.expect("every tenth SIM sends one every five days");
    for (before, expected) in [(51, 20), (1, 21)] {
        let patch = SimPatch {
            sms_left: Some(before),
            ..SimPatch::default()
        };
        lab.control.patch_sim(&sim, &patch).await.unwrap();
        assert!(!kinds(&lab, &sim).await.contains(&expected));
        lab.control.advance_time(6 * 86_400).await.unwrap();
        assert!(lab.control.sim(&sim).await.unwrap().sms_left < before);
        let all = kinds(&lab, &sim).await;
        assert_eq!(all.iter().filter(|kind| **kind == expected).count(), 1, "{all:?}");
    }
}
