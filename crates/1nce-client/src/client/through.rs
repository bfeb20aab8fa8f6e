//! A call goes through the generation that offers it; after a definite refusal that may concern the path, through the
//! other one. What that taught is kept for all processes. After a timeout, a 5xx or an unreadable answer of a call
//! that must not be repeated the generation is never changed.

use std::pin::Pin;
use std::time::Instant;

use super::OnceClient;
use super::call::Call;
use super::generations::unknown;
use super::refusal::Refused;
use super::settling::elsewhere;
use crate::capability::{Capability, Generation, Generations};
use crate::error::ClientError;
use crate::http::Answer;
use crate::known::{Lacking, Standings, choose};
use crate::lane::Lane;
use crate::readiness::Standing;

/// A call that is being made up.
pub(super) type Making<'a> = Pin<Box<dyn Future<Output = Result<Call, ClientError>> + Send + 'a>>;
/// A call on its way through one generation or the other.
type Going<'a> = Pin<Box<dyn Future<Output = Result<(Generation, Answer), ClientError>> + Send + 'a>>;

impl OnceClient {
    /// Whether a capability can be had now, and in which generation, without sending the call itself. Ask it before
    /// work that would be in vain otherwise. Asks 1NCE for the generations when nothing is known of them.
    ///
    /// # Errors
    /// [`ClientError::CapabilityUnavailable`], [`ClientError::CapabilityUnknown`] or why 1NCE could not be asked.
    pub async fn check(&self, lane: Lane, capability: Capability) -> Result<Generation, ClientError> {
        self.next_generation(capability, lane, &[]).await
    }

    /// A call whose text is the same in both generations or follows from the generation alone.
    pub(super) async fn sims_call(
        &self,
        capability: Capability,
        make: impl Fn(Generation) -> Call + Sync,
    ) -> Result<(Generation, Answer), ClientError> {
        let lane = make(Generation::V2).lane;
        let ready = |generation| -> Making<'_> { Box::pin(std::future::ready(Ok(make(generation)))) };
        self.through(capability, lane, &ready).await
    }

    /// A call that each generation may need another text for, which may have to be read first.
    pub(super) fn through<'a>(
        &'a self,
        capability: Capability,
        lane: Lane,
        make: &'a (dyn Fn(Generation) -> Making<'a> + Sync),
    ) -> Going<'a> {
        // Boxed: futures of callers, nested this deep, are too much for the compiler.
        Box::pin(self.go(capability, lane, make))
    }

    async fn go<'a>(
        &'a self,
        capability: Capability,
        lane: Lane,
        make: &'a (dyn Fn(Generation) -> Making<'a> + Sync),
    ) -> Result<(Generation, Answer), ClientError> {
        let mut refused: Vec<Refused> = Vec::new();
        loop {
            let generation = match self.next_generation(capability, lane, &refused).await {
                Ok(generation) => generation,
                Err(none) if refused.is_empty() => return Err(none),
                Err(none) => return Err(self.settle(capability, lane, refused, none).await),
            };
            let call = make(generation).await?;
            let sent = Instant::now();
            match self.call_in(capability, generation, &call).await {
                Ok(answer) => {
                    self.learn_from_success(capability, generation, refused).await;
                    let absent = answer.is_empty() && call.endpoint.is_read();
                    if absent && self.may_be_elsewhere(generation) {
                        return Err(elsewhere(capability));
                    }
                    return Ok((generation, answer));
                }
                Err(error) => {
                    let refusal = self.doubt(capability, generation, &call, error, sent).await?;
                    refused.push(refusal);
                }
            }
        }
    }

    /// A call in one generation and no other.
    pub(super) async fn call_pinned(
        &self,
        capability: Capability,
        generation: Generation,
        call: &Call,
    ) -> Result<Answer, ClientError> {
        let sent = Instant::now();
        match self.call_in(capability, generation, call).await {
            Ok(answer) => {
                self.learn_from_success(capability, generation, Vec::new()).await;
                Ok(answer)
            }
            Err(error) => {
                let refusal = self.doubt(capability, generation, call, error, sent).await?;
                let lives = matches!(refusal.generation_lives, Ok(true));
                let told = refusal.error.clone();
                let none = ClientError::CapabilityUnavailable {
                    capability,
                    why: String::new(),
                };
                let settled = self.settle(capability, call.lane, vec![refusal], none).await;
                // Whoever asks one generation alone wants to know what it tells, readable or not.
                Err(match told {
                    ClientError::Decode { .. } if lives => told,
                    _ => settled,
                })
            }
        }
    }

    /// The path segment: of a generation, or of orders, products and support as configured.
    pub(super) fn segment(&self, capability: Capability, generation: Generation) -> &str {
        match &self.inner.config.orders_version {
            Some(version) if !capability.is_of_sims() => version,
            _ => generation.word(),
        }
    }

    /// Sends a call. A 401 throws the token away only when no generation takes it.
    pub(super) async fn call_in(
        &self,
        capability: Capability,
        generation: Generation,
        call: &Call,
    ) -> Result<Answer, ClientError> {
        let segment = self.segment(capability, generation);
        if self.inner.generations.setting != Generations::Auto {
            return self.call(segment, call).await;
        }
        let kept = call.clone().keeping_token();
        let before = self.inner.tokens.held();
        let sent = Instant::now();
        match self.call(segment, &kept).await {
            Err(error @ ClientError::Unauthorized { .. }) => {
                self.renew(Some(sent))
                    .await
                    .map_err(|failed| unknown(capability, failed))?;
                let now = self.inner.tokens.held();
                let replaced = now.is_some_and(|now| before.is_none_or(|before| !before.same(&now)));
                if replaced {
                    self.inner.metrics.retry(call.endpoint.name);
                    self.call(segment, &kept).await
                } else {
                    Err(error)
                }
            }
            result => result,
        }
    }

    /// The generation to call, of those that have not refused yet.
    pub(super) async fn next_generation(
        &self,
        capability: Capability,
        lane: Lane,
        refused: &[Refused],
    ) -> Result<Generation, ClientError> {
        let lessons = self.inner.generations.lessons();
        let tried: Vec<Generation> = refused.iter().map(|refused| refused.generation).collect();
        let chosen = if !capability.is_of_sims() {
            let alive = Standings::new(Standing::Alive, Standing::Alive, None);
            match &self.inner.config.orders_version {
                // A version of the operator's is used whatever it answers.
                Some(_) if tried.is_empty() => Ok(Generation::V1),
                Some(version) => Err(Lacking {
                    why: format!("only {version} is configured"),
                    for_now: false,
                }),
                None => choose(&alive, &lessons, capability, &tried),
            }
        } else {
            let standings = self.standings(lane).await;
            let standings = standings.map_err(|error| unknown(capability, error))?;
            choose(&standings, &lessons, capability, &tried)
        };
        chosen.map_err(|lacking| match lacking {
            Lacking { why, for_now: true } => ClientError::CapabilityUnknown {
                capability,
                why,
                request_id: None,
            },
            Lacking { why, .. } => ClientError::CapabilityUnavailable { capability, why },
        })
    }
}
