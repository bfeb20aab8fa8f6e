//! Feeds bytes to every decoder, for the fuzz target and the property test.

use super::{
    Fields, array, error_body, read_connectivity, read_connectivity_info, read_data_quota, read_event_page,
    read_limit_steps, read_limits, read_list, read_order, read_product, read_sim, read_sms, read_sms_quota,
    read_support_case, read_usage,
};
use crate::capability::Generation;
use crate::model::Service;

/// How many decoders could read the bytes.
///
/// # Panics
/// When a list loses a record: each must come out as read or as rejected with its own text.
pub fn decode_everything(body: &[u8]) -> usize {
    if let Ok(records) = array(body) {
        let count = records.len();
        let (sims, rejects) = read_list(records, read_sim);
        assert_eq!(sims.len() + rejects.len(), count, "a record was lost");
    }
    let single = |read: fn(Fields) -> bool| Fields::parse(body).is_ok_and(read);
    let outcomes = [
        single(|fields| read_sim(fields).is_ok()),
        single(|fields| read_connectivity(fields).is_ok()),
        single(|fields| read_connectivity_info(fields).is_ok()),
        single(|fields| read_data_quota(fields, Generation::V2).is_ok()),
        single(|fields| read_sms_quota(fields, Generation::V2).is_ok()),
        single(|fields| read_sms(fields).is_ok()),
        single(|fields| read_order(fields).is_ok()),
        single(|fields| read_product(fields).is_ok()),
        single(|fields| read_support_case(fields).is_ok()),
        single(|fields| read_limits(fields).is_ok()),
        read_event_page(body, 1).is_ok(),
        read_usage(body).is_ok(),
        read_limit_steps(body, Service::SmsMt).is_ok(),
        error_body(body) == error_body(body),
    ];
    outcomes.into_iter().filter(|readable| *readable).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIM: &str = r#"{"iccid":"8988999000000000017","imei":"3500000000000101","imei_lock":false,"status":"Enabled",
        "activation_date":"2024-02-11T08:00:01.000+0000","current_quota":500,"quota_status":{"id":1,"description":"low"}}"#;

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            decode_everything(&bytes);
        }

        #[test]
        fn a_damaged_record_costs_only_itself(at in 0usize..SIM.len(), byte in 0x20u8..0x7f) {
            let mut damaged = SIM.as_bytes().to_vec();
            damaged[at] = byte;
            let damaged = String::from_utf8_lossy(&damaged).into_owned();
            if let Ok(records) = array(format!("[{SIM},{damaged}]").as_bytes()) {
                let (sims, rejects) = read_list(records, read_sim);
                prop_assert!(!sims.is_empty() && sims.len() + rejects.len() >= 2);
            }
        }
    }
}
