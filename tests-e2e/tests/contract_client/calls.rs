//! Every call of the client in one generation.

use std::fmt::Debug;
use std::sync::Arc;

use chrono::{NaiveDate, TimeZone, Utc};
use domain::{AccountSlug, Iccid, SimStatus};
use once_client::model::{
    AddressType, DataCoding, DeliveryAddress, Extra, LimitUpdate, NewOrder, NewSupportCase, OrderLine,
    PaymentMethod, Service, SmsId, SmsSubmit, Transfer,
};
use once_client::{ClientConfig, ClientError, Generations, Lane, OnceClient, SimUpdate};

const LANE: Lane = Lane::Interactive;
/// The ICCID of the official example of a SIM: the mock answers it whatever card is asked for.
const EXAMPLE: &str = "8988303000123456789";

/// What stays in `extra`, where nothing is lost, although an official example has it: call, fields, why.
const UNMODELLED: [(&str, &[&str], &str); 7] = [
    (
        "list_sims",
        &["iccid_with_luhn"],
        "the example's check digit is wrong",
    ),
    (
        "get_sim",
        &["iccid_with_luhn"],
        "the example's check digit is wrong",
    ),
    ("data_quota", &["service"], "the path says it"),
    ("sms_quota", &["service"], "the path says it"),
    ("list_orders", &["shipping_address"], "nobody needs it"),
    ("get_order", &["shipping_address"], "nobody needs it"),
    (
        "get_sms",
        &[
            "endpoint",
            "imsi",
            "last_delivery_attempt",
            "msc",
            "msisdn",
            "pid",
            "retry_date",
            "sim_id",
            "source_address_type",
        ],
        "the example's msisdn is no number; nobody needs the rest",
    ),
];

/// Calls of one generation and what went wrong with them.
pub struct Calls {
    client: OnceClient,
    v1: bool,
    /// The mock answers the official examples; otherwise values made from the schemas.
    examples: bool,
    iccid: Iccid,
    pub made: usize,
    pub problems: Vec<String>,
}

