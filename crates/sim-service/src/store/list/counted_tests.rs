//! Lists whose total is kept, against their definition and by their plans.

use domain::{AccountSlug, ListStatus, OrganizationId, Scope, SimSort};
use proptest::prelude::*;
use service_runtime::db::Db;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::{ListCursor, ListFilter, ListPage, MISSING, SimList};
use crate::store::{Store, StoredSim, ensure_account};

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

fn iccid((sim, _): &(StoredSim, ListCursor)) -> i64 {
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
