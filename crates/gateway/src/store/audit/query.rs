use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

const COLUMNS: &str = "a.seq, a.id, a.at, a.actor_kind, a.actor_id, a.organization_id, a.action, a.subject, \
                       a.subjects, a.request_id, a.remote_addr, a.details, a.prev_hash, a.hash";

/// Which rows are wanted; what is `None` filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub organization: Option<Uuid>,
    pub actor_kind: Option<String>,
    pub actor_id: Option<String>,
    pub action: Option<ActionFilter>,
    /// The subject, or among the further SIMs.
    pub iccid: Option<String>,
    pub subject: Option<String>,
    /// Not earlier, not later.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// Which actions are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionFilter {
    Exact(String),
    Prefix(String),
}

/// One row as it is stored.
#[derive(Debug, Clone, FromRow)]
pub struct AuditRow {
    pub seq: i64,
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub actor_kind: String,
    pub actor_id: String,
    pub organization_id: Option<Uuid>,
    pub action: String,
    pub subject: String,
    pub subjects: Vec<String>,
    pub request_id: String,
    pub remote_addr: Option<String>,
    pub details: serde_json::Value,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// A filter in the words of the index: times are turned into row numbers, for both have the same order, and a prefix
/// into the actions that there are.
#[derive(Debug, Clone)]
pub struct AuditSearch {
    filter: AuditFilter,
    actions: Option<Vec<String>>,
    first: i64,
    last: i64,
}

impl AuditSearch {
    /// Looks the bounds up; rows that come later are not among what is found.
    pub async fn prepare(pool: &PgPool, filter: AuditFilter) -> Result<Self, sqlx::Error> {
        let actions = match &filter.action {
            None => None,
            Some(ActionFilter::Exact(action)) => Some(vec![action.clone()]),
            Some(ActionFilter::Prefix(prefix)) => Some(actions_with(pool, prefix).await?),
        };
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT CASE WHEN $1::timestamptz IS NULL THEN 1 ELSE \
                (SELECT seq FROM audit_log WHERE at >= $1 ORDER BY at, seq LIMIT 1) END, \
             CASE WHEN $2::timestamptz IS NULL THEN (SELECT seq FROM audit_head) ELSE \
                (SELECT seq FROM audit_log WHERE at <= $2 ORDER BY at DESC, seq DESC LIMIT 1) END",
        )
        .bind(filter.from)
        .bind(filter.to)
        .fetch_one(pool)
        .await?;
        Ok(Self {
            filter,
            actions,
            first: first.unwrap_or(i64::MAX),
            last: last.unwrap_or(0),
        })
    }

    /// The newest rows first, beginning before this one.
    pub async fn newest(
        &self,
        pool: &PgPool,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, sqlx::Error> {
        let last = before.map_or(self.last, |before| self.last.min(before.saturating_sub(1)));
        self.rows(pool, (self.first, last), "DESC", limit).await
    }

    /// The oldest rows first, beginning after this one.
    pub async fn oldest(&self, pool: &PgPool, after: i64, limit: u32) -> Result<Vec<AuditRow>, sqlx::Error> {
        let first = self.first.max(after.saturating_add(1));
        self.rows(pool, (first, self.last), "ASC", limit).await
    }

    async fn rows(
        &self,
        pool: &PgPool,
        range: (i64, i64),
        order: &str,
        limit: u32,
    ) -> Result<Vec<AuditRow>, sqlx::Error> {
        let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM "));
        if let Some(actions) = &self.actions {
            query.push("unnest(").push_bind(actions.clone());
            query.push(") AS wanted CROSS JOIN LATERAL (SELECT a.* FROM ");
        }
        query.push("audit_log a WHERE ");
        let lead = self.lead(&mut query, range);
        self.conditions(&mut query, lead);
        query.push(" ORDER BY ");
        if let Some(lead) = lead {
            query.push(format!("{lead} {order}, "));
        }
        query.push(format!("a.seq {order} LIMIT {limit}"));
        if self.actions.is_some() {
            query.push(format!(") a ORDER BY a.seq {order} LIMIT {limit}"));
        }
        // Planned anew each time: the best index depends on the values.
        query.build_query_as().persistent(false).fetch_all(pool).await
    }

    /// Bounds the rows, together with the filter that has them in order in its index; the column of that filter. As an
    /// equality it would leave PostgreSQL the choice to walk through all rows instead, which takes long when the wanted
    /// ones are far away.
    fn lead(&self, query: &mut QueryBuilder<Postgres>, (first, last): (i64, i64)) -> Option<&'static str> {
        let filter = &self.filter;
        let lead = if self.actions.is_some() {
            Some("a.action COLLATE \"C\"")
        } else if filter.subject.is_some() {
            Some("a.subject")
        } else if filter.actor_id.is_some() {
            Some("a.actor_id")
        } else {
            filter.organization.map(|_| "a.organization_id")
        };
        let Some(lead) = lead else {
            query.push("a.seq BETWEEN ").push_bind(first);
            query.push(" AND ").push_bind(last);
            return None;
        };
        for (and, relation, bound) in [("", ">=", first), (" AND ", "<=", last)] {
            query.push(format!("{and}({lead}, a.seq) {relation} ("));
            match (&self.actions, &filter.subject, &filter.actor_id) {
                (Some(_), _, _) => query.push("wanted"),
                (_, Some(text), _) | (_, _, Some(text)) => query.push_bind(text.clone()),
                _ => query.push_bind(filter.organization),
            };
            query.push(", ").push_bind(bound).push(")");
        }
        Some(lead)
    }

    /// What the lead does not say already.
    fn conditions(&self, query: &mut QueryBuilder<Postgres>, lead: Option<&str>) {
        let filter = &self.filter;
        if let Some(organization) = filter.organization.filter(|_| lead != Some("a.organization_id")) {
            query.push(" AND a.organization_id = ").push_bind(organization);
        }
        let texts = [
            ("a.actor_kind", &filter.actor_kind),
            ("a.actor_id", &filter.actor_id),
            ("a.subject", &filter.subject),
        ];
        for (column, text) in texts {
            if let Some(text) = text.as_ref().filter(|_| lead != Some(column)) {
                query.push(format!(" AND {column} = ")).push_bind(text.clone());
            }
        }
        if let Some(iccid) = &filter.iccid {
            query.push(" AND (a.subject = ").push_bind(iccid.clone());
            query.push(" OR a.subjects @> ARRAY[").push_bind(iccid.clone());
            query.push("])");
        }
    }
}

/// The actions that begin so, one jump in the index each.
async fn actions_with(pool: &PgPool, prefix: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "WITH RECURSIVE found AS ( \
            (SELECT action FROM audit_log WHERE action COLLATE \"C\" >= $1 ORDER BY action COLLATE \"C\" LIMIT 1) \
            UNION ALL \
            SELECT (SELECT a.action FROM audit_log a WHERE a.action COLLATE \"C\" > f.action \
                    ORDER BY a.action COLLATE \"C\" LIMIT 1) \
            FROM found f WHERE starts_with(f.action, $1) \
         ) SELECT action FROM found WHERE starts_with(action, $1)",
    )
    .bind(prefix)
    .fetch_all(pool)
    .await
}

/// What the keys and users among these ids are called.
pub async fn actor_names(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, name FROM api_keys WHERE id = ANY($1) UNION ALL \
         SELECT id, username FROM users WHERE id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
}
