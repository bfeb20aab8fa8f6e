use std::sync::Arc;

use service_runtime::Shared;
use service_runtime::db::Db;

use super::identity_counts::IdentityCounts;
use super::{LoginThrottle, Passwords, RefreshHasher, SessionVerifier, Turns};
use crate::config::GatewayConfig;
use crate::store::identity::sessions::Sessions;

/// What logins stand on.
pub struct Identity {
    pub passwords: Passwords,
    pub sessions: SessionVerifier,
    pub throttle: LoginThrottle,
    pub refresh: RefreshHasher,
    pub counts: IdentityCounts,
}

impl Identity {
    pub fn new(config: &GatewayConfig, shared: &Shared, db: &Db, turns: Arc<Turns>) -> Self {
        let (secret, prefix) = (&config.keys.key_secret, &shared.config.redis.prefix);
        Self {
            passwords: Passwords::default(),
            sessions: SessionVerifier::new(
                secret,
                config.keys.ttl(),
                config.limits.of_users(),
                turns,
                Sessions::new(db.clone()),
            ),
            throttle: LoginThrottle::new(shared.redis.clone(), prefix, secret),
            refresh: RefreshHasher::new(secret),
            counts: IdentityCounts::new(&shared.metrics),
        }
    }
}
