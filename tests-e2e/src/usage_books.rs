//! The books of usage: what the emulated devices used, what is stored, what is summed up and what was announced.

use std::collections::BTreeMap;

use anyhow::ensure;
use chrono::NaiveDate;
use messages::DecodedEvent;
use sqlx::Row;

use crate::{Sandbox, read_events};

/// A SIM and a UTC day.
type Key = (String, String);

/// Bytes sent, received and in total, messages from and to the device.
type Sums = [i64; 5];

/// One stream's books from a day on, which its history must begin before.
#[derive(Debug)]
pub struct UsageBooks {
    truth: BTreeMap<Key, Sums>,
    true_records: i64,
    stored: BTreeMap<Key, Sums>,
    stored_records: i64,
    announced: BTreeMap<Key, Sums>,
    /// Sums of the days, and the fleet's own.
    fleet: [i64; 2],
}

impl UsageBooks {
    /// Reads everything up to where the stream stands.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn read(sandbox: &Sandbox, stream: u64, first: NaiveDate) -> anyhow::Result<Self> {
        let mut db = sandbox.scope.connection().await;
        let until = sandbox.once().stream(stream).await?.position;
        let days = sqlx::query(
            "SELECT iccid::text, day::text, tx, rx, total, sms_mo::bigint, sms_mt::bigint FROM usage.sim_usage_daily
             WHERE day >= $1",
        )
        .bind(first)
        .fetch_all(&mut db)
        .await?;
        let stored = days.iter().map(|row| {
            let sums = [2, 3, 4, 5, 6].map(|column: usize| row.get(column));
            ((row.get(0), row.get(1)), sums)
        });
        let stored = used(stored);
        let stored_records = sqlx::query_scalar(
            "SELECT count(*) FROM usage.sim_usage WHERE ended_at >= $1::date AT TIME ZONE 'UTC'",
        )
        .bind(first)
        .fetch_one(&mut db)
        .await?;
        let fleet = sqlx::query(
            "SELECT (SELECT coalesce(sum(used_total), 0)::bigint FROM usage.sim_usage_daily),
                    (SELECT coalesce(sum(total), 0)::bigint FROM usage.fleet_usage_daily)",
        )
        .fetch_one(&mut db)
        .await?;
        let truth = sandbox
            .once()
            .usage_truth(&format!("{first}T00:00:00.000Z"), &until)
            .await?;
        let true_records = truth
            .iter()
            .map(|day| i64::try_from(day.records).unwrap_or(0))
            .sum();
        let truth = truth.into_iter().map(|day| {
            let sums = [
                day.tx_bytes,
                day.rx_bytes,
                day.total_bytes,
                day.sms_mo,
                day.sms_mt,
            ];
            ((day.iccid, day.day), sums)
        });
        Ok(Self {
            truth: used(truth),
            true_records,
            stored,
            stored_records,
            announced: announced(sandbox, first).await?,
            fleet: [fleet.get(0), fleet.get(1)],
        })
    }

    /// Fails unless every record of the stream is stored once, summed up once and announced once.
    ///
    /// # Errors
    /// The first differences.
    pub fn balance(&self) -> anyhow::Result<()> {
        ensure!(
            self.stored_records == self.true_records,
            "{} records are stored of {}",
            self.stored_records,
            self.true_records
        );
        ensure!(self.true_records > 0, "no record at all");
        ensure!(
            self.stored == self.truth,
            "days and truth: {}",
            differences(&self.stored, &self.truth)
        );
        ensure!(
            self.announced == self.truth,
            "announced and truth: {}",
            differences(&self.announced, &self.truth)
        );
        ensure!(
            self.fleet[0] == self.fleet[1],
            "the fleet's sums: {:?}",
            self.fleet
        );
        Ok(())
    }

    /// Records of the stream up to where it stands.
    pub fn records(&self) -> i64 {
        self.true_records
    }
}

/// Days with use.
fn used(days: impl Iterator<Item = (Key, Sums)>) -> BTreeMap<Key, Sums> {
    days.filter(|(_, sums)| *sums != Sums::default()).collect()
}

/// What a consumer adds up who has read every event.
async fn announced(sandbox: &Sandbox, first: NaiveDate) -> anyhow::Result<BTreeMap<Key, Sums>> {
    let mut days: BTreeMap<Key, Sums> = BTreeMap::new();
    for event in read_events(sandbox).await? {
        let DecodedEvent::UsageRecorded(recorded) = event.data else {
            continue;
        };
        for sim in recorded
            .sims
            .into_iter()
            .filter(|sim| sim.day >= first.to_string())
        {
            let sums = days.entry((sim.iccid, sim.day)).or_default();
            let added = [sim.tx, sim.rx, sim.total, sim.sms_mo.into(), sim.sms_mt.into()];
            for (sum, added) in sums.iter_mut().zip(added) {
                *sum += i64::try_from(added)?;
            }
        }
    }
    Ok(used(days.into_iter()))
}

fn differences(left: &BTreeMap<Key, Sums>, right: &BTreeMap<Key, Sums>) -> String {
    let keys = left.keys().chain(right.keys());
    let differing = keys.filter(|key| left.get(*key) != right.get(*key));
    let shown: Vec<String> = differing
        .take(5)
        .map(|key| format!("{key:?}: {:?} and {:?}", left.get(key), right.get(key)))
        .collect();
    shown.join("; ")
}
