//! Bodies of the routes of identity, field by field.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::params::Faults;
use crate::app::api_keys::UpdateKey;
use crate::app::identity::{ChangePassword, Login};
use crate::app::keys::{NewKey, RATE_LIMITS};
use crate::app::organizations::NewOrganization;
use crate::app::user_changes::{NewUser, UpdateUser};
use crate::app::users::{self, EMAIL, FULL_NAME, PASSWORD, USERNAME};
use crate::auth::{Passwords, Permission, Role};
use crate::error::ApiError;

const ROLE: &str = "is admin, user or readonly";
const ORGANIZATION: &str = "is the UUID of an organization, or null";
const FLAG: &str = "is true or false";
const NAME: &str = "is a text of 1 to 255 characters, none of them a control character";
const DESCRIPTION: &str = "is a text of at most 1000 characters, none of them a control character, or null";
const SCOPES: &str = "is a list of permissions, at least one";
const EXPIRES_AT: &str = "is a time in the future (RFC 3339), or null";
const RATE_LIMIT: &str = "is a number from 1 to 1000000000";
const SLUG: &str = "has 1 to 32 lower-case letters, digits and dashes";
const GIVEN_NAME: &str = "is a text of 1 to 254 characters";
const GIVEN_PASSWORD: &str = "is a text of at most 128 characters";
const GIVEN_TOKEN: &str = "is a text";

/// An object whose fields are taken out one by one; what is left is no field of the request.
struct Fields {
    body: Map<String, Value>,
    faults: Faults,
    names: Vec<&'static str>,
}

impl Fields {
    fn new(body: Map<String, Value>, faults: Faults) -> Self {
        let names = Vec::new();
        Self { body, faults, names }
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        reason: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        self.names.push(name);
        let value = read(self.body.remove(name)?);
        if value.is_none() {
            self.faults.add(name, reason);
        }
        value
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        reason: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        if !self.body.contains_key(name) {
            self.names.push(name);
            self.faults.add(name, "is missing");
            return None;
        }
        self.optional(name, reason, read)
    }

    /// The whole; `None` only where a fault was found.
    fn end<T>(mut self, whole: Option<T>) -> Result<T, ApiError> {
        for name in self.body.keys() {
            let reason = format!("is no field of this request: {}", self.names.join(", "));
            self.faults.add(name, reason);
        }
        let whole = self.faults.or(whole)?;
        whole.ok_or_else(|| ApiError::internal(&"a body without a fault is not complete"))
    }

    /// The same for a change, which names at least one field.
    fn end_change<T>(mut self, given: usize, change: T) -> Result<T, ApiError> {
        if given == 0 {
            self.faults.add("body", "names no field to change");
        }
        self.end(Some(change))
    }
}

/// The name and the password of a login.
pub fn login(body: Map<String, Value>, faults: Faults) -> Result<Login, ApiError> {
    let mut fields = Fields::new(body, faults);
    let given = |value| text(value, |text| (1..=254).contains(&text.chars().count()));
    let name = if fields.body.contains_key("email") && !fields.body.contains_key("username") {
        fields.required("email", GIVEN_NAME, given)
    } else {
        fields.required("username", GIVEN_NAME, given)
    };
    let password = fields.required("password", GIVEN_PASSWORD, given_password);
    let whole = name
        .zip(password)
        .map(|(name, password)| Login { name, password });
    fields.end(whole)
}

/// A refresh token.
pub fn refresh(body: Map<String, Value>, faults: Faults) -> Result<SecretString, ApiError> {
    let mut fields = Fields::new(body, faults);
    let token = fields.required("refresh_token", GIVEN_TOKEN, |value| text(value, |_| true));
    fields.end(token.map(SecretString::from))
}

/// The current password and a new one.
pub fn change_password(body: Map<String, Value>, faults: Faults) -> Result<ChangePassword, ApiError> {
    let mut fields = Fields::new(body, faults);
    let current = fields.required("current_password", GIVEN_PASSWORD, given_password);
    let new = fields.required("new_password", PASSWORD, new_password);
    let whole = current
        .zip(new)
        .map(|(current, new)| ChangePassword { current, new });
    fields.end(whole)
}

/// A new user.
pub fn new_user(body: Map<String, Value>, faults: Faults) -> Result<NewUser, ApiError> {
    let mut fields = Fields::new(body, faults);
    let username = fields.required("username", USERNAME, |value| text(value, users::is_username));
    let email = fields.required("email", EMAIL, |value| text(value, users::is_email));
    let password = fields.required("password", PASSWORD, new_password);
    let full_name = fields.optional("full_name", FULL_NAME, full_name).flatten();
    let role = fields.required("role", ROLE, role);
    let organization = fields
        .optional("organization_id", ORGANIZATION, organization)
        .flatten();
    let is_active = fields.optional("is_active", FLAG, |value| value.as_bool());
    let whole = (|| {
        Some(NewUser {
            username: username?,
            email: email?,
            password: password?,
            full_name,
            role: role?,
            organization,
            is_active: is_active.unwrap_or(true),
        })
    })();
    fields.end(whole)
}

