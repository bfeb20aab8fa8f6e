//! How the generations of the SIM API stand: asked once, kept in Redis and in the process, asked again when a
//! generation seems to be gone (FACTS §1: v1 is retired on 31 Dec 2026).

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedMutexGuard, oneshot};
use tracing::Instrument;

use super::OnceClient;
use super::generation_map::FAILURE_PAUSE;
use super::signs::{DOUBTFUL_LIFE, Sign, judge};
use crate::capability::{Capabilities, Capability, Generation, Generations};
use crate::error::ClientError;
use crate::known::{self, Standings};
use crate::lane::Lane;
use crate::readiness::{Readiness, Standing};

/// How much longer the second generation may take to show itself before the first one's answer is used alone.
const HEAD_START: Duration = Duration::from_secs(1);

type Signs = (Result<Sign, ClientError>, Result<Sign, ClientError>);

/// Who waits for the answer of 1NCE, and the right to ask.
struct Waiting {
    reply: Option<oneshot::Sender<Result<Standings, ClientError>>>,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Waiting {
    /// Tells the answer, once, and lets the next one ask.
    fn tell(&mut self, answer: Result<Standings, ClientError>) {
        if let Some(reply) = self.reply.take()
            && reply.send(answer).is_err()
        {
            tracing::trace!("nobody waits for the generations any more");
        }
        self.turn = None;
    }
}

fn silent<T>(why: &str) -> Result<T, ClientError> {
    Err(ClientError::Transport {
        message: why.to_owned(),
        may_be_sent: true,
        request_id: None,
    })
}

/// A 401 in one generation while the other one takes the same token is a refusal.
fn with_refusals((v2, v1): Signs) -> Signs {
    let refused = |sign: Result<Sign, ClientError>, other_lives: bool| match sign {
        Err(ClientError::Unauthorized { .. }) if other_lives => Ok(Sign::Refused(401)),
        other => other,
    };
    let (v2_lives, v1_lives) = (v2 == Ok(Sign::Alive), v1 == Ok(Sign::Alive));
    (refused(v2, v1_lives), refused(v1, v2_lives))
}

/// Whether the token itself is refused, as far as both answers tell.
fn refuses_the_token((v2, v1): &Signs) -> bool {
    let refused = |sign: &Result<Sign, ClientError>| matches!(sign, Err(ClientError::Unauthorized { .. }));
    let lives = |sign: &Result<Sign, ClientError>| *sign == Ok(Sign::Alive);
    (refused(v2) || refused(v1)) && !lives(v2) && !lives(v1)
}

impl OnceClient {
    pub(super) async fn capability_map(&self) -> Capabilities {
        let map = &self.inner.generations;
        match self.standings(Lane::Interactive).await {
            Ok(standings) => {
                known::capabilities(&standings, &map.lessons(), map.setting == Generations::Auto)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot ask 1NCE what this account offers; assuming all");
                let assumed = Standings::new(Standing::Alive, Standing::Alive, None);
                known::capabilities(&assumed, &map.lessons(), false)
            }
        }
    }

    /// How the generations stand and what calls taught about each capability, for health checks and people. Asks 1NCE
    /// when nothing is known yet or that is too old.
    pub async fn readiness(&self) -> Readiness {
        let standings = self.standings(Lane::Interactive).await.ok();
        known::readiness(standings.as_ref(), &self.inner.generations.lessons())
    }

    /// How a generation of the SIM API stands: gone for certain, or merely failing, so that nothing that it does not
    /// answer may be taken for absent.
    ///
    /// # Errors
    /// Why 1NCE could not be asked.
    pub async fn standing(&self, lane: Lane, generation: Generation) -> Result<Standing, ClientError> {
        let standings = self.standings(lane).await;
        let standings = standings.map_err(|error| unknown(Capability::Sims, error))?;
        Ok(standings.of(generation).clone())
    }

