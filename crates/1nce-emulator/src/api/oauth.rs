//! `POST /oauth/token` (FACTS §2).

use std::collections::HashMap;

use base64::Engine;
use serde_json::{Value, json};

use super::answer::Answer;
use super::arrival::after_scheme;
use crate::clock::Millis;
use crate::config::{Mode, Settings};
use crate::tokens::Tokens;
use crate::world::User;

/// Length of a recorded token; short columns and logs suffer.
const RECORDED_LENGTH: usize = 3000;
const SPEC_LENGTH: usize = 64;

/// What the login carries.
pub struct Login<'a> {
    pub authorization: Option<&'a str>,
    pub content_type: &'a str,
    pub query: &'a str,
    pub body: &'a [u8],
}

fn refuse(code: &str, message: &str) -> Answer {
    Answer::json(
        400,
        json!({ "statusCode": 400, "errorCode": code, "message": message }),
    )
}

/// User and password of a Basic header.
fn credentials(authorization: Option<&str>) -> Option<(String, String)> {
    let encoded = after_scheme(authorization?, "Basic")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    Some((user.to_owned(), password.to_owned()))
}

/// The place of the user whose login this is.
pub fn user_of(login: &Login<'_>, users: &[User]) -> Option<usize> {
    let (id, password) = credentials(login.authorization)?;
    users
        .iter()
        .position(|user| user.client_id == id && user.client_secret == password)
}

fn pair(text: &str, name: &str) -> Option<String> {
    let pairs: HashMap<&str, &str> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
    pairs.get(name).map(|value| (*value).to_owned())
}

/// Clients of 2019 wrote it into the query, without a body.
fn grant_type(login: &Login<'_>, mode: Mode) -> Result<Option<String>, Answer> {
    if mode == Mode::Recorded
        && login.body.is_empty()
        && let Some(grant) = pair(login.query, "grant_type")
    {
        return Ok(Some(grant));
    }
    if login.content_type.starts_with("application/json") {
        let body: Value = serde_json::from_slice(login.body).unwrap_or_default();
        return Ok(body.get("grant_type").and_then(Value::as_str).map(str::to_owned));
    }
    let form = login
        .content_type
        .starts_with("application/x-www-form-urlencoded")
        && mode == Mode::Recorded;
    if !form {
        return Err(refuse(
            "UnsupportedContentTypeError",
            "Content-Type not supported",
        ));
    }
    Ok(pair(&String::from_utf8_lossy(login.body), "grant_type"))
}

/// The refusal of a wrong password, or of a user that does not exist.
fn stranger(exists: bool, mode: Mode) -> Answer {
    let code = match mode {
        Mode::Spec => "BadCredentials",
        Mode::Recorded => "CognitoAuthenticationError",
    };
    let text = match exists {
        true => "Incorrect username or password.",
        false => "User does not exist.",
    };
    refuse(code, text)
}

/// Issues a token, or says what is wrong: always with 400, never 401.
pub fn token(
    login: &Login<'_>,
    users: &[User],
    tokens: &mut Tokens,
    settings: &Settings,
    now: Millis,
) -> Answer {
    let grant = match grant_type(login, settings.mode) {
        Ok(grant) => grant,
        Err(answer) => return answer,
    };
    let missing = |what: &str| {
        refuse(
            "AuthValidationError",
            &format!("Auth header validation error: Missing attributes '{what}'"),
        )
    };
    let Some((user, password)) = credentials(login.authorization) else {
        return missing("username");
    };
    if user.is_empty() {
        return missing("username");
    }
    if password.is_empty() {
        return missing("password");
    }
    if grant.as_deref() != Some("client_credentials") {
        return refuse(
            "BodyValidationError",
            "Request body validation error: Missing attributes 'grant_type'",
        );
    }
    let Some(known) = user_of(login, users) else {
        return stranger(users.iter().any(|known| known.client_id == user), settings.mode);
    };
    let length = match settings.mode {
        Mode::Recorded => RECORDED_LENGTH,
        Mode::Spec => SPEC_LENGTH,
    };
    let (token, left) = tokens.issue(known, now, settings.token_lifetime_seconds, length);
    Answer::json(
        200,
        json!({
            "status_code": 200, "access_token": token, "token_type": "bearer",
            "expires_in": left, "userId": user, "scope": "all",
        }),
    )
}
