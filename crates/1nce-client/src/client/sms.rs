//! SMS (FACTS §11). Sending is an action: when its outcome is unknown it is `Uncertain`, never repeated.

use chrono::SecondsFormat;
use domain::Iccid;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::OnceClient;
use super::call::{Call, Endpoint, Group};
use super::sims::known;
use crate::capability::{Capability, Generation};
use crate::error::{ClientError, Teller};
use crate::http::Answer;
use crate::lane::Lane;
use crate::model::{Sms, SmsId, SmsPage, SmsReceipt, SmsSubmit, Sort};
use crate::retry::RetryClass;
use crate::wire::{Fields, Unreadable, array, read_list, read_sms};

static SEND: Endpoint = Endpoint::sims_action("POST /sims/{iccid}/sms");
static LIST: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/sms");
static GET: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/sms/{id}");
static CANCEL: Endpoint = Endpoint::new(
    "DELETE /sims/{iccid}/sms/{id}",
    Method::DELETE,
    Group::Sims,
    RetryClass::Repeatable,
);

/// An id goes into a path, so only digits are sent.
fn path(id: &SmsId) -> Result<String, ClientError> {
    if id.0.is_empty() || id.0.len() > 40 || !id.0.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ClientError::Invalid("an SMS id has 1 to 40 digits".into()));
    }
    Ok(format!("/sms/{id}"))
}

/// A call about one SMS.
fn one(endpoint: &'static Endpoint, lane: Lane, iccid: Iccid, path: &str) -> Call {
    let list = Call::of_sim(&LIST, lane, iccid, "/sms").query("page", 1);
    Call::of_sim(endpoint, lane, iccid, path).listed_by(list)
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn submit_body(sms: &SmsSubmit) -> Result<Value, ClientError> {
    let invalid = |text: &str| Err(ClientError::Invalid(text.into()));
    if sms.payload.is_empty() {
        return invalid("an SMS has a payload");
    }
    if sms.coding.dcs() == 4 && !is_hex(&sms.payload) {
        return invalid("a binary payload is hex");
    }
    let mut body = Map::new();
    body.insert("payload".into(), json!(sms.payload));
    body.insert("dcs".into(), json!(sms.coding.dcs()));
    if let Some(address) = &sms.source_address {
        body.insert("source_address".into(), json!(address));
    }
    if let Some(kind) = sms.source_address_type {
        body.insert("source_address_type".into(), json!({ "id": kind.id() }));
    }
    if let Some(udh) = &sms.udh {
        if !is_hex(udh) {
            return invalid("a user data header is hex");
        }
        body.insert("udh".into(), json!(udh));
    }
    if let Some(expires) = sms.expires_at {
        // v2 wants RFC 3339 with an offset.
        let text = expires.to_rfc3339_opts(SecondsFormat::Millis, false);
        body.insert("expiry_date".into(), json!(text));
    }
    Ok(Value::Object(body))
}

/// v2 tells the id in the body, v1 as the last segment of `Location`, whose host is an internal name.
fn receipt(answer: &Answer) -> Result<SmsReceipt, Unreadable> {
    let from_location = answer
        .location
        .as_deref()
        .and_then(|location| location.trim_end_matches('/').rsplit('/').next())
        .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|id| SmsId(id.to_owned()));
    if from_location.is_some() || answer.is_empty() {
        return Ok(SmsReceipt { id: from_location });
    }
    let id = Fields::parse(&answer.body)?.word("id").map(SmsId);
    Ok(SmsReceipt { id })
}

impl OnceClient {
    /// Sends an SMS to a device; 1NCE accepts it and delivers later.
    pub async fn send_sms(
        &self,
        lane: Lane,
        iccid: Iccid,
        sms: &SmsSubmit,
    ) -> Result<SmsReceipt, ClientError> {
        let body = submit_body(sms)?;
        let make = |_| Call::of_sim(&SEND, lane, iccid, "/sms").body(body.clone());
        let (_, answer) = self.sims_call(Capability::Sms, make).await?;
        receipt(&answer).map_err(|reason| SEND.class.verdict(SEND.name, answer.unreadable(&SEND, reason)))
    }

    /// SMS of a SIM of the last 7 days, from page 1, at most 100 a page.
    pub async fn list_sms(
        &self,
        lane: Lane,
        iccid: Iccid,
        page: u32,
        page_size: u32,
    ) -> Result<SmsPage, ClientError> {
        self.list_sms_in_order(lane, iccid, page, page_size, None).await
    }

