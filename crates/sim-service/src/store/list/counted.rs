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

    fn counted_query(&self, position: Option<&Position>) -> Result<QueryBuilder<Postgres>, PageError> {
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

#[cfg(test)]
mod tests {
    use domain::{AccountSlug, ListStatus, OrganizationId, Scope};
    use proptest::prelude::*;
    use service_runtime::db::Db;
    use sqlx::AssertSqlSafe;
    use uuid::Uuid;

    use super::*;
    use crate::store::{ListFilter, Store, StoredSim, ensure_account};

    const FIRST: i64 = 8_988_000_000_000_000_000;

    async fn store(scope: &test_support::Scope) -> Store {
        let mut config = scope.runtime_config().database;
        crate::SERVICE.migrate(&config).await.unwrap();
        // One, so that its prepared statements are those of all lists.
        config.max_connections = 1;
        let store = Store::new(Db::connect(&config, crate::SERVICE.schema).await.unwrap());
        let account = AccountSlug::parse("main").unwrap();
        ensure_account(&store, &account, OrganizationId::DEFAULT)
            .await
            .unwrap();
        store
    }

    fn organization(number: u128) -> OrganizationId {
        OrganizationId(Uuid::from_u128(number))
    }

    /// SIMs `from` to `to`, of three organizations and three states that `seed` scatters.
    async fn add(store: &Store, from: i64, to: i64, seed: i32) {
        sqlx::query(
            "INSERT INTO sims (iccid, account, organization_id, revision, status, provider_status, read_at)
             SELECT $1 + n * 3, 'main', lpad(to_hex(1 + abs(hashint8(n + $4)) % 3), 32, '0')::uuid, 1,
                    abs(hashint8(n * 7 + $4)) % 3, 'x', now()
             FROM generate_series($2, $3) AS n ON CONFLICT DO NOTHING",
        )
        .bind(FIRST)
        .bind(from)
        .bind(to)
        .bind(seed)
        .execute(store.db().pool())
        .await
        .unwrap();
    }

    /// The SIMs of these places are gone, those that were are back.
    async fn turn_missing(store: &Store, from: i64, to: i64) {
        sqlx::query(
            "UPDATE sims SET missing_since = CASE WHEN missing_since IS NULL THEN now() END
             WHERE iccid BETWEEN $1 + $2 * 3 AND $1 + $3 * 3",
        )
        .bind(FIRST)
        .bind(from)
        .bind(to)
        .execute(store.db().pool())
        .await
        .unwrap();
    }

    #[derive(Debug, Clone, sqlx::FromRow)]
    struct Held {
        iccid: i64,
        organization_id: Uuid,
        list_status: i16,
    }

    /// The ICCIDs that the list holds by its definition.
    async fn expected(store: &Store, list: &SimList) -> Vec<i64> {
        let mut held: Vec<Held> = sqlx::query_as("SELECT iccid, organization_id, list_status FROM sims")
            .fetch_all(store.db().pool())
            .await
            .unwrap();
        held.retain(|sim| {
            let of_status = match list.filter.status {
                Some(status) => sim.list_status == status.code(),
                None => sim.list_status < MISSING,
            };
            of_status && list.scope.holds(OrganizationId(sim.organization_id))
        });
        let by_status = list.sort == SimSort::Status;
        held.sort_by_key(|sim| (if by_status { sim.list_status } else { 0 }, sim.iccid));
        let mut iccids: Vec<i64> = held.iter().map(|sim| sim.iccid).collect();
        if list.descending {
            iccids.reverse();
        }
        iccids
    }

    fn iccid((sim, _): &(StoredSim, super::super::ListCursor)) -> i64 {
        sim.provider.iccid.as_i64()
    }

    /// Compares one page by number, and the one behind it by cursor, with the definition.
    async fn compare(store: &Store, list: &SimList, number: usize) -> Result<(), TestCaseError> {
        let expected = expected(store, list).await;
        let size = usize::try_from(list.size).unwrap();
        let from = |place: usize| &expected[place.min(expected.len())..];
        let mut list = SimList {
            page: ListPage::Number(i64::try_from(number).unwrap()),
            ..list.clone()
        };
        for place in [(number - 1) * size, number * size] {
            let page = store.list_sims(&list).await.unwrap();
            let shown: Vec<i64> = page.sims.iter().map(iccid).collect();
            let wanted: Vec<i64> = from(place).iter().take(size).copied().collect();
            prop_assert_eq!(shown, wanted, "{:?}", &list);
            prop_assert_eq!(page.total, i64::try_from(expected.len()).unwrap());
            prop_assert_eq!(page.has_next, from(place).len() > size);
            let Some((_, cursor)) = page.sims.last() else {
                break;
            };
            list.page = ListPage::After(cursor.to_string());
        }
        Ok(())
    }

    fn lists() -> impl Strategy<Value = (SimList, usize)> {
        let scope = prop_oneof![
            Just(Scope::All),
            (1..=4_u128).prop_map(|number| Scope::Organization(organization(number))),
        ];
        let status = prop_oneof![
            Just(None),
            prop::sample::select(vec![0, 1, 2, MISSING]).prop_map(|code| Some(ListStatus::from_code(code)))
        ];
        let sort = prop_oneof![3 => Just(SimSort::Iccid), 1 => Just(SimSort::Status)];
        let page = prop_oneof![1..4_usize, 1..80_usize];
        let size = prop::sample::select(vec![1, 7, 50, 1_000]);
        (scope, status, sort, any::<bool>(), size, page).prop_map(
            |(scope, status, sort, descending, size, page)| {
                let filter = ListFilter {
                    status,
                    ..ListFilter::default()
                };
                let list = SimList {
                    scope,
                    filter,
                    sort,
                    descending,
                    page: ListPage::Number(1),
                    size,
                };
                // Numbers reach no further in another order.
                let reach = if sort == SimSort::Iccid {
                    page
                } else {
                    page.min(10)
                };
                (list, reach)
            },
        )
    }

    #[test]
    fn every_page_of_every_fleet_is_that_of_the_definition() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let scope = runtime.block_on(test_support::Scope::new());
        let store = runtime.block_on(store(&scope));
        let chunk = (0..3_000_i64, 1..700_i64, any::<i32>());
        let gone = (0..3_000_i64, 1..900_i64);
        proptest!(ProptestConfig::with_cases(24), |(
            (from, count, seed) in chunk,
            (gone, many) in gone,
            lists in prop::collection::vec(lists(), 12),
        )| {
            runtime.block_on(async {
                add(&store, from, from + count, seed).await;
                turn_missing(&store, gone, gone + many).await;
                for (list, page) in &lists {
                    compare(&store, list, *page).await?;
                }
                Ok::<_, TestCaseError>(())
            })?;
        });
    }

    /// What PostgreSQL does for a list that is asked for again and again.
    async fn kept_plan(store: &Store, list: &SimList) -> String {
        let position = match &list.page {
            ListPage::After(cursor) => Some(list.read_cursor(cursor).unwrap()),
            ListPage::Number(_) => None,
        };
        let statement = list.counted_query(position.as_ref()).unwrap().into_sql();
        let explain = format!("EXPLAIN (GENERIC_PLAN) {}", statement.as_str());
        let plan = sqlx::raw_sql(AssertSqlSafe(explain))
            .fetch_all(store.db().pool())
            .await
            .unwrap();
        let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        lines.join("\n")
    }

    #[tokio::test]
    async fn a_plain_list_is_one_kept_plan_along_one_index() {
        let scope = test_support::Scope::new().await;
        let store = store(&scope).await;
        add(&store, 0, 20_000, 7).await;
        sqlx::raw_sql("ANALYZE sims; ANALYZE sim_buckets; ANALYZE fleet_counts")
            .execute(store.db().pool())
            .await
            .unwrap();
        let one = Scope::Organization(organization(2));
        for (scope, status, index) in [
            (Scope::All, None, "sims_listed"),
            (one, None, "sims_organization"),
            (Scope::All, Some(ListStatus::Missing), "sims_status"),
        ] {
            for page in [1, 3, 300] {
                let list = SimList {
                    scope,
                    filter: ListFilter {
                        status,
                        ..ListFilter::default()
                    },
                    sort: SimSort::Iccid,
                    descending: page == 3,
                    page: ListPage::Number(page),
                    size: 50,
                };
                // PostgreSQL decides after five times.
                for _ in 0..8 {
                    store.list_sims(&list).await.unwrap();
                }

                let plan = kept_plan(&store, &list).await;
                assert!(plan.contains(index), "{list:?}\n{plan}");
                assert!(!plan.contains("Seq Scan on sims"), "{list:?}\n{plan}");
            }
        }
        let plans: Vec<(i64, String)> = sqlx::query_as(
            "SELECT generic_plans, statement FROM pg_prepared_statements WHERE statement LIKE 'SELECT total%'",
        )
        .fetch_all(store.db().pool())
        .await
        .unwrap();
        assert_eq!(plans.len(), 9);
        for (kept, statement) in plans {
            assert!(kept > 0, "{statement}");
        }
    }
}
