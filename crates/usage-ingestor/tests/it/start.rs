use sqlx::Row;

use crate::harness::TestApp;

#[tokio::test]
async fn the_roles_storage_function_is_the_owners_and_works_on_this_edition() {
    let app = TestApp::start().await;
    let mut owner = app.connection().await;
    let role: String = sqlx::query_scalar(
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE '%_usage' AND rolname LIKE $1",
    )
    .bind(format!("{}%", app.scope.prefix))
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!(role.ends_with("_usage"));

    let row = app.service.runtime.db.pool().acquire().await.unwrap();
    drop(row);
    let edition = sqlx::query("SELECT keep_storage(730, 365, 14)")
        .fetch_one(app.service.runtime.db.pool())
        .await
        .unwrap()
        .get::<String, _>(0);
    assert!(["apache", "timescale"].contains(&edition.as_str()), "{edition}");
}
