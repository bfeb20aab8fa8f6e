//! Rows as the merge and the readings by API write them.

use chrono::{DateTime, NaiveDate, Utc};
use messages::pb::common;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::harness::TestApp;

pub const ICCID: i64 = 8_988_999_000_000_000_017;
pub const OTHER: i64 = 8_988_999_000_000_000_025;
pub const ORGANIZATION: Uuid = Uuid::from_u128(0xa);
pub const FOREIGN: Uuid = Uuid::from_u128(0xb);

/// The whole platform.
pub fn all() -> Option<common::Scope> {
    Some(domain::Scope::All.into())
}

/// One organization.
pub fn only(organization: Uuid) -> Option<common::Scope> {
    Some(domain::Scope::Organization(domain::OrganizationId(organization)).into())
}

/// One usage record.
#[derive(Debug, Clone)]
pub struct Record {
    pub iccid: i64,
    pub ended_at: DateTime<Utc>,
    pub rx: i64,
    pub tx: i64,
    pub sms: (i32, i32),
    pub session: Option<Uuid>,
}

/// Data of a session of its own that ends at this time.
pub fn data(ended_at: &str, rx: i64, tx: i64) -> Record {
    Record {
        iccid: ICCID,
        ended_at: ended_at.parse().unwrap(),
        rx,
        tx,
        sms: (0, 0),
        session: Some(Uuid::new_v4()),
    }
}

/// One message from the device, or to it.
pub fn sms(ended_at: &str, mo: i32, mt: i32) -> Record {
    Record {
        sms: (mo, mt),
        session: None,
        ..data(ended_at, 0, 0)
    }
}

pub struct Rows {
    pub db: PgConnection,
    next_id: i64,
}

impl Rows {
    pub async fn of(app: &TestApp) -> Self {
        Self {
            db: app.connection().await,
            next_id: 1,
        }
    }

    pub async fn sim(&mut self, iccid: i64, organization: Option<Uuid>, tags: &[&str]) {
        sqlx::query("INSERT INTO sims (iccid, organization_id, tags) VALUES ($1, $2, $3)")
            .bind(iccid)
            .bind(organization)
            .bind(tags)
            .execute(&mut self.db)
            .await
            .unwrap();
    }

    /// Stores a record and raises its day.
    pub async fn record(&mut self, record: Record) {
        let total = record.rx + record.tx;
        let of_data = i32::from(record.sms == (0, 0));
        sqlx::query(
            "INSERT INTO sim_usage VALUES ($1, $2, $3, $2, $4, $5, $6, $7, $8, 262, 2, 6, 901405000000017, 1, 1, $9)",
        )
        .bind(record.iccid)
        .bind(record.ended_at)
        .bind(self.next_id)
        .bind(record.rx)
        .bind(record.tx)
        .bind(total)
        .bind(record.sms.0)
        .bind(record.sms.1)
        .bind(record.session)
        .execute(&mut self.db)
        .await
        .unwrap();
        self.next_id += 1;
        sqlx::query(
            "INSERT INTO sim_usage_daily AS known (iccid, day, rx, tx, total, sms_mo, sms_mt, data_records, sessions)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
             ON CONFLICT (iccid, day) DO UPDATE SET rx = known.rx + excluded.rx, tx = known.tx + excluded.tx,
                 total = known.total + excluded.total, sms_mo = known.sms_mo + excluded.sms_mo,
                 sms_mt = known.sms_mt + excluded.sms_mt, data_records = known.data_records + excluded.data_records,
                 sessions = known.sessions + excluded.sessions",
        )
        .bind(record.iccid)
        .bind(record.ended_at.date_naive())
        .bind(record.rx)
        .bind(record.tx)
        .bind(total)
        .bind(record.sms.0)
        .bind(record.sms.1)
        .bind(of_data)
        .execute(&mut self.db)
        .await
        .unwrap();
    }

    /// Stores what the API told of a day.
    pub async fn api_day(&mut self, iccid: i64, day: &str, (rx, tx): (i64, i64), (mo, mt): (i32, i32)) {
        sqlx::query(
            "INSERT INTO sim_usage_daily (iccid, day, api_rx, api_tx, api_total, api_sms_mo, api_sms_mt, api_read_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, now())
             ON CONFLICT (iccid, day) DO UPDATE SET api_rx = excluded.api_rx, api_tx = excluded.api_tx,
                 api_total = excluded.api_total, api_sms_mo = excluded.api_sms_mo, api_sms_mt = excluded.api_sms_mt,
                 api_read_at = excluded.api_read_at",
        )
        .bind(iccid)
        .bind(day.parse::<NaiveDate>().unwrap())
        .bind(rx)
        .bind(tx)
        .bind(rx + tx)
        .bind(mo)
        .bind(mt)
        .execute(&mut self.db)
        .await
        .unwrap();
    }

    /// Runs a statement.
    pub async fn run(&mut self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&mut self.db).await.unwrap();
    }
}
