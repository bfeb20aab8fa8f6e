//! What a generation of the SIM API answers to the question whether it is there, and what both answers mean together.

use std::time::Duration;

use reqwest::Method;

use super::OnceClient;
use super::call::{Call, Endpoint, Group};
use crate::capability::Generation;
use crate::error::ClientError;
use crate::known::Standings;
use crate::lane::Lane;
use crate::readiness::Standing;
use crate::retry::RetryClass;
use crate::wire::array;

/// A name of its own: the budget knows the usual time of each endpoint, and a page of one SIM is quicker than a hundred.
/// A generation is alive only when its list reads.
pub(super) static PROBE: Endpoint = Endpoint::new(
    "GET /sims (probe)",
    Method::GET,
    Group::Sims,
    RetryClass::OnceMore,
)
.reading(|body| array(body).map(drop));
/// How long a generation may take to show itself; people may wait for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long all processes believe an answer of 1NCE.
const LIFE: Duration = Duration::from_secs(3_600);
/// The same when one generation could not be asked, or answered as no API does.
pub(super) const DOUBTFUL_LIFE: Duration = Duration::from_secs(60);
/// The same when neither lives: more likely an outage than the truth.
const NEITHER_LIFE: Duration = Duration::from_secs(10);

/// What a generation answers to the question whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    Alive,
    /// 401 or 403: gone if the other generation takes the same token, otherwise a right that the account lacks.
    Refused(u16),
    /// A redirect, or a 200 that is no list: gone if the other generation lives, otherwise an outage.
    Foreign(u16),
    /// 404 or 410.
    Gone(u16),
}

fn gone(status: u16, what: &str) -> Standing {
    Standing::Gone {
        status,
        what: what.to_owned(),
    }
}

/// Where a generation stands, given whether the other one lives.
fn standing(sign: Result<Sign, ClientError>, other_lives: bool) -> Standing {
    match sign {
        Ok(Sign::Alive) => Standing::Alive,
        Ok(Sign::Gone(status)) => gone(status, &format!("is gone: it answers {status}")),
        Ok(Sign::Refused(status)) if other_lives => gone(
            status,
            &format!("refuses every call with {status}, while the other generation takes the same token"),
        ),
        // An account that lacks the right in both generations is told so by the real call.
        Ok(Sign::Refused(_)) => Standing::Alive,
        Ok(Sign::Foreign(status)) if other_lives && (300..400).contains(&status) => {
            gone(status, &format!("answers {status}, which leads elsewhere"))
        }
        Ok(Sign::Foreign(status)) if other_lives => gone(
            status,
            &format!("answers {status} with something that is no SIM list"),
        ),
        Ok(Sign::Foreign(status)) => Standing::Failing {
            why: format!("answers {status} with something that is no SIM list"),
        },
        Err(error) => Standing::Failing {
            why: error.to_string(),
        },
    }
}

/// How both generations stand, and how long to believe it. One that fails does not take the other along; an error when
/// neither can be used and one of them may come back.
pub(super) fn judge(
    v2: Result<Sign, ClientError>,
    v1: Result<Sign, ClientError>,
) -> Result<(Standings, Duration), ClientError> {
    let lives = |sign: &Result<Sign, ClientError>| matches!(sign, Ok(Sign::Alive));
    let usable = |sign: &Result<Sign, ClientError>| matches!(sign, Ok(Sign::Alive | Sign::Refused(_)));
    let settled = |sign: &Result<Sign, ClientError>| !matches!(sign, Ok(Sign::Foreign(_)) | Err(_));
    let life = match (&v2, &v1) {
        (Ok(Sign::Gone(_)), Ok(Sign::Gone(_))) => NEITHER_LIFE,
        (v2, v1) if !usable(v2) && !usable(v1) => {
            return Err(failure(v2.clone(), v1.clone()));
        }
        (v2, v1) if settled(v2) && settled(v1) => LIFE,
        _ => DOUBTFUL_LIFE,
    };
    let (v2_lives, v1_lives) = (lives(&v2), lives(&v1));
    let standings = Standings::new(
        standing(v2, v1_lives),
        standing(v1, v2_lives),
        Some(chrono::Utc::now()),
    );
    Ok((standings, life))
}

fn failure(v2: Result<Sign, ClientError>, v1: Result<Sign, ClientError>) -> ClientError {
    let foreign = [&v2, &v1].into_iter().find_map(|sign| match sign {
        Ok(Sign::Foreign(status)) => Some(*status),
        _ => None,
    });
    v2.err().or(v1.err()).unwrap_or_else(|| ClientError::Server {
        status: foreign.unwrap_or_default(),
        message: "neither generation of the SIM API answers with a list of SIMs".to_owned(),
        request_id: None,
    })
}

