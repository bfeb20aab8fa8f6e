//! The audit log, read and verified, for commands and the API.

pub(crate) mod jobs;

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use service_runtime::db::Db;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::audit::chain;
pub use crate::store::audit::chain::ChainReport;
pub(crate) use crate::store::audit::query::{ActionFilter, AuditFilter};
use crate::store::audit::query::{AuditRow, AuditSearch, actor_names};

/// Rows that an export holds at once; each may name 1,000 SIMs.
const PART: u32 = 250;

/// Who did something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditActor {
    /// `api_key`, `user`, `cli`, ...
    pub kind: String,
    /// Its id, or a word such as `local`.
    pub id: String,
    /// What it is called today, when it is known here.
    pub name: Option<String>,
}

/// One row of the audit log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditLogEntry {
    /// Its place: without gaps, in the order of time.
    pub seq: i64,
    /// Its id.
    pub id: Uuid,
    /// When it was written, to the microsecond.
    #[schema(value_type = String, format = DateTime)]
    #[serde(serialize_with = "micros")]
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: AuditActor,
    /// Whose thing it is; null: the whole platform's.
    pub organization_id: Option<Uuid>,
    /// Such as `sim.update`. `_failed` at its end: it was refused; `_uncertain`: it may have happened.
    pub action: String,
    /// The ICCID, id or name of the thing.
    pub subject: String,
    /// The request that asked for it.
    pub request_id: String,
    /// Where the request came from.
    pub remote_addr: Option<String>,
    /// What exactly, by action.
    #[schema(value_type = Object)]
    pub details: Value,
    /// SHA-256 over this row and the hash of the row before, 64 hexadecimal digits.
    pub hash: String,
}

/// A row with everything that the hash covers.
#[derive(Debug, Clone, Serialize)]
pub struct ExportedEntry {
    /// The row.
    #[serde(flatten)]
    pub entry: AuditLogEntry,
    /// Further ICCIDs that it concerns.
    pub subjects: Vec<String>,
    /// The hash of the row before.
    pub prev_hash: String,
}

/// A page, the newest rows first, and whether there are more.
pub(crate) async fn page(
    db: &Db,
    filter: AuditFilter,
    before: Option<i64>,
    page_size: u32,
) -> Result<(Vec<AuditLogEntry>, bool), sqlx::Error> {
    let search = AuditSearch::prepare(db.pool(), filter).await?;
    let mut rows = search.newest(db.pool(), before, page_size + 1).await?;
    let has_next = rows.len() > page_size as usize;
    rows.truncate(page_size as usize);
    let entries = shown(db, rows).await?;
    Ok((entries.into_iter().map(|shown| shown.entry).collect(), has_next))
}

/// Rows to take away, the oldest first, a part at a time. It ends at the row that is the newest when it begins.
#[derive(Debug, Clone)]
pub struct Export {
    db: Db,
    search: AuditSearch,
    after: i64,
}

impl Export {
    /// Every row.
    ///
    /// # Errors
    /// The database's.
    pub async fn all(db: Db) -> Result<Self, sqlx::Error> {
        Self::of(db, AuditFilter::default()).await
    }

    pub(crate) async fn of(db: Db, filter: AuditFilter) -> Result<Self, sqlx::Error> {
        let search = AuditSearch::prepare(db.pool(), filter).await?;
        Ok(Self { db, search, after: 0 })
    }

    /// The next rows; none after the last.
    ///
    /// # Errors
    /// The database's.
    pub async fn next_part(&mut self) -> Result<Vec<ExportedEntry>, sqlx::Error> {
        let rows = self.search.oldest(self.db.pool(), self.after, PART).await?;
        if let Some(last) = rows.last() {
            self.after = last.seq;
        }
        shown(&self.db, rows).await
    }
}

/// Follows the chain of hashes to its head: from its beginning, or over the last so many rows.
///
/// # Errors
/// The database's.
pub async fn verify(db: &Db, last: Option<i64>) -> Result<ChainReport, sqlx::Error> {
    chain::verify(db.pool(), last).await
}

async fn shown(db: &Db, rows: Vec<AuditRow>) -> Result<Vec<ExportedEntry>, sqlx::Error> {
    let mut ids: Vec<Uuid> = rows.iter().filter_map(|row| row.actor_id.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    let names: HashMap<String, String> = match ids.as_slice() {
        [] => HashMap::new(),
        ids => actor_names(db.pool(), ids)
            .await?
            .into_iter()
            .map(|(id, name)| (id.to_string(), name))
            .collect(),
    };
    Ok(rows.into_iter().map(|row| show(row, &names)).collect())
}

fn show(row: AuditRow, names: &HashMap<String, String>) -> ExportedEntry {
    let actor = AuditActor {
        name: names.get(&row.actor_id).cloned(),
        kind: row.actor_kind,
        id: row.actor_id,
    };
    ExportedEntry {
        subjects: row.subjects,
        prev_hash: hex(&row.prev_hash),
        entry: AuditLogEntry {
            seq: row.seq,
            id: row.id,
            at: row.at,
            actor,
            organization_id: row.organization_id,
            action: row.action,
            subject: row.subject,
            request_id: row.request_id,
            remote_addr: row.remote_addr,
            details: row.details,
            hash: hex(&row.hash),
        },
    }
}

/// Two hexadecimal digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn micros<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}
