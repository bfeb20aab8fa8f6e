use std::io::Write;
use std::time::Duration;

use chrono::Utc;
use serde_json::json;
use sqlx::Row;
use test_support::{DATASTREAMER, eventually};

use crate::harness::TestApp;
use crate::records::{data, iccid, sms_mo};

#[tokio::test]
async fn a_posted_record_is_stored_and_raises_its_day() {
    let app = TestApp::start().await;
    let noon = Utc::now()
        .date_naive()
        .pred_opt()
        .unwrap()
        .and_hms_opt(12, 0, 0)
        .unwrap()
        .and_utc();
    let records = json!([data(1, 1, noon, "0.2", "0.05"), sms_mo(2, 1, noon)]);

    let (status, text) = app.post("/datastreamer/v1/usage", records.to_string()).await;

    assert_eq!((status, text.as_str()), (200, r#"{"received":2,"rejected":0}"#));
    let mut db = app.connection().await;
    let day = eventually("the records are merged", || async {
        let mut db = app.connection().await;
        Ok(
            sqlx::query("SELECT * FROM sim_usage_daily WHERE iccid = $1 AND day = $2")
                .bind(iccid(1).parse::<i64>().unwrap())
                .bind(noon.date_naive())
                .fetch_one(&mut db)
                .await?,
        )
    })
    .await;
    assert_eq!(day.get::<i64, _>("tx"), 209_715);
    assert_eq!(day.get::<i64, _>("rx"), 52_429);
    assert_eq!(day.get::<i64, _>("total"), 262_144);
    assert_eq!((day.get::<i32, _>("sms_mo"), day.get::<i32, _>("sms_mt")), (1, 0));
    assert_eq!(day.get::<i32, _>("sessions"), 1);
    let record = sqlx::query("SELECT * FROM sim_usage WHERE record_id = 1")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(record.get::<chrono::DateTime<Utc>, _>("ended_at"), noon);
    assert_eq!(
        (record.get::<i16, _>("mcc"), record.get::<i16, _>("rat")),
        (262, 6)
    );
    let operator: String = sqlx::query_scalar("SELECT country FROM operators WHERE operator_id = 2")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(operator, "Germany");
    let unknown: i64 = sqlx::query_scalar("SELECT count(*) FROM sims WHERE organization_id IS NULL")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(unknown, 1);
}
