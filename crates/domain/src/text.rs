//! Texts that people write. Each type has its rule as a text for people, and the rule's numbers for schemas.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A text that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct InvalidText {
    /// The rule, as people are told it behind the field's name.
    pub rule: &'static str,
}

/// A list that is no list of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTags {
    /// More than [`Tags::MAX`].
    #[error("{}", Tags::RULE)]
    TooMany,
    /// The places, from 0, of what breaks [`Tag::RULE`].
    #[error("{}: wrong at {places:?}", Tag::RULE, places = .0)]
    Places(Vec<usize>),
}

/// A text whose characters are counted and of which none is a control character.
macro_rules! plain_text {
    ($(#[$doc:meta])* $name:ident, $chars:expr, $rule:literal $(, $more:expr)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The fewest characters.
            pub const MIN_CHARS: usize = *$chars.start();
            /// The most characters.
            pub const MAX_CHARS: usize = *$chars.end();
            /// The rule, behind a field's name.
            pub const RULE: &'static str = $rule;

            /// Reads a text.
            ///
            /// # Errors
            /// When it breaks [`Self::RULE`].
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
                let text = text.into();
                let counted = (Self::MIN_CHARS..=Self::MAX_CHARS).contains(&text.chars().count());
                let fits = counted && !text.chars().any(char::is_control) $(&& $more(&text))?;
                fits.then_some(Self(text)).ok_or(InvalidText { rule: Self::RULE })
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

plain_text!(
    /// The customer's text for a SIM, which lives at 1NCE. 1NCE's own limit is unconfirmed.
    Label,
    &(0..=255),
    "is a text of at most 255 characters, none of them a control character; an empty one removes it"
);
plain_text!(
    /// One word that people give SIMs to find them by.
    Tag,
    &(1..=64),
    "is a text of 1 to 64 characters, none of them a control character",
    is_not_blank
);
plain_text!(
    /// What people call a person, a key or an organization.
    Name,
    &(1..=255),
    "is a text of 1 to 255 characters, none of them a control character",
    is_not_blank
);
plain_text!(
    /// The short name of an organization, in addresses and commands.
    Slug,
    &(1..=32),
    "has 1 to 32 lower-case letters, digits and dashes",
    is_slug
);

impl Slug {
    /// The rule as a regular expression.
    pub const PATTERN: &'static str = "^[a-z0-9-]{1,32}$";
}

fn is_not_blank(text: &str) -> bool {
    !text.trim().is_empty()
}

fn is_slug(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The tags of a SIM, each once, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Tags(Vec<String>);

impl Tags {
    /// The most entries that are read, each repetition counted.
    pub const MAX: usize = 50;
    /// The rule of the list, behind a field's name.
    pub const RULE: &'static str = "has at most 50 entries";

    /// Reads a list.
    ///
    /// # Errors
    /// When it is too long, or with the places of what is no [`Tag`].
    pub fn parse(texts: Vec<String>) -> Result<Self, InvalidTags> {
        if texts.len() > Self::MAX {
            return Err(InvalidTags::TooMany);
        }
        let (mut tags, mut wrong) = (Self::default(), Vec::new());
        for (place, text) in texts.into_iter().enumerate() {
            match Tag::parse(text) {
                Ok(tag) if tags.0.contains(&tag.0) => {}
                Ok(tag) => tags.0.push(tag.0),
                Err(_) => wrong.push(place),
            }
        }
        if wrong.is_empty() {
            Ok(tags)
        } else {
            Err(InvalidTags::Places(wrong))
        }
    }

    /// The tags in alphabetical order, as they are stored.
    pub fn sorted(mut self) -> Self {
        self.0.sort_unstable();
        self
    }

    /// The texts.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<String>> for Tags {
    type Error = InvalidTags;

    fn try_from(texts: Vec<String>) -> Result<Self, InvalidTags> {
        Self::parse(texts)
    }
}

impl From<Tags> for Vec<String> {
    fn from(tags: Tags) -> Vec<String> {
        tags.0
    }
}

/// The users' own JSON object for a SIM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// The most bytes of the object, written without spaces.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// What it is, behind a field's name.
    pub const RULE: &'static str = "is a JSON object";
    /// The rule of its size.
    pub const SIZE_RULE: &'static str = "has at most 16384 bytes as JSON";
    /// The rule of its texts: PostgreSQL stores no U+0000.
    pub const TEXT_RULE: &'static str = "must not contain the character U+0000";

    /// Reads an object.
    ///
    /// # Errors
    /// When it breaks [`Self::SIZE_RULE`] or [`Self::TEXT_RULE`].
    pub fn parse(object: Map<String, Value>) -> Result<Self, InvalidText> {
        let value = Value::Object(object);
        if value.to_string().len() > Self::MAX_BYTES {
            return Err(InvalidText {
                rule: Self::SIZE_RULE,
            });
        }
        if has_nul(&value) {
            return Err(InvalidText {
                rule: Self::TEXT_RULE,
            });
        }
        Self::of_value(value)
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// When it is no JSON object, or breaks a rule of [`Self::parse`].
    pub fn parse_json(text: &str) -> Result<Self, InvalidText> {
        let object = serde_json::from_str(text).map_err(|_| InvalidText { rule: Self::RULE })?;
        Self::parse(object)
    }

    fn of_value(value: Value) -> Result<Self, InvalidText> {
        match value {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(InvalidText { rule: Self::RULE }),
        }
    }

    /// The object.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = InvalidText;

    fn try_from(object: Map<String, Value>) -> Result<Self, InvalidText> {
        Self::parse(object)
    }
}

impl From<Metadata> for Map<String, Value> {
    fn from(metadata: Metadata) -> Map<String, Value> {
        metadata.0
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rules_for_people_name_the_numbers_of_the_schemas() {
        for (rule, number) in [
            (Label::RULE, Label::MAX_CHARS),
            (Tag::RULE, Tag::MAX_CHARS),
            (Name::RULE, Name::MAX_CHARS),
            (Slug::RULE, Slug::MAX_CHARS),
            (Slug::PATTERN, Slug::MAX_CHARS),
            (Tags::RULE, Tags::MAX),
            (Metadata::SIZE_RULE, Metadata::MAX_BYTES),
        ] {
            assert!(rule.contains(&number.to_string()), "{rule}: {number}");
        }
    }

    #[test]
    fn the_edges_of_every_rule_hold() {
        assert!(Label::parse("").is_ok() && Label::parse("ü".repeat(255)).is_ok());
        assert!(Label::parse("x".repeat(256)).is_err() && Label::parse("a\tb").is_err());
        assert!(Tag::parse("ü".repeat(64)).is_ok() && Tag::parse("x".repeat(65)).is_err());
        assert!(Tag::parse("").is_err() && Tag::parse("  ").is_err() && Tag::parse("a\n").is_err());
        assert!(Slug::parse("acme-1").is_ok() && Slug::parse("Acme").is_err() && Slug::parse("").is_err());
        assert!(Name::parse(" ").is_err() && Name::parse("Ann Lee").is_ok());
        let texts = |count: usize| (0..count).map(|number| number.to_string()).collect();
        assert!(Tags::parse(texts(50)).is_ok());
        assert_eq!(Tags::parse(texts(51)), Err(InvalidTags::TooMany));
        let mixed = ["a", "", "a", "\0"].map(str::to_owned).to_vec();
        assert_eq!(Tags::parse(mixed), Err(InvalidTags::Places(vec![1, 3])));
    }

    #[test]
    fn metadata_is_an_object_of_bounded_size_without_the_zero_character() {
        let rule = |text: &str| Metadata::parse_json(text).unwrap_err().rule;
        let of_bytes = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) }).to_string();
        assert!(Metadata::parse_json(&of_bytes(Metadata::MAX_BYTES)).is_ok());
        assert_eq!(rule(&of_bytes(Metadata::MAX_BYTES + 1)), Metadata::SIZE_RULE);
        assert_eq!(rule("[]"), Metadata::RULE);
        assert_eq!(rule(r#"{"a":[{"b\u0000":1}]}"#), Metadata::TEXT_RULE);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_the_text_that_was_given(text in "\\PC*|.*|[a-z0-9-]{1,40}") {
            for (accepted, least, most) in [
                (Label::parse(&text).map(String::from), 0, 255),
                (Tag::parse(&text).map(String::from), 1, 64),
                (Name::parse(&text).map(String::from), 1, 255),
                (Slug::parse(&text).map(String::from), 1, 32),
            ] {
                if let Ok(accepted) = accepted {
                    prop_assert_eq!(&accepted, &text);
                    prop_assert!((least..=most).contains(&text.chars().count()));
                    prop_assert!(!text.contains('\0'));
                }
            }
        }

        #[test]
        fn tags_are_each_once_and_in_order(texts in prop::collection::vec("[a-c]{1,2}", 0..50)) {
            let tags = Tags::parse(texts.clone()).unwrap();
            let mut once = Vec::new();
            for text in texts {
                if !once.contains(&text) {
                    once.push(text);
                }
            }
            prop_assert_eq!(tags.as_slice(), &once[..]);
            once.sort();
            let sorted = tags.sorted();
            prop_assert_eq!(sorted.as_slice(), &once[..]);
            let json = serde_json::to_value(&sorted).unwrap();
            prop_assert_eq!(serde_json::from_value::<Tags>(json).unwrap(), sorted);
        }
    }
}
