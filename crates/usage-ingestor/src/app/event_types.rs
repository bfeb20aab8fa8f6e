//! Words for 1NCE's events (FACTS §15.3), and what each is about.

use domain::EventCategory as Category;

/// A message from the device, and what became of one to it; their kinds in `sim_events`.
pub const SMS_KINDS: [(i16, &str); 2] = [(2, "sms_mo"), (3, "sms_delivery_report")];

/// One of 1NCE's types of events.
#[derive(Debug, Clone, Copy)]
pub struct EventType {
    /// 1NCE's number.
    id: i32,
    word: &'static str,
    category: Category,
}

const fn event(id: i32, word: &'static str, category: Category) -> EventType {
    EventType { id, word, category }
}

/// The types that are known.
pub const TYPES: [EventType; 43] = [
    event(0, "generic", Category::Other),
    event(1, "update_location", Category::Connectivity),
    event(2, "update_gprs_location", Category::Connectivity),
    event(3, "create_pdp_context", Category::Session),
    event(4, "update_pdp_context", Category::Session),
    event(5, "delete_pdp_context", Category::Session),
    event(6, "user_authentication_failed", Category::Security),
    event(7, "application_authentication_failed", Category::Security),
    event(8, "sim_activation", Category::Lifecycle),
    event(9, "sim_suspension", Category::Lifecycle),
    event(10, "sim_deletion", Category::Lifecycle),
    event(11, "endpoint_blocked", Category::Limit),
    event(12, "organization_blocked", Category::Limit),
    event(13, "support_access", Category::Security),
    event(14, "multi_factor_authentication", Category::Security),
    event(15, "purge_location", Category::Connectivity),
    event(16, "purge_gprs_location", Category::Connectivity),
    event(17, "self_signup", Category::Other),
    event(18, "data_quota_threshold_reached", Category::Quota),
    event(19, "data_quota_used_up", Category::Quota),
    event(20, "sms_quota_threshold_reached", Category::Quota),
    event(21, "sms_quota_used_up", Category::Quota),
    event(29, "openvpn_disconnect", Category::Connectivity),
    event(30, "openvpn_authentication", Category::Security),
    event(42, "endpoint_enabled", Category::Lifecycle),
    event(43, "endpoint_disabled", Category::Lifecycle),
    event(50, "sim_released", Category::Lifecycle),
    event(51, "sim_assigned", Category::Lifecycle),
    event(52, "data_quota_enabled", Category::Quota),
    event(53, "data_quota_disabled", Category::Quota),
    event(54, "sms_quota_enabled", Category::Quota),
    event(55, "sms_quota_disabled", Category::Quota),
    event(56, "data_quota_assigned", Category::Quota),
    event(57, "data_quota_deleted", Category::Quota),
    event(58, "sms_quota_assigned", Category::Quota),
    event(59, "sms_quota_deleted", Category::Quota),
    event(60, "data_quota_expired", Category::Quota),
    event(61, "sms_quota_expired", Category::Quota),
    event(100, "regional_pool_data_used_up", Category::Quota),
    event(101, "regional_pool_data_threshold_reached", Category::Quota),
    event(102, "regional_pool_sms_used_up", Category::Quota),
    event(103, "regional_pool_sms_threshold_reached", Category::Quota),
    event(121, "endpoint_deleted", Category::Lifecycle),
];

/// The word and category of a stored event; one that no version of this program knows is `type_<n>`.
pub fn named(kind: i16, type_id: i32) -> (String, Category) {
    if let Some((_, word)) = SMS_KINDS.into_iter().find(|(known, _)| *known == kind) {
        return (word.to_owned(), Category::Sms);
    }
    match TYPES.into_iter().find(|known| known.id == type_id) {
        Some(known) => (known.word.to_owned(), known.category),
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
        let known = TYPES.into_iter().find(|known| known.word == wanted);
        if let Some(id) = known.map(|known| known.id).or(number) {
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
        let types = TYPES.into_iter().filter(|known| wanted(known.category));
        let kinds = SMS_KINDS.into_iter().filter(|_| category == Category::Sms);
        Self {
            kinds: kinds.map(|(kind, _)| kind).collect(),
            types: types.map(|known| known.id).collect(),
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
        for EventType { id, word, category } in TYPES {
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
