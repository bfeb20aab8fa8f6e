//! Usage records as platform 2.0 sends them (FACTS §15.2), the same in every run and in every form.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

/// Records of a full batch of the Data Streamer.
pub const BATCH: u64 = 3_000;
/// A SIM in use sends about every 13 minutes.
pub const STEP_MS: i64 = 13 * 60_000;
/// 1 MiB is 64 of these, so that volumes are short decimals and exact.
const UNIT: u64 = 16_384;

/// Id, name, MNC, the country's id, MCC and country.
const OPERATORS: [(i32, &str, &str, i32, i16, &str); 3] = [
    (2, "Example Mobile", "01", 74, 262, "Germany"),
    (11, "Exemple Telecom", "10", 68, 208, "France"),
    (29, "Exemplo Redes", "03", 163, 268, "Portugal"),
];

/// One usage record. Volumes are bytes, times milliseconds since 1970.
pub struct Record {
    pub iccid: u64,
    pub id: u64,
    pub started_ms: i64,
    pub ended_ms: i64,
    pub rx: u64,
    pub tx: u64,
    pub imsi: u64,
    pub operator: usize,
    pub session: Uuid,
}

impl Record {
    /// Record `number` of SIM `sim`, which ended at this time.
    pub fn new(iccid: u64, sim: u64, number: u64, ended_ms: i64) -> Self {
        Self {
            iccid,
            id: 700_000_000 + number,
            started_ms: ended_ms - STEP_MS,
            ended_ms,
            rx: UNIT * (1 + number % 97),
            tx: UNIT * (1 + number % 31),
            imsi: 901_405_100_000_000 + sim,
            operator: usize::try_from(sim % 3).expect("small"),
            // Some hours of one SIM are one session.
            session: Uuid::from_u64_pair(sim, ended_ms.cast_unsigned() >> 24),
        }
    }

    pub fn total(&self) -> u64 {
        self.rx + self.tx
    }

    pub fn mcc(&self) -> i16 {
        OPERATORS[self.operator].4
    }

    pub fn operator_id(&self) -> i32 {
        OPERATORS[self.operator].0
    }

    fn write_json(&self, text: &mut String) {
        let (operator, name, mnc, country_id, mcc, country) = OPERATORS[self.operator];
        let (started, ended) = (iso(self.started_ms), iso(self.ended_ms));
        let (iccid, imsi, sim) = (self.iccid, self.imsi, self.imsi % 100_000_000);
        let [total, rx, tx] = [self.total(), self.rx, self.tx].map(mib);
        write!(
            text,
            r#"{{"id":{},"start_timestamp":"{started}","end_timestamp":"{ended}","imsi":"{imsi}","imsi_id":{sim},"organisation":{{"id":42,"name":"99000001"}},"sim":{{"id":{sim},"iccid":"{iccid}","msisdn":"8822851{sim:08}"}},"endpoint":{{"id":{sim},"name":"{iccid}","ip_address":"100.64.0.17","imei":"3500000000000101"}},"operator":{{"id":{operator},"name":"{name}","mnc":"{mnc}","country":{{"id":{country_id},"mcc":"{mcc}","name":"{country}"}}}},"tariff":{{"id":1,"name":"Flat","ratezone":{{"id":1,"name":"RZ1"}}}},"traffic_type":{{"id":5,"description":"Data"}},"volume":{{"total":{total},"tx":{tx},"rx":{rx}}},"detail":{{"pdp_context":{{"rat_type":6,"ipcan_session_id":"{}"}}}}}}"#,
            self.id, self.session,
        )
        .expect("a string takes everything");
    }
}

/// The records of a fleet in the order in which they arrive: in each round every SIM has one, neighbours far apart.
pub struct Arrivals {
    iccids: Vec<u64>,
    first_ms: i64,
}

impl Arrivals {
    /// Of these SIMs, so that the last of so many records ended an hour ago.
    pub fn new(iccids: Vec<u64>, records: u64) -> Self {
        let rounds = records.div_ceil(u64::try_from(iccids.len()).expect("small"));
        let before = STEP_MS * i64::try_from(rounds).expect("small") + 3_600_000;
        Self {
            iccids,
            first_ms: Utc::now().timestamp_millis() - before,
        }
    }

    /// Record `number`, from 0.
    pub fn record(&self, number: u64) -> Record {
        /// A prime that divides no number of SIMs, so that its multiples reach every one.
        const STRIDE: u64 = 15_485_863;
        let sims = u64::try_from(self.iccids.len()).expect("small");
        let (round, place) = (number / sims, number % sims);
        let sim = (place * STRIDE + round * 7) % sims;
        let within = STEP_MS.cast_unsigned() * place / sims;
        let ended = self.first_ms + STEP_MS * round.cast_signed() + within.cast_signed();
        Record::new(
            self.iccids[usize::try_from(sim).expect("small")],
            sim,
            number,
            ended,
        )
    }

    /// Records `from` to `to`, without the last, as the body of a request.
    pub fn body(&self, from: u64, to: u64) -> Vec<u8> {
        let mut text = String::with_capacity(850 * usize::try_from(to - from).expect("small"));
        for number in from..to {
            text.push(if number == from { '[' } else { ',' });
            self.record(number).write_json(&mut text);
        }
        text.push(']');
        text.into_bytes()
    }
}

fn iso(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .expect("a time")
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Bytes in MiB; exact, because they are multiples of [`UNIT`].
#[allow(clippy::cast_precision_loss)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
