//! How the last login at 1NCE ended, in words for people.

use domain::LoginResult;
use once_client::{AccountFailure, BreakerState, LastLogin, LoginFailure, OnceClient};

/// What helps where 1NCE refuses the credentials (FACTS-2026-11 U3).
pub const NEW_CREDENTIALS: &str = "make a client id and secret in the 1NCE portal under Account → Management API Access, set \
     ONCE_CLIENT_ID and ONCE_CLIENT_SECRET, and start Simward again";

/// The closed word for a login, and its sentence.
pub fn told(login: Option<&LastLogin>) -> (LoginResult, String) {
    match login.map(|login| &login.result) {
        Some(Ok(())) => (LoginResult::Ok, "1NCE takes the client id and secret.".to_owned()),
        Some(Err(failure)) if failure.refused => (LoginResult::Refused, format!("{}.", refused())),
        Some(Err(failure)) => (LoginResult::Failed, format!("{}.", failed(failure))),
        None => (LoginResult::Unknown, "There was no login yet.".to_owned()),
    }
}

fn refused() -> String {
    format!("{}: {NEW_CREDENTIALS}", AccountFailure::LoginRefused.text())
}

/// Without 1NCE's own text: whoever may ask for health need not see it.
fn failed(failure: &LoginFailure) -> String {
    let text = AccountFailure::LoginFailed.text();
    match failure.status {
        Some(status) => format!("{text}: the token endpoint answered {status}"),
        None => format!("{text}: the token endpoint cannot be reached"),
    }
}

/// What keeps the calls of an account from being answered, for its health check; asks nobody.
pub fn failing(client: &OnceClient) -> Option<String> {
    let account = client.account();
    match client.last_login().map(|login| login.result) {
        Some(Err(failure)) if failure.refused => return Some(format!("account {account}: {}", refused())),
        Some(Err(failure)) => return Some(format!("account {account}: {}", failed(&failure))),
        Some(Ok(())) | None => {}
    }
    let pauses = client.breaker_state() != BreakerState::Closed;
    pauses.then(|| format!("account {account}: {}", AccountFailure::CircuitOpen.text()))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn login(failure: LoginFailure) -> LastLogin {
        LastLogin {
            at: Utc::now(),
            result: Err(failure),
        }
    }

    #[test]
    fn refused_credentials_and_a_failing_endpoint_have_texts_of_their_own() {
        let failure = LoginFailure {
            refused: true,
            status: Some(400),
            code: None,
            message: "Incorrect username or password.".into(),
            request_id: None,
        };
        let (word, sentence) = told(Some(&login(failure.clone())));
        assert_eq!(word, LoginResult::Refused);
        assert!(sentence.contains("Account → Management API Access"), "{sentence}");

        let failing = LoginFailure {
            refused: false,
            status: Some(503),
            ..failure
        };
        let (word, sentence) = told(Some(&login(failing)));
        assert_eq!(word, LoginResult::Failed);
        assert!(
            sentence.contains("answered 503") && !sentence.contains("portal"),
            "{sentence}"
        );
        assert!(
            !sentence.contains("Incorrect"),
            "1NCE's own text is for those who may ask 1NCE"
        );
    }
}
