use std::borrow::Cow;

use domain::{AccountSlug, Iccid, OrganizationId};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use uuid::Uuid;

use super::Field;
use crate::rest::frame::faults::Faults;

/// No control characters, as a pattern of JSON Schema.
pub const PLAIN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";

/// A text of `MIN` to `MAX` characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(pub String);

impl<const MIN: usize, const MAX: usize> Field for Text<MIN, MAX> {
    fn rule() -> Cow<'static, str> {
        match MIN {
            0 => format!("is a text of at most {MAX} characters, none of them a control character").into(),
            _ => format!("is a text of {MIN} to {MAX} characters, none of them a control character").into(),
        }
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length((MIN > 0).then_some(MIN))
            .max_length(Some(MAX))
            .pattern(Some(PLAIN));
        Schema::from(text).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let fits = (MIN..=MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }
}

/// `next_cursor` of an earlier answer; empty when it is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor<const MAX: usize = 512>(pub String);

impl<const MAX: usize> Field for Cursor<MAX> {
    fn rule() -> Cow<'static, str> {
        format!("has at most {MAX} characters, none of them a control character").into()
    }

    fn schema() -> RefOr<Schema> {
        Text::<0, MAX>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        Text::<0, MAX>::parse(text).map(|text| Self(text.0))
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl Field for Iccid {
    fn rule() -> Cow<'static, str> {
        "is an ICCID of 19 digits, or 20 with the check digit".into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.pattern(Some("^89[0-9]{17,18}$"))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?).ok()
    }

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn collect(at: &str, value: Value, faults: &mut Faults) -> Option<Self> {
        let reason = match value.as_str().map(Self::parse) {
            Some(Ok(iccid)) => return Some(iccid),
            // More exact than the rule.
            Some(Err(error)) => error.to_string().into(),
            None => Self::rule(),
        };
        faults.add(at, reason);
        None
    }
}

impl Field for Uuid {
    fn rule() -> Cow<'static, str> {
        "is a UUID".into()
    }

    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
        Schema::from(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(format)),
        )
        .into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse_str(value.as_str()?).ok()
    }
}

impl Field for OrganizationId {
    fn rule() -> Cow<'static, str> {
        "is the UUID of an organization".into()
    }

    fn schema() -> RefOr<Schema> {
        Uuid::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        Uuid::read(value).map(Self)
    }
}

/// The name of a person or thing: 1 to 255 characters that are not all blank, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub String);

impl Field for Name {
    fn rule() -> Cow<'static, str> {
        domain::Name::RULE.into()
    }

    fn schema() -> RefOr<Schema> {
        Text::<{ domain::Name::MIN_CHARS }, { domain::Name::MAX_CHARS }>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        let name = domain::Name::parse(value.as_str()?).ok()?;
        Some(Self(name.into()))
    }
}

/// A short name in addresses and files: 1 to 32 lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(pub String);

impl Field for Slug {
    fn rule() -> Cow<'static, str> {
        domain::Slug::RULE.into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.pattern(Some(domain::Slug::PATTERN))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        let slug = domain::Slug::parse(value.as_str()?).ok()?;
        Some(Self(slug.into()))
    }
}

impl Field for AccountSlug {
    fn rule() -> Cow<'static, str> {
        Slug::rule()
    }

    fn schema() -> RefOr<Schema> {
        Slug::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?).ok()
    }
}
