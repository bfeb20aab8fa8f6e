//! Events of one SIM.

use chrono::{DateTime, Utc};

use super::Store;
use super::sim_usage::VisibleSim;
use crate::error::StoreError;

/// Text of the events of one page, so that an answer fits a message.
const PAGE_BYTES: usize = 512 * 1024;

/// Which events of one SIM.
#[derive(Debug, Clone)]
pub struct EventList {
    /// From this moment.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub before: Option<DateTime<Utc>>,
    /// Kinds that are wanted whatever their type.
    pub kinds: Vec<i16>,
    /// Types of kind 1.
    pub types: Vec<i32>,
    /// All but these types.
    pub types_are_excluded: bool,
    pub size: u32,
    /// Behind this event.
    pub after: Option<EventPosition>,
}

/// The place of an event among those of its SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPosition {
    pub occurred_at: DateTime<Utc>,
    pub kind: i16,
    pub event_id: i64,
}

impl EventPosition {
    /// The cursor that names it.
    pub fn cursor(self) -> String {
        let Self { kind, event_id, .. } = self;
        format!("{}.{kind}.{event_id}", self.occurred_at.timestamp_micros())
    }

    /// The position that a cursor names.
    pub fn read(cursor: &str) -> Option<Self> {
        let mut parts = cursor.splitn(3, '.');
        Some(Self {
            occurred_at: DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?,
            kind: parts.next()?.parse().ok()?,
            event_id: parts.next()?.parse().ok()?,
        })
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct EventRow {
    pub occurred_at: DateTime<Utc>,
    pub kind: i16,
    pub event_id: i64,
    pub type_id: i32,
    pub severity: String,
    pub alert: bool,
    pub description: String,
    pub triggered_by: Option<String>,
    /// JSON.
    pub detail: Option<String>,
}

impl EventRow {
    /// Its place.
    pub fn position(&self) -> EventPosition {
        EventPosition {
            occurred_at: self.occurred_at,
            kind: self.kind,
            event_id: self.event_id,
        }
    }

    fn bytes(&self) -> usize {
        self.description.len() + self.detail.as_ref().map_or(0, String::len)
    }
}

const EVENTS: &str = "
    SELECT occurred_at, kind, event_id, type_id, severity, alert, description, triggered_by, detail::text AS detail
    FROM sim_events
    WHERE iccid = $1 AND occurred_at >= coalesce($2, '-infinity'::timestamptz)
      AND occurred_at < coalesce($3, 'infinity'::timestamptz)
      AND (kind = ANY ($4) OR kind = 1 AND (type_id = ANY ($5)) <> $6)";

impl Store {
    /// The newest events, and whether more follow. A page ends early where its text becomes long.
    ///
    /// # Errors
    /// The database's.
    pub async fn sim_events(
        &self,
        sim: VisibleSim,
        list: &EventList,
    ) -> Result<(Vec<EventRow>, bool), StoreError> {
        let after = list
            .after
            .map(|_| "AND (occurred_at, kind, event_id) < ($8, $9, $10)");
        let sql = format!(
            "{EVENTS} {} ORDER BY occurred_at DESC, kind DESC, event_id DESC LIMIT $7",
            after.unwrap_or_default()
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(sim.number())
            .bind(list.from)
            // The position bounds the chunks to look into; times have no finer part than a microsecond.
            .bind(match (list.before, list.after) {
                (before, Some(last)) => {
                    let behind = last.occurred_at + chrono::Duration::microseconds(1);
                    Some(before.map_or(behind, |before| before.min(behind)))
                }
                (before, None) => before,
            })
            .bind(&list.kinds)
            .bind(&list.types)
            .bind(list.types_are_excluded)
            .bind(i64::from(list.size) + 1);
        let query = match list.after {
            Some(last) => query.bind(last.occurred_at).bind(last.kind).bind(last.event_id),
            None => query,
        };
        let mut rows: Vec<EventRow> = query.fetch_all(self.db().pool()).await?;
        let size = usize::try_from(list.size).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fitting = rows.iter().take(size).take_while(|row| {
            bytes += row.bytes();
            bytes <= PAGE_BYTES
        });
        let kept = fitting.count().max(1).min(rows.len());
        let more = rows.len() > kept;
        rows.truncate(kept);
        Ok((rows, more))
    }
}
