//! The shapes of the 21 public recordings of the real v1 (20 of Nov 2021, one of Jul 2023): statuses, headers and the
//! type of every field, with data of our own (FACTS §0 REC, FACTS-2026-11 U10).

use once_emulator::{Connectivity, SimPatch};
use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{ID, Lab, Reply, SECRET, iccid};

/// Where `found` lacks a field of `recorded` or has another type there; a text is a pattern of digits (`0`).
fn deviations(at: &str, recorded: &Value, found: &Value, all: &mut Vec<String>) {
    match (recorded, found) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, inner) in fields {
                deviations(&format!("{at}.{name}"), inner, &found[name], all);
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            for (item, other) in items.iter().zip(others) {
                deviations(&format!("{at}[]"), item, other, all);
            }
            if items.is_empty() != others.is_empty() {
                all.push(format!("{at}: {found}"));
            }
        }
        (Value::String(pattern), Value::String(text)) => {
            let digits = |text: &str| -> String {
                let zero = |c: char| if c.is_ascii_digit() { '0' } else { c };
                text.chars().map(zero).collect()
            };
            if pattern.starts_with('0') && digits(text) != *pattern {
                all.push(format!("{at}: {text:?} is not like {pattern:?}"));
            }
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || a.is_i64() == b.is_i64() => {}
        (Value::Bool(_), Value::Bool(_)) => {}
        _ => all.push(format!("{at}: {found} instead of {recorded}")),
    }
}

fn assert_like(found: &Value, recorded: &Value) {
    let mut all = Vec::new();
    deviations("", recorded, found, &mut all);
    assert!(all.is_empty(), "{all:#?} in {found}");
}

/// What every recorded answer of a resource carried.
fn assert_edge(reply: &Reply) {
    let cache = if reply.status < 400 {
        "Miss from cloudfront"
    } else {
        "Error from cloudfront"
    };
    for (name, value) in [
        ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
        ("pragma", "no-cache"),
        ("expires", "0"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-xss-protection", "1; mode=block"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-cache", cache),
        ("x-amzn-remapped-content-length", &reply.text.len().to_string()),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    for name in [
        "via",
        "x-amz-cf-id",
        "x-amz-cf-pop",
        "x-amzn-trace-id",
        "set-cookie",
    ] {
        assert!(reply.header(name).is_some(), "{name}");
    }
    let id = reply.header("x-amzn-requestid").unwrap();
    let dashes: Vec<usize> = id.match_indices('-').map(|(place, _)| place).collect();
    assert_eq!((id.len(), dashes), (36, vec![8, 13, 18, 23]), "{id}");
}

fn assert_empty(reply: &Reply, status: u16) {
    assert_eq!((reply.status, reply.text.as_str()), (status, ""));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("content-length"), Some("0"));
    assert_edge(reply);
}

fn assert_body(reply: &Reply, recorded: &Value) {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json;charset=UTF-8"))
    );
    assert_edge(reply);
    assert_like(&reply.json(), recorded);
}

fn sim_object(status: &str) -> Value {
    let quota = json!({"id": 0, "description": "More than 20% available"});
    json!({
        "iccid": "0000000000000000000", "imsi": "000000000000000", "msisdn": "000000000000000",
        "imei": "0000000000000000", "imei_lock": false, "status": status,
        "activation_date": "0000-00-00T00:00:00.000+0000", "ip_address": "x", "current_quota": 500,
        "quota_status": quota, "current_quota_SMS": 250, "quota_status_SMS": quota, "label": "x",
    })
}

/// A SIM that has everything that recorded SIMs had.
async fn full_sim(lab: &Lab) -> String {
    let sim = lab
        .find(|sim| sim.enabled && sim.imei.is_some() && sim.data_left_mb > 150.0)
        .await
        .iccid;
    let patch = SimPatch {
        label: Some("Test".to_owned()),
        connectivity: Some(Connectivity::Attached),
        ..SimPatch::default()
    };
    lab.control.patch_sim(&sim, &patch).await.unwrap();
    sim
}

#[tokio::test]
async fn logins_are_indented_and_without_cookies() {
    let lab = Lab::free(1).await;
    let good = json!({
        "status_code": 200, "access_token": "x", "token_type": "x", "expires_in": 3600, "userId": "x", "scope": "x",
    });
    let bad = json!({ "statusCode": 400, "errorCode": "x", "message": "x" });
    for (id, secret, status, recorded, text) in [
        (ID, SECRET, 200, &good, ""),
        (ID, "wrong", 400, &bad, "Incorrect username or password."),
        ("nobody", "wrong", 400, &bad, "User does not exist."),
    ] {
        let request = lab.http.post(lab.url("/oauth/token"));
        let request = request.basic_auth(id, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.body("grant_type=client_credentials");
        let reply = Reply::read(request.send().await.unwrap()).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, Some("application/json"))
        );
        assert_like(&reply.json(), recorded);
        assert!(reply.text.starts_with("{\n  \""), "{}", reply.text);
        assert!(reply.text.contains(text));
        for absent in ["set-cookie", "cache-control", "x-frame-options"] {
            assert_eq!(reply.header(absent), None, "{absent}");
        }
    }
}

