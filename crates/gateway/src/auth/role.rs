use super::{Permission, Permissions};

/// What a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May do everything within its organization, or on the platform.
    Admin,
    /// Works with SIMs, sees no users and no audit log.
    User,
    /// Only looks.
    Readonly,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Admin, Self::User, Self::Readonly];

    /// The word in requests and in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Readonly => "readonly",
        }
    }

    /// The role of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What a user of this role may do.
    pub(crate) fn permissions(self) -> Permissions {
        match self {
            Self::Admin => Permissions::of(&[Permission::Admin]),
            Self::User => Permissions::of(&[
                Permission::ReadSims,
                Permission::WriteSims,
                Permission::ReadUsage,
                Permission::ManageQuotas,
                Permission::SendSms,
                Permission::ManageOrders,
                Permission::ManageAlerts,
                Permission::ManageWebhooks,
            ]),
            Self::Readonly => Permissions::of(&[Permission::ReadSims, Permission::ReadUsage]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_back_and_no_other_word_does() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.word()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
    }

    #[test]
    fn a_role_allows_its_permissions_and_no_more() {
        for permission in Permission::ALL {
            assert!(Role::Admin.permissions().allow(permission));
            let of_admins = [Permission::AdminUsers, Permission::ReadAudit, Permission::Admin];
            assert_eq!(
                Role::User.permissions().allow(permission),
                !of_admins.contains(&permission)
            );
            let reads = [Permission::ReadSims, Permission::ReadUsage];
            assert_eq!(
                Role::Readonly.permissions().allow(permission),
                reads.contains(&permission)
            );
        }
    }
}
