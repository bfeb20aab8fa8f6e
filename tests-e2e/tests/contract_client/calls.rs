//! Every call of the client in one generation.

use std::fmt::Debug;
use std::sync::Arc;

use chrono::{NaiveDate, TimeZone, Utc};
use domain::{AccountSlug, Iccid, Imei, SimStatus};
use once_client::model::{
    AddressType, BulkOutcome, DataCoding, DeliveryAddress, Extra, Limit, LimitUpdate, NewOrder,
    NewSupportCase, OrderLine, PaymentMethod, Service, SimConnectivity, SimQuery, SmsId, SmsSubmit, Sort,
    Transfer,
};
use once_client::{ClientConfig, ClientError, Generations, Lane, OnceClient, SimUpdate};

use crate::unmodelled::UNMODELLED;

const LANE: Lane = Lane::Interactive;
/// The ICCID of the official example of a SIM: the mock answers it whatever card is asked for.
const EXAMPLE: &str = "8988303000123456789";

/// What stayed unread of a connectivity, and of the objects inside.
fn of_connectivity(status: &SimConnectivity) -> Vec<&Extra> {
    let mut all = vec![&status.extra];
    all.extend(status.pdp_contexts.iter().map(|context| &context.extra));
    if let Some(location) = &status.location {
        let operator = location.operator.as_ref();
        all.push(&location.extra);
        all.extend(operator.map(|operator| &operator.extra));
        let its_country = operator.and_then(|operator| operator.country.as_ref());
        let countries = [location.country.as_ref(), its_country].into_iter().flatten();
        all.extend(countries.map(|country| &country.extra));
    }
    all
}

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
        rest: impl Fn(&T) -> Vec<&Extra>,
    ) {
        match self.read(name, result) {
            None => {}
            Some(None) => self.problem(name, "the mock's answer was taken for 'not found'".into()),
            Some(Some(value)) => self.nothing_left(name, rest(&value)),
        }
    }

    /// `rest` is what stayed unread, of a record and of the objects inside.
    fn nothing_left(&mut self, name: &str, rest: Vec<&Extra>) {
        let known = UNMODELLED
            .iter()
            .find(|(call, ..)| *call == name)
            .map_or(&[][..], |(_, fields, _)| *fields);
        let left: Vec<&String> = rest
            .iter()
            .flat_map(|extra| extra.keys())
            .filter(|field| !known.contains(&field.as_str()))
            .collect();
        if self.examples && !left.is_empty() {
            self.problem(
                name,
                format!("fields of the official example were not read: {left:?} in {rest:?}"),
            );
        }
    }

    /// A list must be read without rejects and not be empty.
    fn list<'a, T: 'a>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = &'a T>,
        rejects: usize,
        rest: impl Fn(&T) -> Vec<&Extra>,
    ) {
        let items: Vec<&T> = items.into_iter().collect();
        if rejects > 0 {
            self.problem(name, format!("{rejects} records of the mock could not be read"));
        }
        if items.is_empty() {
            self.problem(name, "no record of the mock was read".into());
        }
        for item in items {
            self.nothing_left(name, rest(item));
        }
    }

    /// The mock's file of v2 lacks the call, documented elsewhere or not: the client must try it and say that it is not
    /// there; v1 must answer.
    fn not_in_the_file_of_v2<T: Debug>(&mut self, name: &str, result: Result<T, ClientError>) -> Option<T> {
        match result {
            Err(ClientError::CapabilityUnavailable { .. }) if !self.v1 => {
                self.made += 1;
                None
            }
            Ok(value) if !self.v1 => {
                self.problem(name, format!("the file of v2 has no such call, yet {value:?}"));
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
            self.list("list_sims", &page.sims, page.rejects.len(), |sim| {
                vec![&sim.extra]
            });
        }
        let query = SimQuery {
            imei: Imei::parse("3500000000000101").ok(),
            ip_address: "100.64.0.17".parse().ok(),
            sort: Sort::parse("ip_address,-imei").ok(),
        };
        if let Some(page) = self.read("find_sims", client.find_sims(LANE, &query, 1, 100).await) {
            self.list("list_sims", &page.sims, page.rejects.len(), |sim| {
                vec![&sim.extra]
            });
        }
        let sim = client.get_sim(LANE, iccid).await;
        self.read_all("get_sim", sim, |sim| vec![&sim.extra]);
        let mut whole = SimUpdate::new(iccid);
        whole.label = Some("pump-17".into());
        whole.imei_lock = Some(true);
        whole.status = Some(SimStatus::Disabled);
        self.read("update_sim", client.update_sim(LANE, &whole).await);
        self.read("bulk_update", client.bulk_update(LANE, &[whole]).await);
        let status = client.sim_status(LANE, iccid).await;
        self.read_all("sim_status", status, of_connectivity);
        let data = client.data_quota(LANE, iccid).await;
        self.read_all("data_quota", data, |quota| vec![&quota.extra]);
        let sms = client.sms_quota(LANE, iccid).await;
        self.read_all("sms_quota", sms, |quota| vec![&quota.extra]);
        self.read("reset_sim", client.reset_sim(LANE, iccid).await);
        let info = client.connectivity_info(LANE, iccid, true).await;
        if let Some(info) = self.not_in_the_file_of_v2("connectivity_info", info) {
            self.read_all("connectivity_info", Ok(info), |info| vec![&info.extra]);
        }
    }

    /// An update of one value: what a person does most. v1 demands more than the value.
    async fn small_updates(&mut self) {
        let client = self.client.clone();
        let mut label = SimUpdate::new(self.iccid);
        label.label = Some("pump-18".into());
        self.read("update of a label", client.update_sim(LANE, &label).await);
        let bulk = client.bulk_update(LANE, std::slice::from_ref(&label)).await;
        match self.read("bulk update of a label", bulk) {
            Some(BulkOutcome::OneByOne(outcomes)) => {
                for (_, outcome) in outcomes {
                    self.read("bulk update of a label", outcome);
                }
            }
            Some(BulkOutcome::Queued) => self.problem("bulk update of a label", "may reset the rest".into()),
            None => {}
        }
        label.imei_lock = Some(false);
        self.read("update of a label", client.update_sim(LANE, &label).await);
    }

    async fn usage_and_events(&mut self) {
        let (client, iccid) = (self.client.clone(), self.iccid);
        let day = |day| NaiveDate::from_ymd_opt(2026, 6, day).unwrap();
        // Twice: what v2 does not have is asked for once only, as `judge` demands.
        for _ in 0..2 {
            if let Some(usage) =
                self.not_in_the_file_of_v2("usage", client.usage(LANE, iccid, day(1), day(30)).await)
            {
                self.list("usage", &usage.days, usage.rejects.len(), |day| vec![&day.extra]);
            }
        }
        let sort = Sort::parse("-timestamp,id").unwrap();
        for sort in [None, Some(&sort)] {
            let events = client.events_in_order(LANE, iccid, 1, 1_000, sort).await;
            if let Some(page) = self.read("events", events) {
                self.list("events", &page.events, page.rejects.len(), |event| {
                    vec![&event.extra]
                });
            }
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
        let sort = Sort::parse("status,ip_address").unwrap();
        for sort in [None, Some(&sort)] {
            let messages = client.list_sms_in_order(LANE, iccid, 1, 100, sort).await;
            if let Some(page) = self.read("list_sms", messages) {
                self.list("get_sms", &page.messages, page.rejects.len(), |sms| {
                    vec![&sms.extra]
                });
            }
        }
        let id = SmsId("123".into());
        let sms = client.get_sms(LANE, iccid, &id).await;
        self.read_all("get_sms", sms, |sms| vec![&sms.extra]);
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
            self.not_in_the_file_of_v2("bulk_top_up", client.bulk_top_up(LANE, &iccids, method).await);
            self.not_in_the_file_of_v2("extend", client.extend(LANE, &iccids, Some(1001), method).await);
        }
        self.not_in_the_file_of_v2(
            "extend",
            client.extend(LANE, &iccids, None, PaymentMethod::default()).await,
        );
        for enabled in [true, false] {
            self.not_in_the_file_of_v2("auto_top_up", client.auto_top_up(LANE, &iccids, enabled).await);
        }
        for target_organisation in [Some(2_000_000_001), None] {
            let transfer = Transfer {
                target_organisation,
                iccids: iccids.to_vec(),
                ranges: vec![(self.iccid, self.iccid)],
            };
            self.not_in_the_file_of_v2("transfer", client.transfer(LANE, &transfer).await);
        }
    }

    async fn limits(&mut self) {
        let client = self.client.clone();
        if let Some(limits) = self.not_in_the_file_of_v2("get_limits", client.get_limits(LANE).await) {
            let set: Vec<&Limit> = [&limits.data, &limits.sms_mt, &limits.sms_mo]
                .into_iter()
                .flatten()
                .collect();
            if self.examples && set.len() < 3 {
                self.problem("get_limits", format!("{limits:?}"));
            }
            let inside = set.iter().map(|limit| &limit.extra);
            self.nothing_left("get_limits", inside.chain([&limits.extra]).collect());
        }
        let update = LimitUpdate {
            data: Some(1),
            sms_mt: Some(2),
            sms_mo: Some(3),
        };
        self.not_in_the_file_of_v2("set_limits", client.set_limits(LANE, update).await);
        for service in [Service::Data, Service::SmsMo, Service::SmsMt] {
            let steps = client.selectable_limits(LANE, service).await;
            if let Some(list) = self.not_in_the_file_of_v2("selectable_limits", steps) {
                self.list("selectable_limits", &list.steps, list.rejects.len(), |step| {
                    vec![&step.extra]
                });
            }
        }
    }

    async fn orders_and_support(&mut self) {
        let client = self.client.clone();
        for newest_first in [true, false] {
            if let Some(page) = self.read("list_orders", client.list_orders(LANE, 1, newest_first).await) {
                self.list("list_orders", &page.orders, page.rejects.len(), |order| {
                    vec![&order.extra]
                });
            }
        }
        let order = client.get_order(LANE, 2_000_000_001).await;
        self.read_all("get_order", order, |order| vec![&order.extra]);
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
        if let Some(list) = self.read("list_products", client.list_products(LANE).await) {
            self.list("list_products", &list.products, list.rejects.len(), |product| {
                vec![&product.extra]
            });
        }
        if let Some(page) = self.read("list_support", client.list_support(LANE, 1, 100).await) {
            self.list("list_support", &page.cases, page.rejects.len(), |case| {
                vec![&case.extra]
            });
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
