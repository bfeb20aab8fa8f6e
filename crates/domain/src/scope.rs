use crate::OrganizationId;

/// Whose data a request or a query may touch. Every query of tenant data takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole platform: a platform administrator, or a service itself. Holds what belongs to no organization too.
    All,
    /// One organization's.
    Organization(OrganizationId),
}

impl Scope {
    /// Whether it may touch what belongs to this organization.
    pub fn holds(self, organization: OrganizationId) -> bool {
        self.filter().is_none_or(|id| id == organization.0)
    }

    /// The organization's id, or NULL for all: bind it to `($n::uuid IS NULL OR organization_id = $n)`.
    pub fn filter(self) -> Option<uuid::Uuid> {
        match self {
            Self::All => None,
            Self::Organization(organization) => Some(organization.0),
        }
    }
}

impl From<Option<OrganizationId>> for Scope {
    /// `None` is the whole platform.
    fn from(organization: Option<OrganizationId>) -> Self {
        organization.map_or(Self::All, Self::Organization)
    }
}
