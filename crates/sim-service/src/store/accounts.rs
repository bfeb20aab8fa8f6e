use chrono::{DateTime, Utc};
use domain::{AccountSlug, OrganizationId};
use sqlx::PgConnection;

use super::Store;
use crate::error::StoreError;

/// Makes the account's row; its new SIMs belong to `organization`.
///
/// # Errors
/// The database's.
pub async fn ensure_account(
    store: &Store,
    account: &AccountSlug,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO accounts (slug, organization_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(account.as_str())
        .bind(organization.0)
        .execute(store.db.pool())
        .await?;
    Ok(())
}

/// Notes that a reading which began at `started` has seen every SIM of the account, but for those that 1NCE neither
/// listed nor declared gone: they stay as fresh as they were.
///
/// # Errors
/// The database's.
pub async fn set_complete(
    transaction: &mut PgConnection,
    account: &str,
    started: DateTime<Utc>,
    unjudged: &[i64],
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sims SET unjudged = false WHERE account = $1 AND unjudged AND iccid <> ALL($2)")
        .bind(account)
        .bind(unjudged)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "UPDATE sims SET unjudged = true, read_at = greatest(read_at, last_complete_at) FROM accounts
         WHERE slug = account AND account = $1 AND iccid = ANY($2) AND NOT unjudged
           AND missing_since IS NULL AND read_at < $3",
    )
    .bind(account)
    .bind(unjudged)
    .bind(started)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE accounts SET last_complete_at = greatest(last_complete_at, $2) WHERE slug = $1")
        .bind(account)
        .bind(started)
        .execute(transaction)
        .await?;
    Ok(())
}