/// What of a user is to change.
pub fn update_user(body: Map<String, Value>, faults: Faults) -> Result<UpdateUser, ApiError> {
    let given = body.len();
    let mut fields = Fields::new(body, faults);
    let update = UpdateUser {
        username: fields.optional("username", USERNAME, |value| text(value, users::is_username)),
        email: fields.optional("email", EMAIL, |value| text(value, users::is_email)),
        password: fields.optional("password", PASSWORD, new_password),
        full_name: fields.optional("full_name", FULL_NAME, full_name),
        role: fields.optional("role", ROLE, role),
        organization: fields.optional("organization_id", ORGANIZATION, organization),
        is_active: fields.optional("is_active", FLAG, |value| value.as_bool()),
    };
    fields.end_change(given, update)
}

/// A new key.
pub fn new_key(body: Map<String, Value>, faults: Faults) -> Result<NewKey, ApiError> {
    let mut fields = Fields::new(body, faults);
    let name = fields.required("name", NAME, name);
    let scopes = fields.required("scopes", SCOPES, scopes);
    let description = fields.optional("description", DESCRIPTION, description);
    let organization = fields.optional("organization_id", ORGANIZATION, organization);
    let expires_at = fields.optional("expires_at", EXPIRES_AT, end);
    let per_minute = fields.optional("rate_limit_per_minute", RATE_LIMIT, rate_limit);
    let per_hour = fields.optional("rate_limit_per_hour", RATE_LIMIT, rate_limit);
    let whole = name.zip(scopes).map(|(name, scopes)| {
        let plain = NewKey::new(name, scopes);
        NewKey {
            description: description.flatten(),
            organization: organization.flatten(),
            expires_at: expires_at.flatten(),
            rate_limit_per_minute: per_minute.unwrap_or(plain.rate_limit_per_minute),
            rate_limit_per_hour: per_hour.unwrap_or(plain.rate_limit_per_hour),
            ..plain
        }
    });
    fields.end(whole)
}

/// What of a key is to change.
pub fn update_key(body: Map<String, Value>, faults: Faults) -> Result<UpdateKey, ApiError> {
    let given = body.len();
    let mut fields = Fields::new(body, faults);
    let update = UpdateKey {
        name: fields.optional("name", NAME, name),
        description: fields.optional("description", DESCRIPTION, description),
        scopes: fields.optional("scopes", SCOPES, scopes),
        expires_at: fields.optional("expires_at", EXPIRES_AT, end),
        rate_limit_per_minute: fields.optional("rate_limit_per_minute", RATE_LIMIT, rate_limit),
        rate_limit_per_hour: fields.optional("rate_limit_per_hour", RATE_LIMIT, rate_limit),
    };
    fields.end_change(given, update)
}

/// A new organization.
pub fn new_organization(body: Map<String, Value>, faults: Faults) -> Result<NewOrganization, ApiError> {
    let mut fields = Fields::new(body, faults);
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let name = fields.required("name", NAME, name);
    let slug = fields.required("slug", SLUG, |value| {
        text(value, |text| {
            (1..=32).contains(&text.len()) && text.bytes().all(plain)
        })
    });
    let whole = name.zip(slug).map(|(name, slug)| NewOrganization { name, slug });
    fields.end(whole)
}

fn text(value: Value, fits: impl FnOnce(&str) -> bool) -> Option<String> {
    match value {
        Value::String(text) if fits(&text) => Some(text),
        _ => None,
    }
}

fn name(value: Value) -> Option<String> {
    text(value, users::is_full_name)
}

fn given_password(value: Value) -> Option<SecretString> {
    text(value, |text| text.chars().count() <= 128).map(SecretString::from)
}

fn new_password(value: Value) -> Option<SecretString> {
    let password = text(value, |_| true).map(SecretString::from);
    password.filter(Passwords::fits)
}

/// `Some(None)` where null is said.
fn nullable<T>(value: Value, read: impl FnOnce(Value) -> Option<T>) -> Option<Option<T>> {
    match value {
        Value::Null => Some(None),
        value => read(value).map(Some),
    }
}

fn full_name(value: Value) -> Option<Option<String>> {
    nullable(value, name)
}

fn description(value: Value) -> Option<Option<String>> {
    let fits = |text: &str| text.chars().count() <= 1000 && !text.chars().any(char::is_control);
    nullable(value, |value| text(value, fits))
}

fn organization(value: Value) -> Option<Option<OrganizationId>> {
    let read = |value: Value| Uuid::parse_str(value.as_str()?).ok();
    nullable(value, |value| read(value).map(OrganizationId))
}

fn end(value: Value) -> Option<Option<DateTime<Utc>>> {
    nullable(value, |value| {
        let end = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
        Some(end.to_utc()).filter(|end| *end > Utc::now())
    })
}

fn role(value: Value) -> Option<Role> {
    Role::parse(value.as_str()?)
}

fn scopes(value: Value) -> Option<Vec<Permission>> {
    let words = value.as_array().filter(|words| !words.is_empty())?;
    words.iter().map(|word| word.as_str()?.parse().ok()).collect()
}

fn rate_limit(value: Value) -> Option<i32> {
    let limit = i32::try_from(value.as_i64()?).ok()?;
    RATE_LIMITS.contains(&limit).then_some(limit)
}

#[cfg(test)]
#[path = "identity_body_tests.rs"]
mod tests;