    /// The same, in another order on v1; v2 has no such parameter and keeps its own order (FACTS §4).
    pub async fn list_sms_in_order(
        &self,
        lane: Lane,
        iccid: Iccid,
        page: u32,
        page_size: u32,
        sort: Option<&Sort>,
    ) -> Result<SmsPage, ClientError> {
        if page == 0 || !(1..=100).contains(&page_size) {
            return Err(ClientError::Invalid(
                "pages count from 1 and hold 1 to 100 SMS".into(),
            ));
        }
        let make = |generation| {
            let call = Call::of_sim(&LIST, lane, iccid, "/sms").query("page", page);
            // The two generations name the page size differently (FACTS §4).
            match (generation, sort) {
                (Generation::V2, _) => call.query("per_page", page_size),
                (Generation::V1, None) => call.query("pageSize", page_size),
                (Generation::V1, Some(sort)) => call.query("pageSize", page_size).query("sort", sort),
            }
        };
        let (_, answer) = self.sims_call(Capability::Sms, make).await?;
        if answer.is_empty() {
            return Err(ClientError::NotFound {
                endpoint: LIST.name,
                by: Teller::Nobody,
                request_id: answer.request_id,
            });
        }
        let records = array(&answer.body).map_err(|reason| answer.unreadable(&LIST, reason))?;
        let is_last = records.len() < page_size as usize;
        let (messages, rejects) = read_list(records, read_sms);
        Ok(SmsPage {
            messages,
            rejects,
            total: answer.total,
            is_last,
        })
    }

    /// One SMS; `None` when 1NCE does not know it.
    pub async fn get_sms(&self, lane: Lane, iccid: Iccid, id: &SmsId) -> Result<Option<Sms>, ClientError> {
        let path = path(id)?;
        let read = async {
            let call = |_| one(&GET, lane, iccid, &path);
            let (_, answer) = self.sims_call(Capability::Sms, call).await?;
            answer.object(&GET, read_sms)
        };
        known(read.await)
    }

    /// Takes back an SMS that is still buffered; safe to repeat.
    pub async fn cancel_sms(&self, lane: Lane, iccid: Iccid, id: &SmsId) -> Result<(), ClientError> {
        let path = path(id)?;
        self.sims_call(Capability::Sms, |_| one(&CANCEL, lane, iccid, &path))
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AddressType, DataCoding};

    fn answer(body: &str, location: Option<&str>) -> Answer {
        Answer {
            location: location.map(str::to_owned),
            ..Answer::test(201, body)
        }
    }

    #[test]
    fn the_id_of_an_accepted_sms_is_in_the_body_or_in_the_location() {
        let v2 = receipt(&answer(r#"{"id":"550000000000000017"}"#, None)).unwrap();
        assert_eq!(v2.id.unwrap().0, "550000000000000017");
        let v1 = receipt(&answer("", Some("http://internal.example/sms/590/"))).unwrap();
        assert_eq!(v1.id.unwrap().0, "590");
        assert_eq!(receipt(&answer("", None)).unwrap().id, None);
        assert!(receipt(&answer("<html>", None)).is_err());
    }

    #[test]
    fn the_body_names_fields_as_the_api_does_and_refuses_bad_hex() {
        let mut sms = SmsSubmit {
            payload: "00ff".into(),
            coding: DataCoding::Binary,
            source_address: Some("1000".into()),
            source_address_type: Some(AddressType::National),
            udh: Some("050003CC0301".into()),
            expires_at: Some("2028-03-14T16:10:29Z".parse().unwrap()),
        };
        assert_eq!(
            submit_body(&sms).unwrap(),
            json!({ "payload": "00ff", "dcs": 4, "source_address": "1000", "source_address_type": { "id": 161 },
                "udh": "050003CC0301", "expiry_date": "2028-03-14T16:10:29.000+00:00" })
        );
        sms.payload = "xyz".into();
        assert!(submit_body(&sms).is_err());
    }

    #[test]
    fn only_digits_reach_a_path() {
        for bad in ["", "1/../2", "1?x", "a"] {
            assert!(path(&SmsId(bad.into())).is_err(), "{bad}");
        }
    }
}
