//! Quotas of both generations (FACTS §8).

use domain::DataVolume;

use super::{Fields, Unreadable};
use crate::capability::Generation;
use crate::model::{DataQuota, Quota, QuotaState, SmsQuota};

pub(crate) fn read_data_quota(fields: Fields, generation: Generation) -> Result<DataQuota, Unreadable> {
    read(fields, generation, |fields, name| -> Option<DataVolume> {
        fields.megabytes(name)
    })
}

pub(crate) fn read_sms_quota(fields: Fields, generation: Generation) -> Result<SmsQuota, Unreadable> {
    read(fields, generation, |fields, name| fields.integer(name))
}

fn read<V>(
    mut fields: Fields,
    generation: Generation,
    amount: impl Fn(&mut Fields, &str) -> Option<V>,
) -> Result<Quota<V>, Unreadable> {
    if !fields.contains("volume") && !fields.contains("total_volume") {
        return Err(Unreadable::new("neither volume nor total_volume"));
    }
    let id = fields.inside("status", |status| {
        let id = status.integer("id")?;
        status.skip("description");
        Some(id)
    });
    let state = id.flatten().map(|id| match id {
        0 => QuotaState::Exhausted,
        1 => QuotaState::Active,
        2 => QuotaState::Expired,
        other => QuotaState::Unknown(other),
    });
    Ok(Quota {
        generation,
        remaining: amount(&mut fields, "volume"),
        total: amount(&mut fields, "total_volume"),
        accumulated_total: amount(&mut fields, "accumulated_total_volume"),
        last_added: amount(&mut fields, "last_volume_added"),
        threshold_percentage: fields.integer("threshold_percentage"),
        threshold: amount(&mut fields, "threshold_volume"),
        expires_at: fields.time("expiry_date"),
        peak_throughput: fields.integer("peak_throughput"),
        last_status_change: fields.time("last_status_change_date"),
        id: fields.integer("id"),
        created_at: fields.time("created_at"),
        state,
        extra: fields.extra(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_become_one_model_and_negative_is_kept() {
        let v1 = Fields::parse(
            br#"{"volume":435.787951,"total_volume":500,"expiry_date":"2031-11-26 00:00:00",
                "peak_throughput":1000000,"last_volume_added":500,"threshold_percentage":20,
                "last_status_change_date":"2018-10-01T11:59:44.000Z"}"#,
        );
        let v1 = read_data_quota(v1.unwrap(), Generation::V1).unwrap();
        assert_eq!(v1.remaining.unwrap().bytes(), 456_956_787);
        assert_eq!(v1.expires_at.unwrap().to_rfc3339(), "2031-11-26T00:00:00+00:00");
        let v2 = Fields::parse(
            br#"{"id":1,"status":{"id":0,"description":"EXHAUSTED"},"volume":"-0.02","total_volume":500.0,
                "accumulated_total_volume":1000,"service":"data","threshold_volume":100,"new":1}"#,
        );
        let v2 = read_data_quota(v2.unwrap(), Generation::V2).unwrap();
        assert_eq!(v2.remaining.unwrap().bytes(), -20_972);
        assert_eq!(v2.state, Some(QuotaState::Exhausted));
        assert_eq!(v2.extra["new"], 1);
        let sms = Fields::parse(br#"{"volume":249.0,"total_volume":"250"}"#).unwrap();
        let sms = read_sms_quota(sms, Generation::V2).unwrap();
        assert_eq!((sms.remaining, sms.total), (Some(249), Some(250)));
    }

    #[test]
    fn an_error_object_is_no_quota() {
        assert!(read_data_quota(Fields::parse(br#"{"message":"x"}"#).unwrap(), Generation::V1).is_err());
    }
}
