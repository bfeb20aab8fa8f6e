//! SMS of both generations (FACTS §11).

use domain::{Iccid, Msisdn};

use super::{Fields, Unreadable};
use crate::model::{Sms, SmsDirection, SmsId, SmsState};

pub(crate) fn read_sms(mut fields: Fields) -> Result<Sms, Unreadable> {
    let id = fields
        .word("id")
        .map(SmsId)
        .ok_or_else(|| Unreadable::new("no id"))?;
    Ok(Sms {
        id,
        state: state(&mut fields),
        direction: direction(&mut fields),
        iccid: fields.parsed("iccid", Iccid::parse),
        msisdn: fields.parsed("msisdn", Msisdn::parse),
        source_address: fields.word("source_address"),
        payload: fields.text("payload"),
        dcs: fields.integer("dcs"),
        udh: fields.word("udh"),
        submitted_at: fields.time("submit_date"),
        delivered_at: fields.time("delivery_date"),
        final_at: fields.time("final_date"),
        expires_at: fields.time("expiry_date"),
        retry_count: fields.integer("retry_count"),
        extra: fields.extra(),
    })
}

/// Id and word of `{"id":…,"description":…}`; a bare word or number serves too.
fn coded(fields: &mut Fields, name: &str) -> (Option<i64>, String) {
    let read = |object: &mut Fields| {
        let word = object.word("description").or_else(|| object.word("status"));
        (object.integer("id"), word.unwrap_or_default())
    };
    if let Some(both) = fields.inside(name, read) {
        return both;
    }
    let text = fields.word(name).unwrap_or_default();
    (text.parse().ok(), text)
}

fn unknown(id: Option<i64>, word: String) -> String {
    if word.is_empty() {
        id.map(|id| id.to_string()).unwrap_or_default()
    } else {
        word
    }
}

fn state(fields: &mut Fields) -> SmsState {
    let (id, word) = coded(fields, "status");
    match (id, word.to_ascii_uppercase().as_str()) {
        (Some(2), _) | (None, "PENDING") => SmsState::Pending,
        (Some(3), _) | (None, "BUFFERED") => SmsState::Buffered,
        (Some(4), _) | (None, "DELIVERED") => SmsState::Delivered,
        (Some(5), _) | (None, "FAILED") => SmsState::Failed,
        (Some(6), _) | (None, "EXPIRED") => SmsState::Expired,
        _ => SmsState::Unknown(unknown(id, word)),
    }
}

fn direction(fields: &mut Fields) -> SmsDirection {
    let (id, word) = coded(fields, "sms_type");
    match (id, word.to_ascii_uppercase().as_str()) {
        (Some(1), _) | (None, "MT") => SmsDirection::Mt,
        (Some(2), _) | (None, "MO") => SmsDirection::Mo,
        _ => SmsDirection::Unknown(unknown(id, word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_counts_and_states_of_both_generations_are_read() {
        for json in [
            r#"{"id":590,"retry_count":"1","status":{"id":4,"description":"DELIVERED"},"sms_type":{"id":1,"description":"MT"},"msc":"49"}"#,
            r#"{"id":"590","retry_count":1,"status":{"description":"DELIVERED"},"sms_type":{"id":"1"},"msc":491770940000}"#,
        ] {
            let sms = read_sms(Fields::parse(json.as_bytes()).unwrap()).unwrap();
            assert_eq!(sms.id, SmsId("590".into()));
            assert_eq!(
                (sms.state, sms.direction),
                (SmsState::Delivered, SmsDirection::Mt)
            );
            assert_eq!(sms.retry_count, Some(1));
            assert!(sms.extra.contains_key("msc"));
        }
    }

    #[test]
    fn an_unknown_state_keeps_its_word_and_a_big_id_its_digits() {
        let json =
            br#"{"id":550000000000000017,"status":{"id":99,"description":"LOST"},"sms_type":{"id":7}}"#;
        let sms = read_sms(Fields::parse(json).unwrap()).unwrap();
        assert_eq!(sms.id.0, "550000000000000017");
        assert_eq!(sms.state, SmsState::Unknown("LOST".into()));
        assert_eq!(sms.direction, SmsDirection::Unknown("7".into()));
    }
}
