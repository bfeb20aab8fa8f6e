//! Forward SQL, one file per step; a step that was released is never edited.

use sea_orm_migration::prelude::*;
use service_runtime::db::run_sql;

pub struct Migrator;

/// Each step's name and SQL, in order.
const STEPS: [(&str, &str); 4] = [
    ("m0001_identity", include_str!("m0001_identity.sql")),
    ("m0002_sessions", include_str!("m0002_sessions.sql")),
    ("m0003_idempotency", include_str!("m0003_idempotency.sql")),
    ("m0004_audit_chain", include_str!("m0004_audit_chain.sql")),
];

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let step = |(name, sql)| Box::new(Step { name, sql }) as Box<dyn MigrationTrait>;
        STEPS.into_iter().map(step).collect()
    }
}

struct Step {
    name: &'static str,
    sql: &'static str,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, self.sql).await
    }
}
