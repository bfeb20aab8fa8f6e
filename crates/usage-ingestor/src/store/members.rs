//! Whose SIMs the records of a batch belong to.

use std::collections::HashMap;

use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// Whose a SIM is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// All zeros while no inventory knows the SIM.
    pub organization: Uuid,
    pub account: String,
}

/// Looks the SIMs up; `iccids` are in order and distinct. Those that nobody knows get a row, and their rows are held until
/// the transaction ends: whoever learns whose they are then finds everything that was added to the unknown.
///
/// # Errors
/// The database's.
pub async fn members(
    transaction: &mut PgConnection,
    iccids: &[i64],
) -> Result<HashMap<i64, Member>, sqlx::Error> {
    let mut members = find(
        transaction,
        "SELECT iccid, organization_id, account FROM sims
         WHERE iccid = ANY($1) AND organization_id IS NOT NULL",
        iccids,
    )
    .await?;
    let unknown: Vec<i64> = iccids
        .iter()
        .copied()
        .filter(|iccid| !members.contains_key(iccid))
        .collect();
    if unknown.is_empty() {
        return Ok(members);
    }
    sqlx::query("INSERT INTO sims (iccid) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING")
        .bind(&unknown)
        .execute(&mut *transaction)
        .await?;
    let held = find(
        transaction,
        "SELECT iccid, organization_id, account FROM sims WHERE iccid = ANY($1) ORDER BY iccid FOR SHARE",
        &unknown,
    )
    .await?;
    members.extend(held);
    Ok(members)
}

async fn find(
    transaction: &mut PgConnection,
    statement: &'static str,
    iccids: &[i64],
) -> Result<HashMap<i64, Member>, sqlx::Error> {
    let rows = sqlx::query(statement).bind(iccids).fetch_all(transaction).await?;
    let member = |row: &sqlx::postgres::PgRow| {
        let member = Member {
            organization: row.get::<Option<Uuid>, _>("organization_id").unwrap_or_default(),
            account: row.get::<Option<String>, _>("account").unwrap_or_default(),
        };
        (row.get("iccid"), member)
    };
    Ok(rows.iter().map(member).collect())
}