    /// A sweep waits for the end of an outage, but not while it holds up people who ask the same.
    pub(super) async fn standings(&self, lane: Lane) -> Result<Standings, ClientError> {
        loop {
            match self.try_standings(lane).await {
                Err(ClientError::CircuitOpen { retry_in }) if lane == Lane::Background => {
                    tokio::time::sleep(retry_in.max(FAILURE_PAUSE)).await;
                }
                Err(ClientError::BudgetTimeout { .. }) if lane == Lane::Background => {
                    tokio::time::sleep(FAILURE_PAUSE).await;
                }
                result => return result,
            }
        }
    }

    /// An outdated answer serves while a newer one is asked for; without one, a caller waits as long as its lane does.
    async fn try_standings(&self, lane: Lane) -> Result<Standings, ClientError> {
        let map = &self.inner.generations;
        if let Some(configured) = Standings::configured(map.setting) {
            return Ok(configured);
        }
        if let Some(standings) = map.cached() {
            return Ok(standings);
        }
        if let Some(standings) = map.outdated().filter(Standings::any_alive) {
            if let Ok(turn) = map.asking.clone().try_lock_owned() {
                drop(self.renew_in_task(turn, None));
            }
            return Ok(standings);
        }
        let Some(limit) = self.inner.config.lane_max_wait[lane.index()] else {
            return self.renew(None).await;
        };
        tokio::time::timeout(limit, Box::pin(self.renew(None)))
            .await
            .unwrap_or_else(|_| silent("neither generation of the SIM API has shown itself in time"))
    }

    /// The answer of Redis or of 1NCE, after whoever asks already; of 1NCE alone, and asked after the moment of the
    /// `doubt`, when there is one.
    pub(super) async fn renew(&self, doubt: Option<Instant>) -> Result<Standings, ClientError> {
        let turn = self.inner.generations.asking.clone().lock_owned().await;
        let answer = self.renew_in_task(turn, doubt);
        answer
            .await
            .unwrap_or_else(|_| silent("the task that asks for the generations has ended"))
    }

    /// In a task of its own: callers that go away must neither lose the answer nor leave a failure uncounted.
    fn renew_in_task(
        &self,
        turn: OwnedMutexGuard<()>,
        doubt: Option<Instant>,
    ) -> oneshot::Receiver<Result<Standings, ClientError>> {
        let (reply, answer) = oneshot::channel();
        let mut waiting = Waiting {
            reply: Some(reply),
            turn: Some(turn),
        };
        let client = self.clone();
        let work = async move {
            let answer = client.renewed(doubt, &mut waiting).await;
            waiting.tell(answer);
        };
        tokio::spawn(work.in_current_span());
        answer
    }

    async fn renewed(&self, doubt: Option<Instant>, waiting: &mut Waiting) -> Result<Standings, ClientError> {
        let map = &self.inner.generations;
        // Another caller may have asked while this one waited.
        let known = match doubt {
            Some(since) => map.asked_since(since),
            None => map.cached(),
        };
        if let Some(standings) = known {
            return Ok(standings);
        }
        // Breakers that hold both generations back answer at once and tell for how long.
        let held_back = [Generation::V1, Generation::V2].into_iter().all(|generation| {
            let breaker = self.inner.breakers.sims(generation.word());
            breaker.wait(Instant::now()).is_some()
        });
        if let Some(error) = map.failed_just_now().filter(|_| !held_back) {
            return Err(error);
        }
        if doubt.is_none()
            && let Some(standings) = map.load().await
        {
            return Ok(standings);
        }
        let answer = self.ask(waiting).await;
        if let Err(error) = &answer {
            map.known().failure = Some((error.clone(), Instant::now() + FAILURE_PAUSE));
        }
        answer
    }

    /// Asks both generations for one SIM each; a token that neither takes is replaced once.
    async fn ask(&self, waiting: &mut Waiting) -> Result<Standings, ClientError> {
        let asked = Instant::now();
        let map = &self.inner.generations;
        let before = map.outdated();
        let mut signs = self.signs(asked, waiting).await;
        if refuses_the_token(&signs)
            && let Some(refused) = self.inner.tokens.held()
        {
            self.inner.tokens.replace(&refused).await?;
            signs = self.signs(asked, waiting).await;
        }
        let (v2, v1) = with_refusals(signs);
        let (standings, life) = judge(v2, v1)?;
        let standings = standings.after(before.as_ref());
        tracing::info!(
            account = %self.account(),
            v1 = ?standings.v1.standing,
            v2 = ?standings.v2.standing,
            "asked which generations of the 1NCE API live"
        );
        map.save(standings.clone(), life, asked).await;
        Ok(standings)
    }