#[tokio::test]
async fn lists_and_single_sims_are_as_recorded() {
    let lab = Lab::free(50).await;
    let sim = full_sim(&lab).await;
    let imei = lab.control.sim(&sim).await.unwrap().imei.unwrap();
    for query in [
        format!("q=imei:{imei}"),
        format!("q=imei:{imei}&page=1&pageSize=10"),
    ] {
        let list = lab.get(&format!("/v1/sims?{query}")).await;
        assert_body(&list, &json!([sim_object("Enabled")]));
        assert_eq!(list.json()[0]["status"], json!("Enabled"));
        for (name, value) in [
            ("x-total-count", 1),
            ("x-total-pages", 1),
            ("x-count-per-page", 10),
            ("x-current-page", 1),
        ] {
            assert_eq!(list.number(name), value, "{name}");
        }
    }
    let beyond = lab.get("/v1/sims?page=99&pageSize=100").await;
    assert_body(&beyond, &json!([]));
    let single = lab.get(&format!("/v1/sims/{sim}")).await;
    assert_body(&single, &sim_object("Activated"));
    assert_eq!(single.json()["status"], json!("Activated"));
    assert_empty(&lab.get("/v1/sims/11111222233444").await, 200);
}

#[tokio::test]
async fn a_wrong_token_is_told_with_a_path_inside_of_1nce() {
    let mut lab = Lab::free(1).await;
    lab.token = "INVALID TOKEN".to_owned();
    for path in ["/v1/sims".to_owned(), format!("/v1/sims/{}", iccid(0))] {
        let reply = lab.get(&path).await;
        assert_eq!(reply.status, 401);
        assert_edge(&reply);
        let recorded = json!({
            "timestamp": "0000-00-00T00:00:00.000+0000", "status": 401, "error": "Unauthorized",
            "message": "x", "path": "x",
        });
        let body = reply.json();
        assert_like(&body, &recorded);
        assert_eq!(body["path"], json!(format!("/internal-global-api{path}")));
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .starts_with("The token is invalid: ")
        );
    }
}

#[tokio::test]
async fn a_status_mixes_numbers_and_texts() {
    let lab = Lab::free(50).await;
    let sim = full_sim(&lab).await;
    let recorded = json!({
        "status": "ATTACHED", "services": ["GPRS"],
        "location": {
            "iccid": "0000000000000000000", "imsi": "000000000000000", "last_updated": "0000-00-00 00:00:00",
            "last_updated_gprs": "0000-00-00 00:00:00", "sgsn_number": "x", "sgsn_number_np": "0", "operator_id": "x",
            "operator": { "id": 90, "name": "x", "country": { "id": 157, "name": "x", "iso_code": "x" } },
            "country": {
                "country_id": "x", "name": "x", "country_code": "00", "mcc": "000", "iso_code": "x",
                "latitude": "00.000000", "longitude": "x",
            },
            "sgsn_ip_address": "x",
        },
    });
    let reply = lab.get(&format!("/v1/sims/{sim}/status")).await;
    assert_body(&reply, &recorded);
    let longitude = reply.json()["location"]["country"]["longitude"].clone();
    assert!(longitude.as_str().unwrap().ends_with(".000000"), "{longitude}");
}

#[tokio::test]
async fn quotas_end_at_midnight_three_months_after_ten_years() {
    let lab = Lab::free(50).await;
    let sim = full_sim(&lab).await;
    let recorded = json!({
        "volume": 0.5, "total_volume": 500, "expiry_date": "0000-00-00 00:00:00", "last_volume_added": 500,
        "last_status_change_date": "0000-00-00 00:00:00", "threshold_percentage": 20,
    });
    let activated = lab.control.sim(&sim).await.unwrap().activation_date;
    let activated: chrono::DateTime<chrono::Utc> = activated.parse().unwrap();
    let end = activated
        .date_naive()
        .checked_add_months(chrono::Months::new(123))
        .unwrap();
    for service in ["data", "sms"] {
        let reply = lab.get(&format!("/v1/sims/{sim}/quota/{service}")).await;
        assert_body(&reply, &recorded);
        assert_eq!(
            reply.json()["expiry_date"],
            json!(format!("{end} 00:00:00")),
            "{activated}"
        );
        assert_eq!(reply.json()["peak_throughput"].is_u64(), service == "data");
    }
}

