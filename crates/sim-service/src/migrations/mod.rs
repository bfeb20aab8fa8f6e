//! Forward migrations of the schema `sim`: one SQL file a step, expand first, contract later.

use sea_orm_migration::prelude::*;
use service_runtime::{lease, outbox};

/// Every step, in order.
pub struct Migrations;

/// Each step's name and SQL, in order.
const STEPS: [(&str, &[&str]); 3] = [
    (
        "m0001_fleet",
        &[
            include_str!("m0001_fleet.sql"),
            outbox::TABLE_SQL,
            lease::TABLE_SQL,
        ],
    ),
    ("m0002_jobs", &[include_str!("m0002_jobs.sql")]),
    ("m0003_fleet_counts", &[include_str!("m0003_fleet_counts.sql")]),
];

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let step = |(name, sql)| Box::new(Step { name, sql }) as Box<dyn MigrationTrait>;
        STEPS.into_iter().map(step).collect()
    }
}

struct Step {
    name: &'static str,
    sql: &'static [&'static str],
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in self.sql {
            service_runtime::db::run_sql(manager, sql).await?;
        }
        Ok(())
    }
}
