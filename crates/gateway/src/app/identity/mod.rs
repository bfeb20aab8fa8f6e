//! Who may ask: people and their sessions, keys and organizations.

mod counts;
pub(crate) mod keys;
pub(crate) mod organizations;
pub(crate) mod sessions;
pub(crate) mod users;

use std::net::IpAddr;
use std::sync::Arc;

use domain::OrganizationId;
use messages::pb::common::Actor;
use service_runtime::Shared;
use service_runtime::db::Db;

use self::counts::IdentityCounts;
use super::RequestContext;
use crate::auth::{
    LoginThrottle, PasswordError, Passwords, RefreshHasher, SessionVerifier, Throttled, Turns,
};
use crate::config::GatewayConfig;
use crate::error::{ApiCode, ApiError};
use crate::store::audit::AuditEntry;
use crate::store::identity::sessions::Sessions;

/// What logins stand on.
pub(crate) struct Identity {
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

/// Where a request came from whose caller is not known yet.
#[derive(Debug, Clone)]
pub struct Origin {
    pub request_id: Arc<str>,
    pub remote_addr: Option<IpAddr>,
    pub user_agent: Option<String>,
}

impl Origin {
    fn entry(
        &self,
        actor: Actor,
        organization: Option<OrganizationId>,
        action: &str,
        subject: String,
        details: serde_json::Value,
    ) -> AuditEntry {
        AuditEntry {
            actor,
            organization,
            action: action.to_owned(),
            subject,
            request_id: self.request_id.to_string(),
            remote_addr: self.remote_addr.map(|addr| addr.to_string()),
            details,
        }
    }
}

impl RequestContext {
    /// The row of the audit log about something that this caller does.
    pub fn entry(
        &self,
        action: &str,
        organization: Option<OrganizationId>,
        subject: String,
        details: serde_json::Value,
    ) -> AuditEntry {
        AuditEntry {
            actor: self.principal.actor(),
            organization,
            action: action.to_owned(),
            subject,
            request_id: self.request_id.to_string(),
            remote_addr: self.remote_addr.map(|addr| addr.to_string()),
            details,
        }
    }
}

fn database(error: sea_orm::DbErr) -> ApiError {
    ApiError::database(&error)
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::new(
                ApiCode::Unavailable,
                "too many passwords are being checked at once",
            ),
            error @ PasswordError::Failed(_) => Self::internal(&error),
        }
    }
}

impl From<Throttled> for ApiError {
    fn from(Throttled(wait): Throttled) -> Self {
        let mut error = Self::new(ApiCode::RateLimited, "too many failed attempts; try again later");
        error.retry_after = Some(wait);
        error
    }
}
