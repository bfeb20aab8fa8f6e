//! Usage per day: decimal strings, two spellings of the date, a last row `TOTAL` (FACTS §7).

use chrono::NaiveDate;
use domain::DataVolume;

use super::{Fields, Unreadable, array, read_list};
use crate::model::{DataUsage, SmsUsage, Usage, UsageDay};

/// Reads the rows of v1's object or of a bare array; the `TOTAL` row is left out. Rows of which none is a day are no
/// usage: they are not the SIM's silence.
pub(crate) fn read_usage(body: &[u8]) -> Result<Usage, Unreadable> {
    let (rows, rejects) = read_list(array(body)?, read_row);
    let mut days: Vec<UsageDay> = rows.into_iter().flatten().collect();
    if let (true, Some(reject)) = (days.is_empty(), rejects.first()) {
        return Err(Unreadable::new(format!("no row is a day: {}", reject.reason)));
    }
    days.sort_by_key(|day| day.date);
    Ok(Usage { days, rejects })
}

fn read_row(mut row: Fields) -> Result<Option<UsageDay>, Unreadable> {
    let date = row.word("date").ok_or_else(|| Unreadable::new("no date"))?;
    if date.eq_ignore_ascii_case("TOTAL") {
        return Ok(None);
    }
    // A day without use tells zeros (FACTS §7); one that tells of neither has another shape.
    if !row.names("data") && !row.names("sms") {
        return Err(Unreadable::new("neither data nor sms"));
    }
    let day = date.get(..10).unwrap_or(&date);
    let date = NaiveDate::parse_from_str(day, "%Y-%m-%d")
        .map_err(|_| Unreadable::new(format!("date {date:.40}")))?;
    Ok(Some(UsageDay {
        date,
        data: part(&mut row, "data", read_data)?,
        sms: part(&mut row, "sms", read_sms)?,
        extra: row.extra(),
    }))
}

/// One of the two objects of a day; what it holds beside volumes stays in the row.
fn part<T: Default>(
    row: &mut Fields,
    name: &str,
    read: impl FnOnce(&mut Fields) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let read = |part: &mut Fields| {
        // The cost mirrors the volume, and the place says what kind of traffic it is (FACTS §7).
        for known in ["cost", "currency", "traffic_type"] {
            part.skip(known);
        }
        let volumes = ["volume", "volume_tx", "volume_rx"];
        if !part.is_spent() && !volumes.into_iter().any(|volume| part.names(volume)) {
            return Err(Unreadable::new("no volume"));
        }
        read(part)
    };
    match row.inside(name, read) {
        Some(part) => part,
        None => required(row, name, None).map(Option::unwrap_or_default),
    }
}

/// A value that is there must be readable: a day must not look empty because its volume is strange.
fn required<T>(fields: &mut Fields, name: &str, value: Option<T>) -> Result<Option<T>, Unreadable> {
    match value {
        None if fields.contains(name) => Err(Unreadable::new(format!("unreadable {name}"))),
        other => Ok(other),
    }
}

fn read_data(fields: &mut Fields) -> Result<DataUsage, Unreadable> {
    let mut volume = |name| {
        let value = fields.megabytes(name);
        required(fields, name, value)
    };
    let (total, tx, rx) = (volume("volume")?, volume("volume_tx")?, volume("volume_rx")?);
    let (tx, rx) = (tx.unwrap_or_default(), rx.unwrap_or_default());
    Ok(DataUsage {
        total: total.unwrap_or_else(|| DataVolume::from_bytes(tx.bytes().saturating_add(rx.bytes()))),
        tx,
        rx,
    })
}

fn read_sms(fields: &mut Fields) -> Result<SmsUsage, Unreadable> {
    let mut count = |name| {
        let value = fields.integer(name);
        required(fields, name, value)
    };
    let (total, mt, mo) = (count("volume")?, count("volume_tx")?, count("volume_rx")?);
    let (mt, mo) = (mt.unwrap_or_default(), mo.unwrap_or_default());
    Ok(SmsUsage {
        total: total.unwrap_or_else(|| mt.saturating_add(mo)),
        mo,
        mt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_row_is_no_day_and_days_come_oldest_first() {
        let usage = read_usage(
            br#"{"stats":[
            {"date":"2025-10-03T00:00:00.000Z","data":{"volume":"0","volume_tx":"0","volume_rx":"0"}},
            {"date":"2025-10-02","data":{"volume":"0.412000","volume_tx":"0.300000","volume_rx":"0.112000",
              "traffic_type":{"id":5}},"sms":{"volume":"3","volume_tx":"1","volume_rx":"2"}},
            {"date":"TOTAL","data":{"volume":"0.412000","volume_tx":"0.3","volume_rx":"0.112"}}]}"#,
        )
        .unwrap();
        assert_eq!(usage.days.len(), 2);
        assert_eq!(usage.days[0].date.to_string(), "2025-10-02");
        assert_eq!(usage.days[0].data.total.bytes(), 432_013);
        assert_eq!(
            (usage.days[0].sms.mt, usage.days[0].sms.mo),
            (1, 2),
            "API: tx is MT, rx is MO"
        );
        assert!(usage.days[0].extra.is_empty(), "{:?}", usage.days[0].extra);
        assert!(usage.rejects.is_empty());
    }

    #[test]
    fn a_bare_array_is_read_and_a_strange_row_costs_only_itself() {
        let usage = read_usage(
            br#"[{"date":"2025-10-02","data":{"volume":"many"}},{"date":"2025-10-01","data":null},{"date":"soon"},
                {"date":"2025-10-03","sms":7}]"#,
        )
        .unwrap();
        assert_eq!(usage.days.len(), 1);
        assert_eq!(usage.rejects.len(), 3);
    }

    #[test]
    fn a_day_of_another_shape_is_no_day_without_use() {
        for other in [
            r#"{"date":"2025-10-02","usage":{"bytes":7}}"#,
            r#"{"date":"2025-10-02","volume":"3"}"#,
            r#"{"date":"2025-10-02","data":{"bytes":7}}"#,
        ] {
            let days = format!(r#"[{{"date":"2025-10-01","data":{{"volume":"0"}}}},{other}]"#);
            let usage = read_usage(days.as_bytes()).unwrap();
            assert_eq!((usage.days.len(), usage.rejects.len()), (1, 1), "{other}");
        }
    }

    #[test]
    fn what_a_row_tells_beside_its_volumes_is_kept() {
        let usage = read_usage(
            br#"[{"date":"2025-10-02","data":{"volume":"1","roaming":true},"sms":{"volume":"0"},"voice":{"volume":"3"}}]"#,
        )
        .unwrap();
        assert_eq!(
            serde_json::json!(usage.days[0].extra),
            serde_json::json!({"data": {"roaming": true}, "voice": {"volume": "3"}})
        );
    }

    #[test]
    fn rows_of_which_none_is_a_day_are_no_usage() {
        let nonsense = br#"[{"date":"quis","data":{"volume":"tempor"}},{"date":"TOTAL"}]"#;
        assert!(read_usage(nonsense).is_err());
    }

    #[test]
    fn only_a_total_row_is_an_empty_answer() {
        assert_eq!(
            read_usage(br#"{"stats":[{"date":"TOTAL"}]}"#).unwrap(),
            Usage::default()
        );
    }
}
