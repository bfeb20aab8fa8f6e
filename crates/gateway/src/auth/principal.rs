use std::sync::Arc;

use domain::{OrganizationId, Scope};
use messages::pb::common::{Actor, Scope as WireScope};
use uuid::Uuid;

use crate::limits::Allowance;

use super::{KeyUsage, Permission, Permissions, Role};

/// A caller whose key or token was verified.
#[derive(Debug)]
pub struct Principal {
    pub caller: Caller,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    pub permissions: Permissions,
    /// How many requests there may be.
    pub allowance: Allowance,
}

/// Who that is.
#[derive(Debug)]
pub enum Caller {
    /// A program.
    Key {
        id: Uuid,
        name: String,
        usage: Arc<KeyUsage>,
    },
    /// A person who logged in.
    User {
        id: Uuid,
        username: String,
        role: Role,
        session: Uuid,
    },
}

impl Principal {
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.allow(permission)
    }

    /// Whether data of this organization is the caller's to see.
    pub fn sees(&self, organization: OrganizationId) -> bool {
        self.organization.is_none_or(|own| own == organization)
    }

    /// Whether something of this organization, or of the platform, is the caller's to see.
    pub fn reaches(&self, organization: Option<OrganizationId>) -> bool {
        self.organization.is_none() || self.organization == organization
    }

    /// Whose data a request of this caller may touch.
    pub fn scope(&self) -> WireScope {
        Scope::from(self.organization).into()
    }

    /// The key's or the user's: requests of one id are counted together, whatever the session.
    pub fn id(&self) -> Uuid {
        match &self.caller {
            Caller::Key { id, .. } | Caller::User { id, .. } => *id,
        }
    }

    pub fn actor(&self) -> Actor {
        let kind = match &self.caller {
            Caller::Key { .. } => "api_key",
            Caller::User { .. } => "user",
        };
        Actor {
            kind: kind.to_owned(),
            id: self.id().to_string(),
        }
    }

    /// The key's name or the user's.
    pub fn name(&self) -> &str {
        match &self.caller {
            Caller::Key { name, .. } => name,
            Caller::User { username, .. } => username,
        }
    }
}
