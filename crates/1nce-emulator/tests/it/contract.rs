//! Mode `spec` where the OpenAPI files are narrower than what was recorded.

use once_emulator::{EmulatorConfig, Mode, SimPatch};
use serde_json::json;

use crate::lab::{Lab, iccid};

async fn strict() -> Lab {
    let config = EmulatorConfig::default().with_fleet(50).without_limits();
    Lab::start(config.with_settings(|settings| settings.mode = Mode::Spec)).await
}

#[tokio::test]
async fn null_is_no_value_of_any_request_and_text_is_no_object() {
    let (strict, loose) = (strict().await, Lab::free(50).await);
    let sms = format!("/v2/sims/{}/sms", iccid(1));
    let message = json!({ "payload": "x", "expiry_date": null });
    assert_eq!(strict.post(&sms, message.clone()).await.status, 400);
    assert_eq!(loose.post(&sms, message).await.status, 201);
    let kind = json!({ "payload": "x", "source_address_type": "AAA" });
    assert_eq!(strict.post(&sms, kind).await.status, 400);
    let case = json!({ "replyToMail": "a@example.com", "senderName": "A", "subject": "S", "text": null });
    assert_eq!(strict.post("/v1/support", case).await.status, 400);
}

#[tokio::test]
async fn the_v2_top_up_of_an_expired_sim_is_a_bad_request_in_v1_style() {
    let (strict, loose) = (strict().await, Lab::free(50).await);
    let path = format!("/v2/sims/{}/topup", iccid(1));
    for (lab, status) in [(&strict, 400), (&loose, 409)] {
        let patch = SimPatch {
            expired: Some(true),
            ..SimPatch::default()
        };
        lab.control.patch_sim(&iccid(1), &patch).await.unwrap();
        assert_eq!(lab.post_empty(&path).await.status, status);
    }
    let body = strict.post_empty(&path).await.json();
    assert!(body["message"].is_string() && body.get("error_code").is_none());
}

#[tokio::test]
async fn a_session_event_names_only_the_fields_of_its_schema() {
    let lab = strict().await;
    let mut sessions = 0;
    for sim in 0..20 {
        let path = format!("/v2/sims/{}/events?pageSize=1000", iccid(sim));
        for event in lab.get(&path).await.json().as_array().unwrap() {
            let detail = &event["detail"];
            if detail.get("pdp_context").is_some() {
                sessions += 1;
                assert!(
                    detail.get("mnc").is_none() && detail.get("tapcode").is_none(),
                    "{detail}"
                );
            } else if matches!(event["event_type"]["id"].as_u64(), Some(1 | 2)) {
                assert!(
                    detail["mnc"].is_array() && detail["tapcode"].is_array(),
                    "{detail}"
                );
            }
        }
    }
    assert!(sessions > 0);
}
