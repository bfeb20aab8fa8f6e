//! The token endpoint's answer (FACTS §2).

use std::time::Duration;

use super::bearer::Token;
use crate::error::{ClientError, LoginFailure, excerpt};
use crate::http;
use crate::wire::{Fields, error_body};

/// What the token endpoint answered.
pub(super) struct Issued {
    pub token: Token,
    pub expires_in: Duration,
    pub user_id: Option<String>,
}

pub(super) fn login_failure(
    answer: Option<&http::Answer>,
    code: Option<String>,
    message: String,
) -> ClientError {
    ClientError::Login(LoginFailure {
        refused: answer.is_some_and(|answer| matches!(answer.status, 400 | 401 | 403)),
        status: answer.map(|answer| answer.status),
        code,
        message,
        request_id: answer.and_then(|answer| answer.request_id.clone()),
    })
}

/// Reads the token endpoint's answer; the spec mixes its field names, only two matter (FACTS §2).
pub(super) fn read_issued(answer: &http::Answer) -> Result<Issued, ClientError> {
    if answer.status != 200 {
        let told = error_body(&answer.body);
        let message = match (answer.status, told.message.as_str()) {
            (404, _) => "there is no token endpoint under base_url".to_owned(),
            (status, "") => format!("the token endpoint answered {status}"),
            (_, text) => text.to_owned(),
        };
        return Err(login_failure(Some(answer), told.code, message));
    }
    let unreadable = |text: &str| {
        // Never quote this answer: it may hold a token.
        login_failure(Some(answer), None, format!("the token endpoint's answer {text}"))
    };
    let Ok(mut fields) = Fields::parse(&answer.body) else {
        let start = excerpt(&answer.body);
        let html = if start.trim_start().starts_with('<') {
            " (HTML)"
        } else {
            ""
        };
        return Err(unreadable(&format!("is no JSON object{html}")));
    };
    let token = fields
        .text("access_token")
        .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| unreadable("has no access_token"))?;
    let seconds = fields.integer("expires_in").unwrap_or(600).clamp(1, 86_400);
    Ok(Issued {
        token: Token::new(token),
        expires_in: Duration::from_secs(seconds.unsigned_abs()),
        user_id: fields.text("userId").or_else(|| fields.text("user_id")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_error_word_is_a_refusal_and_a_5xx_is_not() {
        let body = r#"{"statusCode":400,"errorCode":"CognitoAuthenticationError","message":"no"}"#;
        let Err(ClientError::Login(refused)) = read_issued(&http::Answer::test(400, body)) else {
            panic!("400 is no token");
        };
        assert!(refused.refused);
        assert_eq!(refused.code.as_deref(), Some("CognitoAuthenticationError"));
        let Err(ClientError::Login(failed)) = read_issued(&http::Answer::test(503, "<html>")) else {
            panic!("503 is no token");
        };
        assert!(!failed.refused);
    }

    #[test]
    fn a_token_answer_is_never_quoted_and_a_lifetime_may_be_text() {
        let issued = read_issued(&http::Answer::test(
            200,
            r#"{"access_token":"abc","expires_in":"3120","user_id":7}"#,
        ));
        let issued = issued.ok().unwrap();
        assert_eq!(issued.expires_in.as_secs(), 3_120);
        assert_eq!(issued.user_id.as_deref(), Some("7"));
        let broken = read_issued(&http::Answer::test(200, r#"{"access_token":"s3cr3t","#))
            .err()
            .unwrap();
        assert!(!format!("{broken:?}").contains("s3cr3t"));
    }
}
