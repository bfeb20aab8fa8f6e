use sea_orm_migration::prelude::*;
use service_runtime::db::{self, Db, run_sql};
use sqlx::AssertSqlSafe;
use test_support::Scope;

/// A step that makes one table.
struct Step(&'static str);

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, &format!("CREATE TABLE {} ()", self.0)).await
    }
}

struct Older;

impl MigratorTrait for Older {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Step("m0001_first"))]
    }
}

struct Newer;

impl MigratorTrait for Newer {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Step("m0001_first")), Box::new(Step("m0002_second"))]
    }
}

#[tokio::test]
async fn an_older_program_accepts_a_newer_schema_and_leaves_it_alone() {
    let scope = Scope::new().await;
    let config = scope.runtime_config().database;

    assert_eq!(db::migrate::<Newer>(&config, "sim").await.unwrap(), 2);
    assert_eq!(db::migrate::<Older>(&config, "sim").await.unwrap(), 0);

    let db = Db::connect(&config, "sim").await.unwrap();
    db.require_current::<Older>().await.unwrap();
    db.require_current::<Newer>().await.unwrap();
}

#[tokio::test]
async fn a_newer_program_takes_the_steps_that_are_missing() {
    let scope = Scope::new().await;
    let config = scope.runtime_config().database;

    assert_eq!(db::migrate::<Older>(&config, "sim").await.unwrap(), 1);
    assert_eq!(db::migrate::<Newer>(&config, "sim").await.unwrap(), 1);
    assert_eq!(db::migrate::<Newer>(&config, "sim").await.unwrap(), 0);
}

/// Tables that say in their comment what the service's login may do.
struct Restricted;

impl MigratorTrait for Restricted {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(RestrictedTables)]
    }
}

struct RestrictedTables;

impl MigrationName for RestrictedTables {
    fn name(&self) -> &str {
        "m0001_restricted"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for RestrictedTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "CREATE TABLE free (n int); CREATE TABLE log (n int); CREATE TABLE head (n int); \
                   COMMENT ON TABLE log IS 'append-only: rows are added'; COMMENT ON TABLE head IS 'read-only: seen'; \
                   COMMENT ON COLUMN free.n IS 'read-only: the comment of a column is only that'";
        run_sql(manager, sql).await
    }
}

#[tokio::test]
async fn a_tables_comment_takes_rights_from_the_services_login_each_time() {
    let scope = Scope::new().await;
    let config = scope.runtime_config().database;

    for _ in 0..2 {
        db::migrate::<Restricted>(&config, "sim").await.unwrap();

        let db = Db::connect(&config, "sim").await.unwrap();
        for (table, allowed) in [
            ("free", [true, true, true, true]),
            ("log", [true, true, false, false]),
            ("head", [true, false, false, false]),
        ] {
            let statements = [
                format!("SELECT * FROM {table}"),
                format!("INSERT INTO {table} VALUES (1)"),
                format!("UPDATE {table} SET n = 2"),
                format!("DELETE FROM {table}"),
            ];
            for (statement, allowed) in statements.into_iter().zip(allowed) {
                let outcome = sqlx::query(AssertSqlSafe(statement.as_str()))
                    .execute(db.pool())
                    .await;
                assert_eq!(outcome.is_ok(), allowed, "{statement}: {outcome:?}");
            }
        }
    }
}
