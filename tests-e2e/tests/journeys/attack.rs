//! What an attacker tries, from outside.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use once_emulator::EmulatorConfig;
use serde_json::{Value, json};
use tests_e2e::{Caller, Sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn sandbox() -> (Sandbox, Caller) {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(20).without_limits(), &[]).await;
    sandbox.sync().await;
    let admin = Caller::with_key(&sandbox.simward().url, &sandbox.simward().key);
    (sandbox, admin)
}

/// Method and path of every documented operation.
async fn operations(admin: &Caller) -> Vec<(String, String)> {
    let document = admin.get("/openapi.json").await.unwrap().body;
    let paths = document["paths"].as_object().unwrap();
    let known = ["get", "put", "post", "delete"];
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = known.iter().filter(|method| item[**method].is_object());
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_sim_exists_at_no_endpoint() {
    let (sandbox, admin) = sandbox().await;
    let (_, stranger) = admin.tenant("stranger").await.unwrap();
    let victim = sandbox.all_sims().await.unwrap()[0].clone();
    let iccid = victim["iccid"].as_str().unwrap();
    let before = admin.get(&format!("/api/v1/sims/{iccid}")).await.unwrap();
    let hidden: Vec<&str> = ["imsi", "ip_address", "msisdn", "imei"]
        .iter()
        .filter_map(|field| victim[*field].as_str())
        .collect();
    assert!(!hidden.is_empty(), "{victim}");

    let mut asked = 0;
    for (method, path) in operations(&admin).await {
        if path == "/api/v1/events/stream" || !path.starts_with("/api/") {
            continue;
        }
        let reply = if path.contains("{iccid}") {
            let path = path.replace("{iccid}", iccid);
            stranger
                .ask(&method, &path, json!({ "label": "stolen" }))
                .await
                .unwrap()
        } else if path.contains('{') || method != "GET" {
            continue;
        } else {
            stranger.get(&path).await.unwrap()
        };
        asked += 1;
        for value in &hidden {
            assert!(!reply.text.contains(value), "{method} {path} tells {value}");
        }
        if path.contains("{iccid}") {
            let refused = matches!(reply.status, 404 | 403 | 422);
            assert!(refused, "{method} {path}: {} {}", reply.status, reply.text);
        }
    }
    assert!(asked > 15, "only {asked} operations were asked");
    let listed = stranger.get("/api/v1/sims").await.unwrap();
    assert_eq!(listed.body["pagination"]["total"], 0, "{}", listed.text);
    let wanted = json!({ "sims": [iccid], "change": { "label": "stolen" } });
    let job = stranger.ask("POST", "/api/v1/sims", wanted).await.unwrap();
    assert_eq!(job.status, 202, "{}", job.text);
    let after = admin.get(&format!("/api/v1/sims/{iccid}")).await.unwrap();
    assert_eq!(before.data()["label"], after.data()["label"]);
    assert_eq!(
        sandbox.once().sim(iccid).await.unwrap().label.as_deref(),
        victim["label"].as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_opens_nothing() {
    let (sandbox, _) = sandbox().await;
    let url = &sandbox.simward().url;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "sub": "00000000-0000-0000-0000-000000000001", "sid": "00000000-0000-0000-0000-000000000001",
        "iss": "simward", "iat": 1_700_000_000, "exp": 4_000_000_000_u64, "role": "admin",
    });
    let unsigned = format!(
        "{}.{}.",
        part(json!({ "alg": "none", "typ": "JWT" })),
        part(claims.clone())
    );
    let signature = URL_SAFE_NO_PAD.encode([7_u8; 32]);
    let signed = format!(
        "{}.{}.{signature}",
        part(json!({ "alg": "HS256", "typ": "JWT" })),
        part(claims)
    );
    for token in [
        unsigned.as_str(),
        signed.as_str(),
        "nonsense",
        "",
        "a.b.c",
        "\u{ff}",
    ] {
        let reply = Caller::nobody(url).request("GET", "/api/v1/sims");
        let Ok(header) = reqwest::header::HeaderValue::from_bytes(format!("Bearer {token}").as_bytes())
        else {
            continue;
        };
        let reply = Caller::nobody(url)
            .send(reply.header("Authorization", header))
            .await
            .unwrap();
        assert_eq!(reply.status, 401, "{token}: {}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_sql_or_a_header_is_text() {
    let (sandbox, admin) = sandbox().await;
    let nasty = [
        "' OR '1'='1",
        "'; DROP TABLE sim.sims; --",
        "\" UNION SELECT * FROM gateway.users --",
        "%' OR 1=1 --",
        "$(id)",
        "{{7*7}}",
        "../../etc/passwd",
        "\\x00\\x27",
        "a\r\nX-Evil: 1",
    ];
    let fields = [
        "search",
        "tag",
        "cursor",
        "sort_by",
        "status",
        "organization_id",
        "page",
    ];
    for text in nasty {
        for field in fields {
            let request = admin.request("GET", "/api/v1/sims").query(&[(field, text)]);
            let reply = admin.send(request).await.unwrap();
            let harmless =
                reply.status == 422 || (reply.status == 200 && reply.body["pagination"]["total"] == 0);
            assert!(harmless, "{field}={text}: {} {}", reply.status, reply.text);
            assert!(reply.headers.get("x-evil").is_none());
        }
        let path = format!("/api/v1/sims/{}", urlencoded(text));
        let reply = admin.get(&path).await.unwrap();
        assert!(
            matches!(reply.status, 400 | 404),
            "{path}: {} {}",
            reply.status,
            reply.text
        );
    }
    let iccid = sandbox.all_sims().await.unwrap()[0]["iccid"]
        .as_str()
        .unwrap()
        .to_owned();
    let label = "'); DELETE FROM sim.sims; --";
    let path = format!("/api/v1/sims/{iccid}");
    admin
        .ask("PUT", &path, json!({ "label": label }))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(admin.get(&path).await.unwrap().data()["label"], label);
    assert_eq!(sandbox.all_sims().await.unwrap().len(), 20);
}

fn urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_slow_requests_are_cut_and_others_go_on() {
    let (sandbox, admin) = sandbox().await;
    let iccid = sandbox.all_sims().await.unwrap()[0]["iccid"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/sims/{iccid}");
    let large = json!({ "label": "x".repeat(70_000) });
    let reply = admin.ask("PUT", &path, large).await.unwrap();
    assert_eq!(reply.status, 413, "{}", reply.text);

    let address = sandbox.simward().url.trim_start_matches("http://").to_owned();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        sandbox.simward().key
    );
    let whole = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    let dribblers = [
        (None, head),
        (None, "GET /api/v1/sims HTTP/1.1\r\nHost: x\r\nX-".to_owned()),
        (Some(whole), "GET /health/live HTTP/1.1\r\nHo".to_owned()),
    ];
    let cut = dribblers.map(|(first, beginning)| tokio::spawn(ends(address.clone(), first, beginning)));
    for _ in 0..50 {
        admin.get(&path).await.unwrap().expect(200).unwrap();
    }
    for (place, cut) in cut.into_iter().enumerate() {
        assert!(cut.await.unwrap(), "client {place} holds its connection");
    }
}

/// Has one request answered, if there is one, sends the beginning of the next and then nothing; whether the server ends
/// the connection.
async fn ends(address: String, first: Option<String>, beginning: String) -> bool {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let mut answer = vec![0; 16 * 1024];
    if let Some(first) = first {
        stream.write_all(first.as_bytes()).await.unwrap();
        assert!(stream.read(&mut answer).await.unwrap() > 0);
    }
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let rest = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(40), rest).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_keys_holds_no_honest_client_up() {
    let (sandbox, admin) = sandbox().await;
    let url = sandbox.simward().url.clone();
    let iccid = sandbox.all_sims().await.unwrap()[0]["iccid"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/sims/{iccid}");
    let flood = join_all((0..16).map(|lane| {
        let url = url.clone();
        tokio::spawn(async move {
            let client = Caller::nobody(&url);
            let mut refused = 0;
            for number in 0..625 {
                let key = format!("sw_abcdefgh_{:0>43}", lane * 1000 + number);
                let request = client.request("GET", "/api/v1/sims").header("X-API-Key", key);
                let status = client.send(request).await.unwrap().status;
                assert!(matches!(status, 401 | 429), "{status}");
                refused += 1;
            }
            refused
        })
    }));
    let honest = async {
        for _ in 0..200 {
            admin.get(&path).await.unwrap().expect(200).unwrap();
        }
    };
    let (refused, ()) = tokio::join!(flood, honest);
    let refused: usize = refused.into_iter().map(Result::unwrap).sum();
    assert_eq!(refused, 10_000);
}
