//! What events say about themselves (FACTS §15.3, FACTS-2026-11 U6.1, U6.2).

use once_emulator::{StreamConfig, StreamKind};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid};
use crate::receiver::{Receiver, until};

/// The events that a test caused, by their text.
fn with_text<'a>(events: &'a [Value], text: &str) -> Option<&'a Value> {
    events.iter().find(|event| event["description"] == *text)
}

#[tokio::test]
async fn types_have_the_severity_source_and_alert_of_their_samples() {
    let lab = Lab::free(5).await;
    let rows = [
        (3, 1, 1, true),
        (8, 0, 2, false),
        (11, 1, 1, true),
        (30, 0, 2, false),
        (42, 0, 2, false),
        (43, 0, 2, false),
        (50, 0, 2, false),
        (51, 0, 2, false),
        (56, 0, 2, true),
        (60, 1, 1, true),
    ];
    for (kind, severity, source, alert) in rows {
        let text = format!("test {kind}");
        let id = lab.control.add_event(&iccid(0), kind, Some(&text)).await.unwrap();
        let path = format!("/v2/sims/{}/events?pageSize=1000", iccid(0));
        let events = lab.get(&path).await.json();
        let event = with_text(events.as_array().unwrap(), &text).unwrap().clone();
        assert_eq!(event["id"], json!(id));
        assert_eq!(event["event_type"]["id"], json!(kind));
        assert_eq!(event["event_severity"]["id"], json!(severity), "{kind}");
        assert_eq!(event["event_source"]["id"], json!(source), "{kind}");
        assert_eq!(event["alert"], json!(alert), "{kind}");
        let vpn = event["detail"].get("client").is_some();
        assert_eq!(vpn, kind == 30, "{kind}");
        assert_eq!(event["user"].is_string(), kind == 30, "{kind}");
        assert!(vpn || event.get("detail").is_none(), "{kind}: {event}");
    }
}

#[tokio::test]
async fn events_of_users_and_organisations_name_no_sim_and_come_by_stream_only() {
    let lab = Lab::free(5).await;
    let receiver = Receiver::start().await;
    let stream = StreamConfig {
        url: receiver.url.clone(),
        kind: StreamKind::Events,
        history_seconds: 60,
        ..StreamConfig::default()
    };
    for kind in [6, 12, 13, 14, 52] {
        let text = format!("test {kind}");
        lab.control.add_event(&iccid(0), kind, Some(&text)).await.unwrap();
    }
    lab.control.advance_time(1).await.unwrap();
    lab.control.create_stream(&stream).await.unwrap();
    until("all came", || async {
        let events = receiver.elements();
        let all = [6, 12, 13, 14, 52].map(|kind| with_text(&events, &format!("test {kind}")).is_some());
        all.iter().all(|came| *came).then_some(())
    })
    .await;
    let events = receiver.elements();
    for (kind, user, sim) in [
        (6, true, false),
        (12, false, true),
        (13, true, false),
        (14, true, false),
        (52, false, false),
    ] {
        let event = with_text(&events, &format!("test {kind}")).unwrap();
        assert_eq!(event["user"].is_string(), user, "{kind}");
        for key in ["sim", "imsi", "endpoint"] {
            assert_eq!(event.get(key).is_some(), sim, "{kind} {key}");
        }
        let number = event["alert"].is_number();
        assert_eq!(number, kind == 12, "{kind}: a number where one was printed");
    }
    let path = format!("/v1/sims/{}/events?pageSize=1000", iccid(0));
    let listed = lab.get(&path).await.json();
    let texts: Vec<&str> = listed["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["event_type"].as_str())
        .filter(|text| text.starts_with("test"))
        .collect();
    assert_eq!(texts, ["test 12"]);
}

#[tokio::test]
async fn sims_use_every_radio_access_that_1nce_numbers_and_one_that_it_does_not() {
    let lab = Lab::free(400).await;
    let mut seen = std::collections::BTreeMap::new();
    for n in 0..400 {
        let status = lab.get(&format!("/v2/sims/{}/status", iccid(n))).await.json();
        let rat = &status["pdp_contexts"][0]["rat_type"];
        if let (Some(id), Some(name)) = (rat["rat_type_id"].as_str(), rat["description"].as_str()) {
            seen.insert(id.parse::<u32>().unwrap(), name.to_owned());
        }
    }
    let seen: Vec<(u32, &str)> = seen.iter().map(|(id, name)| (*id, name.as_str())).collect();
    assert_eq!(
        seen,
        [
            (1, "3G"),
            (2, "2G"),
            (5, "3G"),
            (6, "4G"),
            (8, "NB-IoT"),
            (9, "4G"),
            (10, "5G")
        ]
    );
}
