use sea_orm_migration::prelude::*;
use service_runtime::db::{self, Db, run_sql};
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
