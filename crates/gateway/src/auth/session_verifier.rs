use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::lookup::{Lookups, Turns};
use super::{AccessTokens, Caller, Principal, Refusal, Role};
use crate::config::RateLimits;
use crate::store::identity::sessions::{Sessions, StoredSession};

/// Verifies access tokens: signature and time here, the session and its user once a second in the database.
pub struct SessionVerifier {
    pub tokens: AccessTokens,
    sessions: Sessions,
    known: Lookups<Uuid, Principal>,
    /// Of every user.
    limits: RateLimits,
}

impl SessionVerifier {
    /// `turns` are those of the pool behind `sessions`.
    pub fn new(
        secret: &SecretString,
        ttl: Duration,
        limits: RateLimits,
        turns: Arc<Turns>,
        sessions: Sessions,
    ) -> Self {
        Self {
            limits,
            tokens: AccessTokens::new(secret),
            sessions,
            known: Lookups::new(ttl, turns),
        }
    }

    /// The user behind an access token.
    pub async fn verify(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        let claims = self.tokens.read(token).ok_or(Refusal::Invalid)?;
        let look = || {
            let (sessions, session, limits) = (self.sessions.clone(), claims.sid, self.limits);
            async move {
                let stored = sessions.find_usable(session).await?;
                Ok::<_, sqlx::Error>(stored.and_then(|stored| principal(session, stored, limits)))
            }
        };
        let found = self.known.get(claims.sid, look).await?;
        let own = |principal: &Arc<Principal>| matches!(principal.caller, Caller::User { id, .. } if id == claims.sub);
        found.filter(own).ok_or(Refusal::Invalid)
    }

    /// A session that just began here.
    pub async fn begun(&self, session: Uuid) {
        self.known.expect(session).await;
    }

    /// A session that just ended here; the other replicas notice it when their knowledge is too old.
    pub async fn ended(&self, session: Uuid) {
        self.known.forget(&session).await;
    }
}

fn principal(session: Uuid, stored: StoredSession, limits: RateLimits) -> Option<Principal> {
    let role = Role::parse(&stored.role)?;
    Some(Principal {
        caller: Caller::User {
            id: stored.user_id,
            username: stored.username,
            role,
            session,
        },
        organization: stored.organization_id.map(domain::OrganizationId),
        permissions: role.permissions(),
        allowance: limits.into(),
    })
}
