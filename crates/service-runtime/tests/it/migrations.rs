use service_runtime::db::{self, Db, Step};
use sqlx::AssertSqlSafe;
use test_support::Scope;

const FIRST: Step = Step {
    name: "m0001_first",
    sql: &["CREATE TABLE first ()"],
};
const SECOND: Step = Step {
    name: "m0002_second",
    sql: &[
        "CREATE TABLE second (n int); CREATE TABLE third ()",
        "INSERT INTO second VALUES (1)",
    ],
};
const OLDER: &[Step] = &[FIRST];
const NEWER: &[Step] = &[FIRST, SECOND];

#[tokio::test]
async fn an_older_program_accepts_a_newer_schema_and_leaves_it_alone() {
    let scope = Scope::new().await;
    let config = scope.runtime_config().database;

    assert_eq!(db::migrate(&config, "sim", NEWER).await.unwrap(), 2);
    assert_eq!(db::migrate(&config, "sim", OLDER).await.unwrap(), 0);

    let db = Db::connect(&config, "sim").await.unwrap();
    db.require_current(OLDER).await.unwrap();
    db.require_current(NEWER).await.unwrap();
}

#[tokio::test]
async fn a_newer_program_takes_the_steps_that_are_missing() {
    let scope = Scope::new().await;
    let config = scope.runtime_config().database;

    assert_eq!(db::migrate(&config, "sim", OLDER).await.unwrap(), 1);
    assert_eq!(db::migrate(&config, "sim", NEWER).await.unwrap(), 1);
    assert_eq!(db::migrate(&config, "sim", NEWER).await.unwrap(), 0);
}

/// Tables that say in their comment what the service's login may do.
const RESTRICTED: &[Step] = &[Step {
    name: "m0001_restricted",
    sql: &[
        "CREATE TABLE free (n int); CREATE TABLE log (n int); CREATE TABLE head (n int)",
        "COMMENT ON TABLE log IS 'append-only: rows are added'",
        "COMMENT ON TABLE head IS 'read-only: seen'",
        "COMMENT ON COLUMN free.n IS 'read-only: the comment of a column is only that'",
    ],
}];

#[tokio::test]
async fn a_tables_comment_takes_rights_from_the_services_login_each_time() {
    let scope = Scope::new().await;
    let config = scope.runtime_config().database;

    for _ in 0..2 {
        db::migrate(&config, "sim", RESTRICTED).await.unwrap();

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
