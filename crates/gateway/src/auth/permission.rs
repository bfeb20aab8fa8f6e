use std::fmt;
use std::str::FromStr;

/// What a key or role may do; also the scopes of API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Permission {
    /// See SIMs and how their readings stand.
    ReadSims,
    /// Change SIMs, start readings.
    WriteSims,
    /// See usage.
    ReadUsage,
    /// Top up, set rules and limits.
    ManageQuotas,
    /// Send SMS.
    SendSms,
    /// Place orders.
    ManageOrders,
    /// Alert rules and alerts.
    ManageAlerts,
    /// Webhooks.
    ManageWebhooks,
    /// Users and keys.
    AdminUsers,
    /// See the audit log.
    ReadAudit,
    /// Everything.
    Admin,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 11] = [
        Self::ReadSims,
        Self::WriteSims,
        Self::ReadUsage,
        Self::ManageQuotas,
        Self::SendSms,
        Self::ManageOrders,
        Self::ManageAlerts,
        Self::ManageWebhooks,
        Self::AdminUsers,
        Self::ReadAudit,
        Self::Admin,
    ];

    /// The word in scopes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadSims => "read:sims",
            Self::WriteSims => "write:sims",
            Self::ReadUsage => "read:usage",
            Self::ManageQuotas => "manage:quotas",
            Self::SendSms => "send:sms",
            Self::ManageOrders => "manage:orders",
            Self::ManageAlerts => "manage:alerts",
            Self::ManageWebhooks => "manage:webhooks",
            Self::AdminUsers => "admin:users",
            Self::ReadAudit => "read:audit",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no permission; there are {}", Permission::ALL.map(Permission::word).join(", "))]
pub struct UnknownPermission {
    word: String,
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(word: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .into_iter()
            .find(|permission| permission.word() == word)
            .ok_or_else(|| UnknownPermission {
                word: word.to_owned(),
            })
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u16);

impl Permissions {
    /// The set of these scope words; words of a newer version grant nothing.
    pub fn of_words(words: &[String]) -> Self {
        let known = words.iter().filter_map(|word| word.parse::<Permission>().ok());
        Self(known.fold(0, |bits, permission| bits | permission.bit()))
    }

    pub fn of(permissions: &[Permission]) -> Self {
        Self(permissions.iter().fold(0, |bits, one| bits | one.bit()))
    }

    /// Whether who holds this set may do all that the other set allows.
    pub fn cover(self, other: Self) -> bool {
        self.allow(Permission::Admin) || other.0 & !self.0 == 0
    }

    /// The words of all that it allows.
    pub fn words(self) -> Vec<&'static str> {
        let allowed = Permission::ALL.into_iter().filter(|one| self.allow(*one));
        allowed.map(Permission::word).collect()
    }

    /// Whether the permission, or `admin`, is in the set.
    pub fn allow(self, permission: Permission) -> bool {
        self.0 & (permission.bit() | Permission::Admin.bit()) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.word().parse(), Ok(permission));
        }
        assert!("write:everything".parse::<Permission>().is_err());
    }

    #[test]
    fn a_set_allows_what_it_holds_and_admin_allows_all() {
        let reader = Permissions::of_words(&["read:sims".into(), "from:the-future".into()]);
        let admin = Permissions::of_words(&["admin".into()]);
        assert!(admin.cover(reader) && reader.cover(reader) && !reader.cover(admin));
        assert_eq!(reader.words(), ["read:sims"]);
        assert_eq!(admin.words(), Permission::ALL.map(Permission::word));
        for permission in Permission::ALL {
            assert_eq!(reader.allow(permission), permission == Permission::ReadSims);
            assert!(admin.allow(permission));
            assert!(!Permissions::default().allow(permission));
        }
    }
}
