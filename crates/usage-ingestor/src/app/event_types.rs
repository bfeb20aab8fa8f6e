//! Words for 1NCE's events (FACTS §15.3), and the closed set of categories.

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    Connectivity,
    Session,
    Quota,
    Sms,
    Lifecycle,
    Limit,
    Security,
    Other,
}

impl Category {
    const ALL: [Self; 8] = [
        Self::Connectivity,
        Self::Session,
        Self::Quota,
        Self::Sms,
        Self::Lifecycle,
        Self::Limit,
        Self::Security,
        Self::Other,
    ];

    /// The word in answers and filters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connectivity => "connectivity",
            Self::Session => "session",
            Self::Quota => "quota",
            Self::Sms => "sms",
            Self::Lifecycle => "lifecycle",
            Self::Limit => "limit",
            Self::Security => "security",
            Self::Other => "other",
        }
    }

    /// The category of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.word() == word)
    }
}

/// A message from the device, and what became of one to it; their kinds in `sim_events`.
pub const SMS_KINDS: [(i16, &str); 2] = [(2, "sms_mo"), (3, "sms_delivery_report")];

/// 1NCE's number, the word, what it is about.
pub const TYPES: [(i32, &str, Category); 43] = [
    (0, "generic", Category::Other),
    (1, "update_location", Category::Connectivity),
    (2, "update_gprs_location", Category::Connectivity),
    (3, "create_pdp_context", Category::Session),
    (4, "update_pdp_context", Category::Session),
    (5, "delete_pdp_context", Category::Session),
    (6, "user_authentication_failed", Category::Security),
    (7, "application_authentication_failed", Category::Security),
    (8, "sim_activation", Category::Lifecycle),
    (9, "sim_suspension", Category::Lifecycle),
    (10, "sim_deletion", Category::Lifecycle),
    (11, "endpoint_blocked", Category::Limit),
    (12, "organization_blocked", Category::Limit),
    (13, "support_access", Category::Security),
    (14, "multi_factor_authentication", Category::Security),
    (15, "purge_location", Category::Connectivity),
    (16, "purge_gprs_location", Category::Connectivity),
    (17, "self_signup", Category::Other),
    (18, "data_quota_threshold_reached", Category::Quota),
    (19, "data_quota_used_up", Category::Quota),
    (20, "sms_quota_threshold_reached", Category::Quota),
    (21, "sms_quota_used_up", Category::Quota),
    (29, "openvpn_disconnect", Category::Connectivity),
    (30, "openvpn_authentication", Category::Security),
    (42, "endpoint_enabled", Category::Lifecycle),
    (43, "endpoint_disabled", Category::Lifecycle),
    (50, "sim_released", Category::Lifecycle),
    (51, "sim_assigned", Category::Lifecycle),
    (52, "data_quota_enabled", Category::Quota),
    (53, "data_quota_disabled", Category::Quota),
    (54, "sms_quota_enabled", Category::Quota),
    (55, "sms_quota_disabled", Category::Quota),
    (56, "data_quota_assigned", Category::Quota),
    (57, "data_quota_deleted", Category::Quota),
    (58, "sms_quota_assigned", Category::Quota),
    (59, "sms_quota_deleted", Category::Quota),
    (60, "data_quota_expired", Category::Quota),
    (61, "sms_quota_expired", Category::Quota),
    (100, "regional_pool_data_used_up", Category::Quota),
    (101, "regional_pool_data_threshold_reached", Category::Quota),
    (102, "regional_pool_sms_used_up", Category::Quota),
    (103, "regional_pool_sms_threshold_reached", Category::Quota),
    (121, "endpoint_deleted", Category::Lifecycle),
];

/// The word and category of a stored event; one that no version of this program knows is `type_<n>`.
pub fn named(kind: i16, type_id: i32) -> (String, Category) {
    if let Some((_, word)) = SMS_KINDS.into_iter().find(|(known, _)| *known == kind) {
        return (word.to_owned(), Category::Sms);
    }
    match TYPES.into_iter().find(|(known, _, _)| *known == type_id) {
        Some((_, word, category)) => (word.to_owned(), category),
        None => (format!("type_{type_id}"), Category::Other),
    }
}

/// Which stored events a filter lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// All events of these kinds.
    pub kinds: Vec<i16>,
    /// Events of kind 1 with one of these types, or with any other one.
    pub types: Vec<i32>,
    pub types_are_excluded: bool,
}

impl EventFilter {
    /// Reads 1NCE's number, the word of a type, or a category; everything when it is empty. `None` for another word.
    pub fn read(wanted: &str) -> Option<Self> {
        if wanted.is_empty() {
            let kinds = vec![1, 2, 3];
            return Some(Self {
                kinds,
                ..Self::default()
            });
        }
        if let Some(category) = Category::from_word(wanted) {
            return Some(Self::of_category(category));
        }
        let number = wanted.strip_prefix("type_").unwrap_or(wanted).parse().ok();
        let known = TYPES.into_iter().find(|(_, word, _)| *word == wanted);
        if let Some(id) = known.map(|(id, _, _)| id).or(number) {
            let types = vec![id];
            return Some(Self {
                types,
                ..Self::default()
            });
        }
        let (kind, _) = SMS_KINDS.into_iter().find(|(_, word)| *word == wanted)?;
        Some(Self {
            kinds: vec![kind],
            ..Self::default()
        })
    }

    fn of_category(category: Category) -> Self {
        let is_other = category == Category::Other;
        let wanted = |of: Category| {
            if is_other {
                of != Category::Other
            } else {
                of == category
            }
        };
        let types = TYPES.into_iter().filter(|(_, _, of)| wanted(*of));
        let kinds = SMS_KINDS.into_iter().filter(|_| category == Category::Sms);
        Self {
            kinds: kinds.map(|(kind, _)| kind).collect(),
            types: types.map(|(id, _, _)| id).collect(),
            types_are_excluded: is_other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_type_is_told_by_its_number() {
        assert_eq!(named(1, 4711), ("type_4711".to_owned(), Category::Other));
        assert_eq!(named(1, 19), ("data_quota_used_up".to_owned(), Category::Quota));
        assert_eq!(named(2, 0), ("sms_mo".to_owned(), Category::Sms));
    }

    #[test]
    fn every_type_is_found_by_its_number_its_word_and_its_category() {
        for (id, word, category) in TYPES {
            let by_word = EventFilter::read(word).unwrap();
            assert_eq!(by_word.types, [id]);
            assert_eq!(EventFilter::read(&id.to_string()), Some(by_word));
            let by_category = EventFilter::read(category.word()).unwrap();
            assert_eq!(
                by_category.types.contains(&id),
                !by_category.types_are_excluded,
                "{word}"
            );
        }
        assert_eq!(EventFilter::read("type_4711").unwrap().types, [4711]);
        assert_eq!(EventFilter::read("sms").unwrap().kinds, [2, 3]);
        assert_eq!(EventFilter::read("weather"), None);
    }
}
