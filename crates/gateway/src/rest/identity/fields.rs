//! Fields that several resources of identity have.

use std::borrow::Cow;

use secrecy::SecretString;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use crate::app::identity::users::fields as rules;
use crate::auth::{Passwords, Permission, Role};
use crate::rest::frame::fields::{Field, one_of};

one_of! {
    /// What a user may do.
    Role as "Role"
}

one_of! {
    /// What a caller may do.
    Permission as "Permission"
}

/// A username, which is also part of addresses.
#[derive(Debug, Clone)]
pub struct Username(pub String);

impl Field for Username {
    fn rule() -> Cow<'static, str> {
        rules::USERNAME.into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(text.pattern(Some("^[a-z0-9._@-]{1,64}$"))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str().filter(|text| rules::is_username(text));
        text.map(|text| Self(text.to_owned()))
    }
}

/// An e-mail address.
#[derive(Debug, Clone)]
pub struct Email(pub String);

impl Field for Email {
    fn rule() -> Cow<'static, str> {
        rules::EMAIL.into()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let format = SchemaFormat::KnownFormat(KnownFormat::Email);
        Schema::from(text.max_length(Some(254)).format(Some(format))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str().filter(|text| rules::is_email(text));
        text.map(|text| Self(text.to_owned()))
    }
}

/// A password that somebody claims to have.
#[derive(Debug, Clone)]
pub struct GivenPassword(pub SecretString);

impl Field for GivenPassword {
    fn rule() -> Cow<'static, str> {
        format!("is a text of at most {} characters", Passwords::LENGTH.end()).into()
    }

    fn schema() -> RefOr<Schema> {
        password(None)
    }

    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        let fits = text.chars().count() <= *Passwords::LENGTH.end();
        fits.then(|| Self(text.to_owned().into()))
    }
}

/// A password that somebody shall have.
#[derive(Debug, Clone)]
pub struct NewPassword(pub SecretString);

impl Field for NewPassword {
    fn rule() -> Cow<'static, str> {
        rules::PASSWORD.into()
    }

    fn schema() -> RefOr<Schema> {
        password(Some(*Passwords::LENGTH.start()))
    }

    fn read(value: &Value) -> Option<Self> {
        let password = SecretString::from(value.as_str()?);
        Passwords::fits(&password).then_some(Self(password))
    }
}

fn password(min_length: Option<usize>) -> RefOr<Schema> {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(min_length)
        .max_length(Some(*Passwords::LENGTH.end()))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    Schema::from(text).into()
}
