//! Who may ask: people and their sessions, keys and organizations.

pub(crate) mod keys;
pub(crate) mod organizations;
pub(crate) mod sessions;
pub(crate) mod users;

use std::net::IpAddr;
use std::sync::Arc;

use domain::OrganizationId;
use messages::pb::common::Actor;

use super::RequestContext;
use crate::auth::{PasswordError, Throttled};
use crate::error::{ApiCode, ApiError};
use crate::store::audit::AuditEntry;

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