#[tokio::test]
async fn usage_says_nothing_by_a_bare_zero() {
    let lab = Lab::free(50).await;
    let sim = crate::quota::busy_sim(&lab).await.iccid;
    let nothing = json!({"volume": "0", "volume_tx": "0", "volume_rx": "0"});
    let total = json!({"date": "TOTAL", "data": nothing, "sms": nothing});
    let reversed = lab
        .get(&format!("/v1/sims/{sim}/usage?end_dt=1998&start_dt=2000"))
        .await;
    assert_body(&reversed, &json!({"stats": [total]}));
    assert_eq!(reversed.json(), json!({"stats": [total]}));
    let month = lab.get(&format!("/v1/sims/{sim}/usage")).await;
    assert_body(&month, &json!({"stats": [{"date": "0000-00-00"}]}));
    for row in month.json()["stats"].as_array().unwrap() {
        for part in ["data", "sms"] {
            let volume = row[part]["volume"].as_str().unwrap();
            let decimals = volume.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            assert!(volume == "0" || decimals == 6 || part == "sms", "{row}");
            let detailed = volume != "0" && row["date"] != "TOTAL";
            for name in ["cost", "currency", "traffic_type"] {
                assert_eq!(row[part].get(name).is_some(), detailed, "{row}");
            }
        }
    }
}

#[tokio::test]
async fn changes_are_acknowledged_by_nothing() {
    let lab = Lab::free(5).await;
    let sim = iccid(0);
    let path = format!("/v1/sims/{sim}");
    for body in [json!({"label": "Test API"}), json!({})] {
        assert_empty(&lab.put(&path, body).await, 200);
    }
    for body in [json!([]), json!([{"iccid": sim, "label": "Test API"}])] {
        assert_empty(&lab.post("/v1/sims", body).await, 201);
    }
    assert_empty(&lab.post_empty(&format!("{path}/reset")).await, 201);
    let sms = lab
        .post(&format!("{path}/sms"), json!({"payload": "test SMS"}))
        .await;
    assert_empty(&sms, 201);
    let location = sms.header("location").unwrap();
    assert!(
        location.contains(&format!("/internal-global-api/v1/sims/{sim}/sms/"))
            && !location.starts_with(&lab.emulator.base_url()),
        "an address inside of 1NCE: {location}"
    );
}

#[tokio::test]
async fn a_client_of_2020_writes_the_source_of_an_sms_as_a_number() {
    let lab = Lab::free(5).await;
    let path = format!("/v1/sims/{}/sms", iccid(0));
    let body = json!({"payload": "x", "source_address": 1234567890});
    assert_eq!(lab.post(&path, body.clone()).await.status, 201);
    let sent = lab.get(&path).await.json();
    assert_eq!(sent[0]["source_address"], json!("1234567890"));
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    assert_eq!(lab.post(&path, body).await.status, 400);
}

#[tokio::test]
async fn connectivity_info_has_a_network_code_without_zeros_and_no_ussd() {
    let lab = Lab::free(200).await;
    let recorded = json!({
        "subscriber_info": {
            "success": true, "state": "assumed_idle",
            "location": {
                "current_location_retrieved": false, "age_of_location": 1,
                "cell_global_id": { "mcc": "000", "mnc": "x", "lac": 53113, "cid": 46261 },
            },
        },
        "request_timestamp": "0000-00-00T00:00:00.000+0000", "reply_timestamp": "0000-00-00T00:00:00.000+0000",
    });
    let mut seen = 0;
    for n in 0..60 {
        let reply = lab.get(&format!("/v1/sims/{}/connectivity_info", iccid(n))).await;
        assert_eq!(reply.json().get("ussd_info"), None);
        if reply.json()["subscriber_info"]["success"] == json!(true) {
            assert_body(&reply, &recorded);
            let cell = &reply.json()["subscriber_info"]["location"]["cell_global_id"];
            assert!(!cell["mnc"].as_str().unwrap().starts_with('0'), "{cell}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn small_bodies_were_compressed_too() {
    let lab = Lab::free(5).await;
    let path = format!("/v1/sims/{}/usage?end_dt=1998&start_dt=2000", iccid(0));
    let request = lab.request(Method::GET, &path);
    let request = request.header("accept-encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3");
    let response = request.send().await.unwrap();
    let number = |name: &str| -> usize { response.headers()[name].to_str().unwrap().parse().unwrap() };
    assert_eq!(number("x-amzn-remapped-content-length"), 135);
    assert!(number("content-length") < 100);
}