impl OnceClient {
    /// Asks a generation for one SIM, in the lane that waits for nobody: people may wait for the answer. A 401 comes
    /// back as an error, with the token as it was.
    pub(super) async fn sign_of_life(&self, generation: Generation) -> Result<Sign, ClientError> {
        let mut call = Call::new(&PROBE, Lane::Interactive, "/sims")
            .query("page", 1)
            .query("pageSize", 1)
            .keeping_token();
        call.timeout = Some(PROBE_TIMEOUT.min(self.inner.config.call_timeout));
        match self.call(generation.word(), &call).await {
            Ok(_) => Ok(Sign::Alive),
            Err(ClientError::NotFound { .. }) => Ok(Sign::Gone(404)),
            Err(ClientError::Rejected { status: 410, .. }) => Ok(Sign::Gone(410)),
            // The edge answers 403 where it knows no route, and also where the account lacks a right.
            Err(ClientError::Rejected { status: 403, .. }) => Ok(Sign::Refused(403)),
            Err(ClientError::Decode { status, .. }) => Ok(Sign::Foreign(status)),
            Err(ClientError::Server { status, .. }) if (300..400).contains(&status) => {
                Ok(Sign::Foreign(status))
            }
            // Refused for another reason: the generation is there, and the real call will say what is wrong.
            Err(ClientError::Rejected { .. } | ClientError::Expired { .. }) => Ok(Sign::Alive),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::sims::LIST;

    fn failed() -> Result<Sign, ClientError> {
        Err(ClientError::Server {
            status: 503,
            message: String::new(),
            request_id: None,
        })
    }

    /// Whether v2 and v1 are called, and for how many seconds.
    fn lives(v2: Result<Sign, ClientError>, v1: Result<Sign, ClientError>) -> Option<(bool, bool, u64)> {
        let (standings, life) = judge(v2, v1).ok()?;
        let alive = |standing: &Standing| standing.is_alive();
        let (v2, v1) = (&standings.v2.standing, &standings.v1.standing);
        Some((alive(v2), alive(v1), life.as_secs()))
    }

    #[test]
    fn the_living_generation_is_used_whatever_the_other_answers() {
        let manners = [
            (Ok(Sign::Gone(404)), 3_600),
            (Ok(Sign::Gone(410)), 3_600),
            (Ok(Sign::Refused(403)), 3_600),
            (Ok(Sign::Refused(401)), 3_600),
            (Ok(Sign::Foreign(302)), 60),
            (Ok(Sign::Foreign(200)), 60),
            (failed(), 60),
        ];
        for (manner, life) in manners {
            let alive = || Ok(Sign::Alive);
            assert_eq!(
                lives(alive(), manner.clone()),
                Some((true, false, life)),
                "{manner:?}"
            );
            assert_eq!(
                lives(manner.clone(), alive()),
                Some((false, true, life)),
                "{manner:?}"
            );
        }
    }

    #[test]
    fn without_a_living_generation_only_what_is_certain_counts() {
        let refused = || Ok(Sign::Refused(403));
        assert_eq!(lives(refused(), failed()), Some((true, false, 60)));
        assert_eq!(lives(refused(), refused()), Some((true, true, 3_600)));
        assert_eq!(
            lives(Ok(Sign::Gone(404)), Ok(Sign::Gone(404))),
            Some((false, false, 10))
        );
        assert_eq!(lives(Ok(Sign::Gone(404)), failed()), None);
        assert_eq!(lives(Ok(Sign::Foreign(200)), Ok(Sign::Foreign(200))), None);
        assert_eq!(lives(Ok(Sign::Gone(404)), Ok(Sign::Foreign(302))), None);
        assert_eq!(lives(failed(), failed()), None);
    }

    #[test]
    fn only_404_and_410_say_for_certain_that_a_generation_is_gone() {
        for (sign, certain) in [
            (Sign::Gone(404), true),
            (Sign::Gone(410), true),
            (Sign::Refused(401), false),
            (Sign::Foreign(200), false),
        ] {
            let (standings, _) = judge(Ok(sign.clone()), Ok(Sign::Alive)).unwrap();
            assert_eq!(standings.v2.standing.is_gone_for_certain(), certain, "{sign:?}");
        }
    }

    #[test]
    fn a_page_of_one_sim_does_not_make_a_page_of_a_hundred_look_late() {
        assert_ne!(PROBE.name, LIST.name);
    }
}