impl Calls {
    pub fn new(mock: &str, v1: bool, examples: bool) -> Self {
        let account = AccountSlug::parse("contract").unwrap();
        let mut config = ClientConfig::new(account, mock, "990001_contract", "secret".to_owned().into());
        config.generations = if v1 {
            Generations::V1Only
        } else {
            Generations::V2Only
        };
        config.sims_per_second = 1_000;
        let client = OnceClient::new(config, None, Arc::new(metrics::NoopRecorder)).unwrap();
        let iccid = Iccid::parse(EXAMPLE).unwrap();
        Self {
            client,
            v1,
            examples,
            iccid,
            made: 0,
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, name: &str, text: String) {
        let generation = if self.v1 { "v1" } else { "v2" };
        self.problems.push(format!("{generation} {name}: {text}"));
    }

    /// The call must be answered and read.
    fn read<T: Debug>(&mut self, name: &str, result: Result<T, ClientError>) -> Option<T> {
        self.made += 1;
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(name, format!("{error} ({error:?})"));
                None
            }
        }
    }

    /// The call must be answered and read, and nothing of an official example may be left unread.
    fn read_all<T: Debug>(
        &mut self,
        name: &str,
        result: Result<Option<T>, ClientError>,
        rest: impl Fn(&T) -> &Extra,
    ) {
        match self.read(name, result) {
            None => {}
            Some(None) => self.problem(name, "the mock's answer was taken for 'not found'".into()),
            Some(Some(value)) => self.nothing_left(name, rest(&value)),
        }
    }

    fn nothing_left(&mut self, name: &str, rest: &Extra) {
        let known = UNMODELLED
            .iter()
            .find(|(call, ..)| *call == name)
            .map_or(&[][..], |(_, fields, _)| *fields);
        let left: Vec<&String> = rest
            .keys()
            .filter(|field| !known.contains(&field.as_str()))
            .collect();
        if self.examples && !left.is_empty() {
            self.problem(
                name,
                format!("fields of the official example were not read: {left:?} in {rest:?}"),
            );
        }
    }

    /// A list must be read without rejects and, when it holds examples, not be empty.
    fn list<'a, T: 'a>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = &'a T>,
        rejects: usize,
        rest: impl Fn(&T) -> &Extra,
    ) {
        let items: Vec<&T> = items.into_iter().collect();
        if rejects > 0 {
            self.problem(name, format!("{rejects} records of the mock could not be read"));
        }
        if self.examples && items.is_empty() {
            self.problem(name, "no record of the official example was read".into());
        }
        for item in items {
            self.nothing_left(name, rest(item));
        }
    }

    /// v2 has no such call: the client must say so without sending anything; v1 must answer.
    fn v1_only<T: Debug>(&mut self, name: &str, result: Result<T, ClientError>) -> Option<T> {
        match result {
            Err(ClientError::CapabilityUnavailable { .. }) if !self.v1 => {
                self.made += 1;
                None
            }
            Ok(value) if !self.v1 => {
                self.problem(name, format!("v2 offers no such call, yet {value:?}"));
                None
            }
            other => self.read(name, other),
        }
    }

    /// Makes all of them.
    pub async fn make(&mut self) {
        self.sims().await;
        self.small_updates().await;
        self.usage_and_events().await;
        self.sms().await;
        self.actions().await;
        self.limits().await;
        self.orders_and_support().await;
    }

    async fn sims(&mut self) {
        let (client, iccid) = (self.client.clone(), self.iccid);
        let login = client.login().await;
        self.read("login", login);
        if let Some(page) = self.read("list_sims", client.list_sims(LANE, 1, 100).await) {
            self.list("list_sims", &page.sims, page.rejects.len(), |sim| &sim.extra);
        }
        let sim = client.get_sim(LANE, iccid).await;
        self.read_all("get_sim", sim, |sim| &sim.extra);
        let mut whole = SimUpdate::new(iccid);
        whole.label = Some("pump-17".into());
        whole.imei_lock = Some(true);
        whole.status = Some(SimStatus::Disabled);
        self.read("update_sim", client.update_sim(LANE, &whole).await);
        self.read("bulk_update", client.bulk_update(LANE, &[whole]).await);
        let status = client.sim_status(LANE, iccid).await;
        self.read_all("sim_status", status, |status| &status.extra);
        let data = client.data_quota(LANE, iccid).await;
        self.read_all("data_quota", data, |quota| &quota.extra);
        let sms = client.sms_quota(LANE, iccid).await;
        self.read_all("sms_quota", sms, |quota| &quota.extra);
        self.read("reset_sim", client.reset_sim(LANE, iccid).await);
        let info = client.connectivity_info(LANE, iccid, true).await;
        if let Some(info) = self.v1_only("connectivity_info", info) {
            self.read_all("connectivity_info", Ok(info), |info| &info.extra);
        }
    }

    /// An update of one value: what a person does most.
    async fn small_updates(&mut self) {
        let client = self.client.clone();
        let mut label = SimUpdate::new(self.iccid);
        label.label = Some("pump-18".into());
        label.imei_lock = Some(false);
        let results = [
            client.update_sim(LANE, &label).await.err(),
            client.bulk_update(LANE, &[label]).await.err(),
        ];
        for error in results.into_iter().flatten() {
            // The mock answers a request without `status` with v1's 422; `Seen::excuse` has the reason.
            if !(self.v1 && matches!(error, ClientError::Expired { .. })) {
                self.problem("update of a label", format!("{error:?}"));
            }
        }
    }

    async fn usage_and_events(&mut self) {
        let (client, iccid) = (self.client.clone(), self.iccid);
        let day = |day| NaiveDate::from_ymd_opt(2026, 6, day).unwrap();
        if let Some(usage) = self.v1_only("usage", client.usage(LANE, iccid, day(1), day(30)).await)
            && (usage.days.is_empty() || !usage.rejects.is_empty())
        {
            self.problem("usage", format!("{usage:?}"));
        }
        if let Some(page) = self.read("events", client.events(LANE, iccid, 1, 1_000).await)
            && (!page.rejects.is_empty() || (self.examples && page.events.is_empty()))
        {
            self.problem("events", format!("{page:?}"));
        }
    }

    async fn sms(&mut self) {
        let (client, iccid) = (self.client.clone(), self.iccid);
        let whole = SmsSubmit {
            payload: "00ff".into(),
            source_address: Some("1234567890".into()),
            source_address_type: Some(AddressType::International),
            coding: DataCoding::Binary,
            udh: Some("050003CC0301".into()),
            expires_at: Utc.with_ymd_and_hms(2028, 3, 14, 16, 10, 29).single(),
        };
        let short = SmsSubmit {
            payload: "temp?".into(),
            ..SmsSubmit::default()
        };
        self.read("send_sms", client.send_sms(LANE, iccid, &whole).await);
        self.read("send_sms", client.send_sms(LANE, iccid, &short).await);
        if let Some(page) = self.read("list_sms", client.list_sms(LANE, iccid, 1, 100).await) {
            self.list("get_sms", &page.messages, page.rejects.len(), |sms| &sms.extra);
        }
        let id = SmsId("123".into());
        let sms = client.get_sms(LANE, iccid, &id).await;
        self.read_all("get_sms", sms, |sms| &sms.extra);
        self.read("cancel_sms", client.cancel_sms(LANE, iccid, &id).await);
    }

    async fn actions(&mut self) {
        let (client, iccids) = (self.client.clone(), [self.iccid]);
        let methods = [
            PaymentMethod::BankTransfer,
            PaymentMethod::CreditCard,
            PaymentMethod::MonthlyInvoice,
            PaymentMethod::Boleto,
        ];
        for method in methods {
            self.read("top_up", client.top_up(LANE, self.iccid, method).await);
            self.v1_only("bulk_top_up", client.bulk_top_up(LANE, &iccids, method).await);
            self.v1_only("extend", client.extend(LANE, &iccids, Some(1001), method).await);
        }
        self.v1_only(
            "extend",
            client.extend(LANE, &iccids, None, PaymentMethod::default()).await,
        );
        for enabled in [true, false] {
            self.v1_only("auto_top_up", client.auto_top_up(LANE, &iccids, enabled).await);
        }
        let transfer = Transfer {
            target_organisation: 2_000_000_001,
            iccids: iccids.to_vec(),
            ranges: vec![(self.iccid, self.iccid)],
        };
        self.v1_only("transfer", client.transfer(LANE, &transfer).await);
    }

    async fn limits(&mut self) {
        let client = self.client.clone();
        if let Some(limits) = self.v1_only("get_limits", client.get_limits(LANE).await)
            && self.examples
            && (limits.data.is_none() || limits.sms_mt.is_none() || limits.sms_mo.is_none())
        {
            self.problem("get_limits", format!("{limits:?}"));
        }
        let update = LimitUpdate {
            data: Some(1),
            sms_mt: Some(2),
            sms_mo: Some(3),
        };
        self.v1_only("set_limits", client.set_limits(LANE, update).await);
        for service in [Service::Data, Service::SmsMo, Service::SmsMt] {
            if let Some(steps) =
                self.v1_only("selectable_limits", client.selectable_limits(LANE, service).await)
                && self.examples
                && steps.is_empty()
            {
                self.problem("selectable_limits", "no step was read".into());
            }
        }
    }

    async fn orders_and_support(&mut self) {
        let client = self.client.clone();
        for newest_first in [true, false] {
            if let Some(page) = self.read("list_orders", client.list_orders(LANE, 1, newest_first).await) {
                self.list("list_orders", &page.orders, page.rejects.len(), |order| {
                    &order.extra
                });
            }
        }
        let order = client.get_order(LANE, 2_000_000_001).await;
        self.read_all("get_order", order, |order| &order.extra);
        let address = DeliveryAddress {
            salutation: Some("2".into()),
            first_name: Some("A".into()),
            country: Some("DE".into()),
            ..DeliveryAddress::default()
        };
        let order = NewOrder {
            lines: vec![OrderLine {
                product_id: 1001,
                quantity: 5,
            }],
            delivery_address: Some(address),
            customer_reference: Some("PO-7".into()),
        };
        self.read("create_order", client.create_order(LANE, &order).await);
        if let Some(products) = self.read("list_products", client.list_products(LANE).await) {
            self.list("list_products", &products, 0, |product| &product.extra);
        }
        if let Some(cases) = self.read("list_support", client.list_support(LANE, 1, 100).await) {
            self.list("list_support", &cases, 0, |case| &case.extra);
        }
        let case = NewSupportCase {
            reply_to: "a@example.com".into(),
            sender_name: "A".into(),
            subject: "Connectivity".into(),
            text: "No session since noon.".into(),
        };
        self.read("create_support", client.create_support(LANE, &case).await);
    }
}
