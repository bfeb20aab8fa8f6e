//! A SIM as list and single read write it (FACTS §5).

use std::net::IpAddr;

use domain::{Iccid, Imei, Imsi, Msisdn, ProviderSim, QuotaStatus, QuotaSummary, SimStatus};

use super::{Fields, Unreadable};

/// Reads a SIM; only a missing or impossible ICCID makes it unreadable.
pub(crate) fn read_sim(mut fields: Fields) -> Result<ProviderSim, Unreadable> {
    let luhn = fields.parsed("iccid_with_luhn", Iccid::parse);
    let iccid = match (fields.text("iccid"), luhn) {
        (Some(text), _) => Iccid::parse(text.trim())
            .map_err(|error| Unreadable::new(format!("iccid {text:.40}: {error}")))?,
        (None, Some(iccid)) => iccid,
        (None, None) => return Err(Unreadable::new("no iccid")),
    };
    let provider_status = fields.described("status").unwrap_or_default();
    let data_total = fields.megabytes("current_quota").map(|volume| volume.bytes());
    let sms_total = fields.integer("current_quota_SMS");
    Ok(ProviderSim {
        iccid,
        imsi: fields.parsed("imsi", Imsi::parse),
        imsi_2: fields.parsed("imsi_2", Imsi::parse),
        current_imsi: fields.parsed("current_imsi", Imsi::parse),
        msisdn: fields.parsed("msisdn", Msisdn::parse),
        imei: fields.parsed("imei", Imei::parse),
        imei_lock: fields.boolean("imei_lock"),
        status: SimStatus::from_provider(&provider_status),
        provider_status,
        label: fields.text("label"),
        ip_address: fields.parsed("ip_address", |text| {
            text.parse::<IpAddr>().map(|_| text.to_owned())
        }),
        activation_date: fields.time("activation_date"),
        data_quota: summary(&mut fields, data_total, "quota_status"),
        sms_quota: summary(&mut fields, sms_total, "quota_status_SMS"),
        extra: fields.extra(),
    })
}

fn summary(fields: &mut Fields, total: Option<i64>, name: &str) -> QuotaSummary {
    let read = |status: &mut Fields| {
        let id = status.integer("id").and_then(|id| i32::try_from(id).ok());
        if id.is_some() {
            // The description beside the id is unconfirmed text (FACTS §5).
            status.skip("description");
        }
        QuotaSummary {
            total,
            status: id.map(QuotaStatus::from_id),
            threshold_reached_at: status.time("threshold_reached_date"),
            exceeded_at: status.time("quota_exceeded_date"),
        }
    };
    fields.inside(name, read).unwrap_or(QuotaSummary {
        total,
        status: None,
        threshold_reached_at: None,
        exceeded_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"iccid":"8988999000000000017","iccid_with_luhn":"89889990000000000176",
        "imsi":"901409000000017","current_imsi":"901409000000017","msisdn":"882999000000017",
        "imei":"3500000000000101","imei_lock":false,"status":"Enabled",
        "activation_date":"2024-02-11T08:00:01.000+0000","ip_address":"100.64.0.17","current_quota":500,
        "quota_status":{"id":1,"description":"x","threshold_reached_date":"2025-09-01T00:10:00.000+0000"},
        "current_quota_SMS":250,"quota_status_SMS":{"id":0,"description":"y"},"label":"pump-17"}"#;

    fn read(json: &str) -> Result<ProviderSim, Unreadable> {
        Fields::parse(json.as_bytes()).and_then(read_sim)
    }

    #[test]
    fn the_published_example_is_read_completely() {
        let sim = read(SAMPLE).unwrap();
        assert_eq!(sim.iccid.to_string(), "8988999000000000017");
        assert_eq!(sim.status, SimStatus::Enabled);
        assert_eq!(sim.data_quota.total, Some(524_288_000));
        assert_eq!(sim.data_quota.status, Some(QuotaStatus::Low));
        assert_eq!(
            sim.data_quota.threshold_reached_at.unwrap().to_rfc3339(),
            "2025-09-01T00:10:00+00:00"
        );
        assert_eq!(sim.sms_quota.total, Some(250));
        assert_eq!(sim.activation_date.unwrap().timestamp(), 1_707_638_401);
        assert_eq!(sim.ip_address.as_deref(), Some("100.64.0.17"));
        assert!(sim.extra.is_empty(), "{:?}", sim.extra);
    }

    #[test]
    fn an_address_that_is_none_is_kept_as_it_came() {
        let sim = read(r#"{"iccid":"8988999000000000017","ip_address":"ullamco"}"#).unwrap();
        assert_eq!(sim.ip_address, None);
        assert_eq!(sim.extra["ip_address"], "ullamco");
    }

    #[test]
    fn missing_keys_are_none_and_unknown_or_strange_ones_are_kept() {
        let sim =
            read(r#"{"iccid":8988999000000000017,"status":"On holiday","imei":"?","new":[1]}"#).unwrap();
        assert_eq!(sim.status, SimStatus::Unknown);
        assert_eq!(sim.provider_status, "On holiday");
        assert_eq!((sim.imei, sim.label, sim.imei_lock), (None, None, None));
        assert_eq!(sim.extra["imei"], "?");
        assert_eq!(sim.extra["new"][0], 1);
    }

    #[test]
    fn a_quota_status_of_another_shape_is_kept() {
        let json = r#"{"iccid":"8988999000000000017","quota_status":{"id":"LOW","new":1},
            "quota_status_SMS":{"id":0,"description":"y","since":"today"}}"#;
        let sim = read(json).unwrap();
        assert_eq!(sim.data_quota.status, None);
        assert_eq!(
            sim.extra["quota_status"],
            serde_json::json!({"id": "LOW", "new": 1})
        );
        assert_eq!(
            sim.extra["quota_status_SMS"],
            serde_json::json!({"since": "today"})
        );
    }

    #[test]
    fn the_printed_number_helps_out_and_a_wrong_one_is_refused() {
        assert!(read(r#"{"iccid_with_luhn":"89889990000000000176"}"#).is_ok());
        assert!(read(r#"{"iccid":"12"}"#).is_err());
        assert!(read(r#"{"label":"x"}"#).is_err());
    }
}
