//! API keys as commands make, list and revoke them.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use messages::pb::common::Actor;
use sea_orm::{DbErr, TransactionTrait};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use service_runtime::db::Db;
use uuid::Uuid;

use crate::auth::{KeyHasher, KeyText, Permission};
use crate::store::audit::{self, AuditEntry};
use crate::store::identity::keys::{self as store, ApiKeys, KeyRow};

pub use crate::store::identity::keys::KeyInfo;

/// The most requests per minute or hour that a key may be given.
pub(crate) const RATE_LIMIT_MAX: u32 = 1_000_000_000;
/// Requests per minute of a key that is given no other limit.
pub(crate) const DEFAULT_PER_MINUTE: u32 = 100;
/// Requests per hour of such a key.
pub(crate) const DEFAULT_PER_HOUR: u32 = 1000;

/// Why a key was not made, found or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] DbErr),
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is called; not empty.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its permissions; at least one.
    pub scopes: Vec<Permission>,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    /// The end of its time; in the future.
    pub expires_at: Option<DateTime<Utc>>,
    /// Requests per minute.
    pub rate_limit_per_minute: i32,
    /// Requests per hour.
    pub rate_limit_per_hour: i32,
    /// Who makes it: a user's name, or `cli`.
    pub created_by: String,
}

impl NewKey {
    /// A key of the whole platform without end, with the default limits of 100 a minute and 1,000 an hour.
    pub fn new(name: impl Into<String>, scopes: Vec<Permission>) -> Self {
        Self {
            name: name.into(),
            description: None,
            scopes,
            organization: None,
            expires_at: None,
            rate_limit_per_minute: DEFAULT_PER_MINUTE.cast_signed(),
            rate_limit_per_hour: DEFAULT_PER_HOUR.cast_signed(),
            created_by: "cli".to_owned(),
        }
    }

    fn check(&self) -> Result<(), KeysError> {
        if self.name.trim().is_empty() || self.name.chars().count() > 255 {
            return Err(KeysError::Invalid("a key has a name of 1 to 255 characters"));
        }
        if self.scopes.is_empty() {
            return Err(KeysError::Invalid("a key has at least one scope"));
        }
        if self.expires_at.is_some_and(|end| end <= Utc::now()) {
            return Err(KeysError::Invalid("a key expires in the future"));
        }
        let limits = [self.rate_limit_per_minute, self.rate_limit_per_hour];
        let fits = |limit| u32::try_from(limit).is_ok_and(|limit| (1..=RATE_LIMIT_MAX).contains(&limit));
        if !limits.into_iter().all(fits) {
            return Err(KeysError::Invalid("a rate limit is from 1 to 1,000,000,000"));
        }
        Ok(())
    }
}

/// A key that was just made. The text is never to be had again.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// Its id.
    pub id: Uuid,
    /// Its visible part.
    pub prefix: String,
    /// The whole text, for the `X-API-Key` header.
    pub key: SecretString,
}

/// Makes a key; only its keyed hash is stored.
///
/// # Errors
/// When the request makes no sense, the organization does not exist or the database fails.
pub async fn create(db: &Db, key_secret: &SecretString, new: NewKey) -> Result<CreatedKey, KeysError> {
    let (organization, by) = (new.organization, new.created_by.clone());
    let entry = |id, details| audit_entry("api_key.create", id, organization, by, details);
    create_as(db, key_secret, new, entry).await
}

/// The same, with the row of the audit log that `entry` makes of the key's id and details.
pub(crate) async fn create_as(
    db: &Db,
    key_secret: &SecretString,
    new: NewKey,
    entry: impl FnOnce(Uuid, serde_json::Value) -> AuditEntry,
) -> Result<CreatedKey, KeysError> {
    new.check()?;
    let hasher = KeyHasher::new(key_secret);
    let key = KeyText::generate(&hasher);
    let text =
        KeyText::parse(key.expose_secret()).ok_or(KeysError::Invalid("the made key has no right form"))?;
    let hash = hasher
        .hash(text)
        .ok_or(KeysError::Invalid("the made key has no right check"))?;
    let mut scopes: Vec<String> = new.scopes.iter().map(|scope| scope.word().to_owned()).collect();
    scopes.sort();
    scopes.dedup();
    let row = KeyRow {
        id: Uuid::now_v7(),
        name: new.name,
        description: new.description,
        prefix: text.prefix().to_owned(),
        hash,
        scopes,
        organization: new.organization,
        expires_at: new.expires_at,
        rate_limit_per_minute: new.rate_limit_per_minute,
        rate_limit_per_hour: new.rate_limit_per_hour,
        created_by: new.created_by,
    };
    let (id, prefix) = (row.id, row.prefix.clone());
    let details = json!({ "name": row.name, "prefix": row.prefix, "scopes": row.scopes });
    let entry = entry(id, details);
    let transaction = db.orm().begin().await?;
    store::insert(&transaction, row).await?;
    audit::append(&transaction, entry).await?;
    transaction.commit().await?;
    Ok(CreatedKey { id, prefix, key })
}

/// The keys of an organization, or all; the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, organization: Option<OrganizationId>) -> Result<Vec<KeyInfo>, KeysError> {
    Ok(ApiKeys::new(db.clone()).list(organization).await?)
}

/// Revokes the key with this id or visible part; `false` when there is no such key or it was revoked before.
/// Gateways refuse it within a second.
///
/// # Errors
/// When the database fails.
pub async fn revoke(db: &Db, id_or_prefix: &str, revoked_by: &str) -> Result<bool, KeysError> {
    let transaction = db.orm().begin().await?;
    let Some(key) = store::revoke(&transaction, id_or_prefix).await? else {
        return Ok(false);
    };
    let by = revoked_by.to_owned();
    let entry = audit_entry("api_key.revoke", key.id, key.organization, by, json!({}));
    audit::append(&transaction, entry).await?;
    transaction.commit().await?;
    Ok(true)
}

fn audit_entry(
    action: &'static str,
    id: Uuid,
    organization: Option<OrganizationId>,
    by: String,
    details: serde_json::Value,
) -> AuditEntry {
    AuditEntry {
        actor: Actor {
            kind: "system".to_owned(),
            id: by,
        },
        organization,
        action: action.to_owned(),
        subject: id.to_string(),
        request_id: String::new(),
        remote_addr: None,
        details,
    }
}
