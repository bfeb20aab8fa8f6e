//! PostgreSQL's binary COPY of usage records: what the database can do at best.

use sqlx::PgConnection;

use crate::records::Record;

const STATEMENT: &str = "COPY usage.sim_usage (iccid, ended_at, record_id, started_at, rx, tx, total, sms_mo, sms_mt, mcc, \
                         operator_id, rat, imsi, tariff_id, ratezone_id, session_id) FROM STDIN (FORMAT binary)";
const COLUMNS: i16 = 16;
/// Milliseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH_MS: i64 = 946_684_800_000;
/// Sent in one message.
const PIECE: usize = 256 * 1024;

/// Rows in the form that COPY reads.
pub struct Rows(Vec<u8>);

impl Rows {
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        // Neither flags nor an extension of the header.
        bytes.extend_from_slice(&[0; 8]);
        let mut rows = Self(bytes);
        for record in records {
            rows.push(&record);
        }
        rows.0.extend_from_slice(&(-1_i16).to_be_bytes());
        rows
    }

    fn push(&mut self, record: &Record) {
        self.0.extend_from_slice(&COLUMNS.to_be_bytes());
        self.field(record.iccid.to_be_bytes());
        self.field(time(record.ended_ms));
        self.field(record.id.to_be_bytes());
        self.field(time(record.started_ms));
        self.field(record.rx.to_be_bytes());
        self.field(record.tx.to_be_bytes());
        self.field(record.total().to_be_bytes());
        self.field(0_i32.to_be_bytes());
        self.field(0_i32.to_be_bytes());
        self.field(record.mcc().to_be_bytes());
        self.field(record.operator_id().to_be_bytes());
        self.field(6_i16.to_be_bytes());
        self.field(record.imsi.to_be_bytes());
        self.field(1_i32.to_be_bytes());
        self.field(1_i32.to_be_bytes());
        self.field(record.session.into_bytes());
    }

    fn field<const N: usize>(&mut self, value: [u8; N]) {
        let length = i32::try_from(N).expect("small");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(&value);
    }

    /// Copies them into the table, in a transaction of their own; returns how many they were.
    pub async fn copy(&self, database: &mut PgConnection) -> u64 {
        let mut copy = database.copy_in_raw(STATEMENT).await.expect("a COPY");
        for piece in self.0.chunks(PIECE) {
            copy.send(piece).await.expect("sent");
        }
        copy.finish().await.expect("copied")
    }
}

fn time(ms: i64) -> [u8; 8] {
    ((ms - EPOCH_MS) * 1000).to_be_bytes()
}
