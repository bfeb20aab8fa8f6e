//! What an answer means, whatever the endpoint (FACTS §14).

use super::endpoint::{Endpoint, Group};
use crate::error::{ClientError, excerpt};
use crate::http::Answer;
use crate::wire::{Fields, Unreadable, error_body, teller};

impl Answer {
    /// Reads one object; an empty body is `None`, as v1 answers for an unknown card.
    pub(super) fn object<T>(
        &self,
        endpoint: &'static Endpoint,
        read: impl FnOnce(Fields) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, ClientError> {
        if self.is_empty() {
            return Ok(None);
        }
        Fields::parse(&self.body)
            .and_then(read)
            .map(Some)
            .map_err(|reason| self.unreadable(endpoint, reason))
    }

    pub(super) fn unreadable(&self, endpoint: &'static Endpoint, reason: Unreadable) -> ClientError {
        ClientError::Decode {
            endpoint: endpoint.name,
            status: self.status,
            reason: reason.0,
            excerpt: excerpt(&self.body),
            request_id: self.request_id.clone(),
        }
    }
}

/// Whether 1NCE says "Traffic limit of X SMS per month exceeded"; under which 4xx is unconfirmed (FACTS §10, §19).
pub(super) fn limit_reached(endpoint: &Endpoint, answer: &Answer) -> bool {
    if endpoint.group != Group::Sims || !(400..=499).contains(&answer.status) {
        return false;
    }
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    text.contains("traffic limit of") && text.contains("exceeded")
}

/// v1 says 422 of an expired SIM; v2 declares no 422, so there only the text tells (FACTS §5, FACTS-2026-11 U8).
fn is_expired(endpoint: &Endpoint, version: &str, status: u16, message: &str) -> bool {
    let says_so = message.to_ascii_lowercase().contains("expired");
    endpoint.group == Group::Sims
        && ((version == "v1" && status == 422) || (matches!(status, 409 | 422) && says_so))
}

/// The answer of a success, or what another one means.
pub(super) fn verdict(
    endpoint: &'static Endpoint,
    version: &str,
    answer: Answer,
) -> Result<Answer, ClientError> {
    let request_id = answer.request_id.clone();
    let told = || error_body(&answer.body);
    match answer.status {
        status if endpoint.accepts.contains(&status) => match (endpoint.reads)(&answer.body) {
            Ok(()) => Ok(answer),
            Err(reason) => Err(answer.unreadable(endpoint, reason)),
        },
        status @ 200..=299 => {
            let reason = format!("{status} is no success of this call");
            Err(answer.unreadable(endpoint, Unreadable::new(reason)))
        }
        _ if limit_reached(endpoint, &answer) => {
            let message = Some(told().message).filter(|text| !text.is_empty());
            Err(ClientError::LimitReached {
                message: message.unwrap_or_else(|| excerpt(&answer.body)),
                request_id,
            })
        }
        401 => Err(ClientError::Unauthorized { request_id }),
        404 => Err(ClientError::NotFound {
            endpoint: endpoint.name,
            by: teller(&answer.body),
            request_id,
        }),
        429 => Err(ClientError::Throttled {
            retry_after: answer.retry_after,
            request_id,
        }),
        status @ 400..=499 => {
            let body = told();
            if is_expired(endpoint, version, status, &body.message) {
                return Err(ClientError::Expired { request_id });
            }
            Err(ClientError::Rejected {
                status,
                code: body.code,
                message: body.message,
                request_id,
            })
        }
        // A redirect or 1xx is no answer of this API; a repeat may meet a healthy server.
        status => Err(ClientError::Server {
            status,
            message: told().message,
            request_id,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static READ: Endpoint = Endpoint::sims_get("GET /x");
    static ACTION: Endpoint = Endpoint::sims_action("POST /x");
    static SET: Endpoint = Endpoint::sims_set("POST /sims/limits");
    static ORDER: Endpoint = Endpoint::shop_action("POST /orders", Group::Orders);

    fn of(
        endpoint: &'static Endpoint,
        version: &str,
        status: u16,
        body: &str,
    ) -> Result<Answer, ClientError> {
        verdict(endpoint, version, Answer::test(status, body))
    }

    #[test]
    fn a_success_has_a_promised_status_and_no_page_of_a_proxy_as_body() {
        for (endpoint, status, body, success) in [
            (&READ, 200, "[]", true),
            (&READ, 200, "", true),
            (&READ, 200, "<html>", false),
            (&READ, 204, "", false),
            (&ACTION, 201, "", true),
            (&ACTION, 201, r#"{"id":"1"}"#, true),
            (&ACTION, 201, "<html>", false),
            (&ACTION, 200, "{}", false),
            (&ACTION, 202, "", false),
            (&SET, 200, "{}", true),
            (&SET, 202, "", false),
            (&ORDER, 200, "{}", true),
            (&ORDER, 201, "", true),
            (&ORDER, 200, "OK", false),
        ] {
            let answer = of(endpoint, "v1", status, body);
            assert_eq!(answer.is_ok(), success, "{} {status} {body}", endpoint.name);
        }
    }

    #[test]
    fn an_expired_sim_is_told_by_422_on_v1_and_by_its_text_on_v2() {
        let expired = |version, status, body| {
            matches!(
                of(&ACTION, version, status, body),
                Err(ClientError::Expired { .. })
            )
        };
        let says_so = r#"{"message":"SIM is expired"}"#;
        assert!(expired("v1", 422, ""));
        assert!(expired("v2", 422, says_so) && expired("v2", 409, says_so));
        assert!(!expired("v2", 422, "") && !expired("v2", 409, "{}") && !expired("v2", 400, says_so));
    }
}