    /// What both generations answer. Who waits is told after a second of the one that lives, should the other hang.
    async fn signs(&self, asked: Instant, waiting: &mut Waiting) -> Signs {
        let mut v2 = pin!(self.sign_of_life(Generation::V2));
        let mut v1 = pin!(self.sign_of_life(Generation::V1));
        let (mut of_v2, mut of_v1) = (None, None);
        loop {
            let one_lives = [&of_v2, &of_v1]
                .into_iter()
                .any(|sign| *sign == Some(Ok(Sign::Alive)));
            tokio::select! {
                sign = &mut v2, if of_v2.is_none() => of_v2 = Some(sign),
                sign = &mut v1, if of_v1.is_none() => of_v1 = Some(sign),
                () = tokio::time::sleep(HEAD_START), if one_lives && waiting.reply.is_some() => {
                    self.tell_early(&of_v2, &of_v1, asked, waiting);
                }
            }
            match (of_v2.take(), of_v1.take()) {
                (Some(v2), Some(v1)) => return (v2, v1),
                (v2, v1) => (of_v2, of_v1) = (v2, v1),
            }
        }
    }

    fn tell_early(
        &self,
        v2: &Option<Result<Sign, ClientError>>,
        v1: &Option<Result<Sign, ClientError>>,
        asked: Instant,
        waiting: &mut Waiting,
    ) {
        let map = &self.inner.generations;
        let sign = |sign: &Option<Result<Sign, ClientError>>| {
            sign.clone().unwrap_or_else(|| silent("no answer yet"))
        };
        let Ok((standings, _)) = judge(sign(v2), sign(v1)) else {
            return;
        };
        let standings = standings.after(map.outdated().as_ref());
        map.keep(standings.clone(), DOUBTFUL_LIFE);
        map.known().asked = Some(asked);
        waiting.tell(Ok(standings));
    }
}

/// A failed question is no failure of the call that was to follow: that one was not sent.
pub(super) fn unknown(capability: Capability, error: ClientError) -> ClientError {
    if error.nothing_sent() {
        return error;
    }
    ClientError::CapabilityUnknown {
        capability,
        why: error.to_string(),
        request_id: error.request_id().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::generation_map::GenerationMap;
    use crate::config::ClientConfig;

    #[test]
    fn a_401_is_a_refusal_where_the_other_generation_takes_the_token() {
        let unauthorized = || Err(ClientError::Unauthorized { request_id: None });
        let (v2, v1) = with_refusals((Ok(Sign::Alive), unauthorized()));
        assert_eq!((v2, v1), (Ok(Sign::Alive), Ok(Sign::Refused(401))));
        assert!(refuses_the_token(&(unauthorized(), unauthorized())));
        assert!(refuses_the_token(&(unauthorized(), Ok(Sign::Gone(404)))));
        assert!(!refuses_the_token(&(Ok(Sign::Alive), unauthorized())));
    }

    #[test]
    fn a_process_believes_an_answer_no_longer_than_all_do() {
        let account = domain::AccountSlug::parse("main").unwrap();
        let config = ClientConfig::new(account, "http://127.0.0.1:1", "id", "secret".into());
        let map = GenerationMap::new(&config, None);
        let standings = Standings::new(Standing::Alive, Standing::Alive, None);
        map.keep(standings.clone(), DOUBTFUL_LIFE);
        let until = map.known().standings.as_ref().map(|(_, until)| *until);
        assert!(until.is_some_and(|until| until <= Instant::now() + DOUBTFUL_LIFE));
        map.keep(standings, Duration::ZERO);
        assert!(map.cached().is_none());
    }
}
