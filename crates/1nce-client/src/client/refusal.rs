//! What a failed call says about its path: nothing, that the path may be missing, or that it certainly is.

use domain::Iccid;

use super::call::Call;
use super::sims::LIST;
use crate::capability::{Capability, Certainty, Generation};
use crate::error::{ClientError, Teller};
use crate::retry::RetryClass;

/// What has to be true for the path to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing more.
    Sure,
    /// 1NCE knows every SIM that the call named.
    SimsKnown,
    /// The same call works in the other generation; until then it may be a right that the account lacks.
    Contrast,
    /// As `Contrast`; or nothing is known of the path yet. Only of calls that may be repeated.
    Unreadable,
}

/// A definite refusal that may concern the path. It proves that nothing was done.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub generation: Generation,
    pub error: ClientError,
    pub proof: Proof,
    /// The SIMs that the call named.
    pub iccids: Vec<Iccid>,
    /// Whether the whole generation lives, asked after the refusal; or why that could not be asked.
    pub generation_lives: Result<bool, ClientError>,
}

/// Whether a body is something that the API never writes.
fn is_foreign(excerpt: &str) -> bool {
    !matches!(excerpt.trim_start().bytes().next(), None | Some(b'{' | b'['))
}

/// Whether a failure may concern the path, and by what that would be proven. `proven`: this path has worked, or the
/// published specification has it.
pub(super) fn suspicion(
    capability: Capability,
    call: &Call,
    error: &ClientError,
    proven: bool,
) -> Option<Proof> {
    let repeatable = matches!(call.endpoint.class, RetryClass::Repeatable | RetryClass::Single);
    match error {
        ClientError::NotFound { by, .. } => not_found(capability, call, *by, proven),
        ClientError::Rejected {
            status: 405 | 410, ..
        } => Some(Proof::Sure),
        // The edge answers 403 where it knows no route; it may also be a right that the account lacks.
        ClientError::Rejected {
            status: 403,
            code: None,
            ..
        }
        | ClientError::Unauthorized { .. } => Some(Proof::Contrast),
        ClientError::Server {
            status: 300..=399 | 501,
            ..
        } if repeatable => Some(Proof::Unreadable),
        ClientError::Decode { excerpt, .. } if repeatable && (!proven || is_foreign(excerpt)) => {
            Some(Proof::Unreadable)
        }
        ClientError::Rejected {
            status: 400 | 422, ..
        } if call.endpoint.is_read() && !proven && capability.certainty() == Certainty::Unknown => {
            Some(Proof::Unreadable)
        }
        _ => None,
    }
}

fn not_found(capability: Capability, call: &Call, by: Teller, proven: bool) -> Option<Proof> {
    let is_list = call.endpoint.name == LIST.name;
    // Only usage is not believed even so: an account may have the SIM and no usage of it.
    let believed =
        by == Teller::Api && proven && capability.is_of_sims() && capability != Capability::Usage && !is_list;
    if believed {
        return None;
    }
    let one_sim = call.iccids.len() == 1;
    match by {
        _ if call.iccids.is_empty() => Some(Proof::Sure),
        // A body that no API writes needs no look at a hundred SIMs.
        Teller::Foreign if !one_sim => Some(Proof::Sure),
        _ => Some(Proof::SimsKnown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::{Endpoint, Group};
    use crate::lane::Lane;

    static READ: Endpoint = Endpoint::sims_get("GET /x");
    static ACTION: Endpoint = Endpoint::sims_action("POST /x");

    fn call(endpoint: &'static Endpoint) -> Call {
        assert_eq!(endpoint.group, Group::Sims);
        let card = Iccid::parse("8988999000000000017").unwrap();
        Call::new(endpoint, Lane::Interactive, "/x").about(&[card])
    }

    fn rejected(status: u16) -> ClientError {
        ClientError::Rejected {
            status,
            code: None,
            message: String::new(),
            request_id: None,
        }
    }

    #[test]
    fn an_answer_that_proves_nothing_never_moves_an_action_to_the_other_generation() {
        let unreadable = ClientError::Decode {
            endpoint: "x",
            status: 200,
            reason: String::new(),
            excerpt: "<html>".into(),
            request_id: None,
        };
        let server = |status| ClientError::Server {
            status,
            message: String::new(),
            request_id: None,
        };
        let cut = ClientError::Transport {
            message: "cut".into(),
            may_be_sent: true,
            request_id: None,
        };
        let of =
            |endpoint, error: &ClientError| suspicion(Capability::Extension, &call(endpoint), error, false);
        for error in [&unreadable, &server(302), &server(501)] {
            assert_eq!(of(&ACTION, error), None, "{error:?}");
            assert_eq!(of(&READ, error), Some(Proof::Unreadable), "{error:?}");
        }
        for error in [&server(500), &server(503), &cut] {
            assert_eq!(of(&ACTION, error), None, "{error:?}");
            assert_eq!(of(&READ, error), None, "{error:?}");
        }
        for status in [405, 410] {
            assert_eq!(of(&ACTION, &rejected(status)), Some(Proof::Sure), "{status}");
        }
        for status in [400, 409, 429] {
            assert_eq!(of(&ACTION, &rejected(status)), None, "{status}");
        }
    }

    #[test]
    fn a_404_is_about_the_sim_only_when_the_api_says_so_of_a_path_that_exists() {
        let not_found = |by| ClientError::NotFound {
            endpoint: "x",
            by,
            request_id: None,
        };
        let of = |capability, by, proven| suspicion(capability, &call(&READ), &not_found(by), proven);
        assert_eq!(of(Capability::Quota, Teller::Api, true), None);
        assert_eq!(
            of(Capability::Extension, Teller::Api, false),
            Some(Proof::SimsKnown)
        );
        assert_eq!(of(Capability::Usage, Teller::Api, true), Some(Proof::SimsKnown));
        for by in [Teller::Nobody, Teller::Foreign] {
            assert_eq!(of(Capability::Quota, by, true), Some(Proof::SimsKnown), "{by:?}");
        }
    }
}
