//! The sums every honest book of the usage records must show.

use super::records::{Record, Volume};
use super::types::UsageTruth;
use crate::account::Account;
use crate::clock::Millis;
use crate::dates::{day_of, day_string};

/// Millionths of a MB as bytes, rounded half away from zero; not for negative volumes.
fn bytes(millionths: i64) -> i64 {
    const MB: i128 = 1_048_576;
    ((i128::from(millionths) * MB * 2 + 1_000_000) / 2_000_000) as i64
}

impl UsageTruth {
    fn add(&mut self, record: &Record) {
        self.records += 1;
        match record.volume {
            Volume::Data { tx, rx } => {
                self.data_micro += tx + rx;
                self.tx_bytes += bytes(tx);
                self.rx_bytes += bytes(rx);
                self.total_bytes += bytes(tx + rx);
            }
            Volume::Mo => self.sms_mo += 1,
            Volume::Mt => self.sms_mt += 1,
        }
    }
}

/// Records that ended after `from` and at or before `to`, per SIM and day, in list order; only days with records.
pub fn usage(account: &Account, from: Millis, to: Millis, now: Millis) -> Vec<UsageTruth> {
    let to = to.min(now);
    let mut all = Vec::new();
    for sim in account.fleet.order() {
        let view = account.view(*sim, now);
        for day in day_of(from + 1)..=day_of(to) {
            let mut sum = UsageTruth::default();
            view.day(day).between(from, to, |record| sum.add(&record));
            if sum.records > 0 {
                sum.iccid = view.iccid();
                sum.day = day_string(day);
                all.push(sum);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_become_the_nearest_byte() {
        for (millionths, expected) in [
            (0, 0),
            (1, 1),
            (1_000_000, 1_048_576),
            (250_000, 262_144),
            (15_625, 16_384),
            (10, 10),
            (11, 12),
        ] {
            assert_eq!(bytes(millionths), expected);
        }
    }
}
