use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use crate::harness::{App, SECRET};

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// What the gateway signs with.
fn signing_key(secret: &str) -> Vec<u8> {
    hmac(secret.as_bytes(), b"simward purpose: access tokens")
}

fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = BASE64.encode(hmac(key, text.as_bytes()));
    format!("{text}.{signature}")
}

fn claims_of(token: &str) -> Value {
    let payload = BASE64.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

/// Tokens that resemble this good one, and what is wrong with each.
fn forged(token: &str, another_user: Uuid) -> Vec<(&'static str, String)> {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let (claims, key) = (claims_of(token), signing_key(SECRET));
    let (head, rest) = token.split_once('.').unwrap();
    let signature = rest.split_once('.').unwrap().1;
    let changed = BASE64.encode(with(&claims, "sub", json!(another_user)).to_string());
    let none = json!({ "alg": "none", "typ": "JWT" });
    let unsigned = signed(&none, &claims, &key);
    let past = Utc::now().timestamp() - 1;
    let mut without_end = claims.clone();
    without_end.as_object_mut().unwrap().remove("exp");
    vec![
        ("changed payload", format!("{head}.{changed}.{signature}")),
        (
            "no signature",
            format!("{}.", unsigned.rsplit_once('.').unwrap().0),
        ),
        ("algorithm none, signed", unsigned),
        (
            "another algorithm",
            signed(&json!({ "alg": "HS384", "typ": "JWT" }), &claims, &key),
        ),
        (
            "another secret",
            signed(&header, &claims, &signing_key("another-secret-another-secret-xx")),
        ),
        ("the secret itself", signed(&header, &claims, SECRET.as_bytes())),
        (
            "expired",
            signed(&header, &with(&claims, "exp", json!(past)), &key),
        ),
        ("without an end", signed(&header, &without_end, &key)),
        (
            "another issuer",
            signed(&header, &with(&claims, "iss", json!("other")), &key),
        ),
        (
            "another user's session",
            signed(&header, &with(&claims, "sub", json!(another_user)), &key),
        ),
        (
            "no such session",
            signed(&header, &with(&claims, "sid", json!(Uuid::now_v7())), &key),
        ),
        ("two parts", format!("{head}.{changed}")),
        ("long", "x".repeat(3000)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_signed_by_us_for_now_is_refused() {
    let app = App::start().await;
    let ada = app.world.admin("ada", None).await;
    let bob = app.world.admin("bob", None).await;
    let token = app.gateway.login("ada").await.access;
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let claims = claims_of(&token);
    assert_eq!(claims["sub"], json!(ada));
    assert_eq!(claims["iss"], "simward");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        1800
    );
    let key = signing_key(SECRET);
    // The test knows the right key: what it signs is believed.
    app.gateway.me(&signed(&header, &claims, &key)).await.expect(200);

    for (what, token) in forged(&token, bob) {
        let answer = app.gateway.me(&token).await;
        assert_eq!(
            (answer.status, answer.code()),
            (401, "UNAUTHORIZED"),
            "{what}: {}",
            answer.text
        );
    }
    app.gateway.me(&token).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_looked_up_is_neither_good_nor_bad() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let token = app.gateway.login("ada").await.access;
    let rename = "ALTER TABLE gateway.sessions RENAME TO hidden";
    app.world.as_owner(rename).await.unwrap();
    let answer = app.gateway.me(&token).await.expect(503);
    assert_eq!(answer.code(), "SERVICE_UNAVAILABLE");
    assert!(!answer.text.contains("sessions"), "{}", answer.text);
    let back = "ALTER TABLE gateway.hidden RENAME TO sessions";
    app.world.as_owner(back).await.unwrap();
    app.gateway.me(&token).await.expect(200);
}
