//! Lists whose total is kept: one statement tells total and rows, so they are of one moment.

use domain::SimSort;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder, Row};

use super::{Found, ListPage, ListRow, MISSING, Position, SimList};
use crate::store::PageError;
use crate::store::row::SELECT;

/// ICCIDs of one row of `sim_buckets`.
const BUCKET: i64 = 1_000;

/// Behind which SIM a page in ICCID order begins.
#[derive(Clone, Copy)]
enum Behind {
    /// The one with this number.
    Iccid(i64),
    /// The one in this place of the list, from 0.
    Place(i64),
}

impl SimList {
    /// The rows of the page, one more when others follow, and the total.
    pub(super) async fn counted_page(
        &self,
        pool: &PgPool,
        position: Option<&Position>,
    ) -> Result<Found, PageError> {
        let mut query = self.counted_query(position)?;
        let rows = query
            .build()
            .persistent(self.has_kept_plan())
            .fetch_all(pool)
            .await?;
        let mut found = Found {
            rows: Vec::with_capacity(rows.len()),
            total: 0,
            total_is_capped: false,
        };
        for row in &rows {
            found.total = row.try_get("total")?;
            // An empty page has a row too, which holds the total alone.
            if row.try_get::<Option<i64>, _>("iccid")?.is_some() {
                found.rows.push(ListRow::from_row(row)?);
            }
        }
        Ok(found)
    }

    pub(super) fn counted_query(
        &self,
        position: Option<&Position>,
    ) -> Result<QueryBuilder<Postgres>, PageError> {
        let mut query = QueryBuilder::new(
            "SELECT total, page.* FROM (SELECT coalesce(sum(sims), 0)::bigint AS total FROM fleet_counts WHERE ",
        );
        self.push_scope_and_status(&mut query);
        query.push(") AS counted LEFT JOIN (");
        if self.sort == SimSort::Iccid {
            self.push_walk(&mut query, position);
        } else {
            self.push_page(&mut query, position, false)?;
        }
        query.push(") AS page ON true");
        self.push_order(&mut query);
        Ok(query)
    }

    /// Whether one plan is good for every value: not for an organization's SIMs of a status, which may be all or none of
    /// either, and not beside another order.
    fn has_kept_plan(&self) -> bool {
        self.sort == SimSort::Iccid && (self.filter.status.is_none() || self.scope.filter().is_none())
    }

    /// The rows in ICCID order, read along one index; under the table's own name, as [`SELECT`] wants them.
    fn push_walk(&self, query: &mut QueryBuilder<Postgres>, position: Option<&Position>) {
        let behind = match (&self.page, position) {
            (_, Some(position)) => Behind::Iccid(position.iccid),
            (ListPage::Number(page), None) if *page > 1 => Behind::Place((page - 1) * self.size - 1),
            _ => Behind::Iccid(if self.descending { i64::MAX } else { 0 }),
        };
        query.push("WITH ");
        if let Behind::Place(place) = behind
            && place >= BUCKET
        {
            self.push_bucket(query, place);
        }
        query.push("sims AS (");
        // Written out: of a limit that is bound, a plan that is kept expects a tenth of the table.
        self.push_next(query, self.size + 1, |query| self.push_behind(query, behind));
        query.push(") ");
        query.push(SELECT);
    }

    /// The bucket that holds this place, and how many SIMs are before it.
    fn push_bucket(&self, query: &mut QueryBuilder<Postgres>, place: i64) {
        query.push("held AS (SELECT bucket, sum(sims)::bigint AS sims FROM sim_buckets WHERE ");
        self.push_scope_and_status(query);
        // One that has become empty would end in the same place as the one before it.
        query.push(" GROUP BY bucket HAVING sum(sims) > 0), ");
        query.push("ranked AS (SELECT bucket, sims, sum(sims) OVER (ORDER BY bucket ");
        query.push(self.direction());
        query.push(")::bigint AS upto FROM held), ");
        query.push("found AS (SELECT bucket, upto - sims AS before FROM ranked WHERE upto > ");
        query.push_bind(place).push(" ORDER BY upto LIMIT 1), ");
    }

    /// The ICCID behind which the page begins; NULL when the list ends before.
    fn push_behind(&self, query: &mut QueryBuilder<Postgres>, behind: Behind) {
        let place = match behind {
            Behind::Iccid(iccid) => {
                query.push_bind(iccid);
                return;
            }
            Behind::Place(place) => place,
        };
        let is_deep = place >= BUCKET;
        let edge = match (is_deep, self.descending) {
            (true, false) => format!("SELECT bucket * {BUCKET} - 1 FROM found"),
            (true, true) => format!("SELECT (bucket + 1) * {BUCKET} FROM found"),
            (false, false) => "0".to_owned(),
            (false, true) => i64::MAX.to_string(),
        };
        query.push("SELECT iccid FROM (");
        self.push_next(query, BUCKET, |query| _ = query.push(edge));
        query.push(format!(") AS next ORDER BY {} OFFSET ", self.walk_order()));
        if is_deep {
            query.push("(SELECT ");
            query.push_bind(place).push(" - before FROM found)");
        } else {
            query.push_bind(place);
        }
        query.push(" LIMIT 1");
    }

    /// The next SIMs behind an ICCID, along the one index that holds them in order.
    fn push_next(
        &self,
        query: &mut QueryBuilder<Postgres>,
        limit: i64,
        behind: impl FnOnce(&mut QueryBuilder<Postgres>),
    ) {
        let (comparison, end) = if self.descending { ("<", ">=") } else { (">", "<=") };
        query.push("SELECT * FROM sims WHERE list_status ");
        // Written out: a plan that is kept for any status could not use an index of the listed SIMs.
        match self.filter.status {
            Some(status) => query.push(format!("= {}", status.code())),
            None => query.push(format!("< {MISSING}")),
        };
        let organization = self.scope.filter();
        if let Some(organization) = organization.filter(|_| self.walks_organization()) {
            query.push(format!(" AND organization_id {end} "));
            query.push_bind(organization);
            query.push(format!(" AND (organization_id, iccid) {comparison} ("));
            query.push_bind(organization).push(", (");
            behind(query);
            query.push("))");
        } else {
            if let Some(organization) = organization {
                query.push(" AND organization_id = ").push_bind(organization);
            }
            query.push(format!(" AND iccid {comparison} ("));
            behind(query);
            query.push(")");
        }
        query.push(format!(" ORDER BY {} LIMIT {limit}", self.walk_order()));
    }

    /// The organization is part of the order then, or a plan that is kept might walk past the SIMs of all others.
    fn walks_organization(&self) -> bool {
        self.scope.filter().is_some() && self.filter.status.is_none()
    }

    fn walk_order(&self) -> String {
        let direction = self.direction();
        if self.walks_organization() {
            format!("organization_id {direction}, iccid {direction}")
        } else {
            format!("iccid {direction}")
        }
    }
}
