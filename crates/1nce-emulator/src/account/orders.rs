//! Orders, support cases and what can be bought.

use serde_json::Value;

use super::Account;
use super::tasks::Task;
use crate::clock::Millis;
use crate::config::{PaymentOutcome, Settings};
use crate::dates::DAY;
use crate::fleet::SimIndex;

/// The one status the specification shows (FACTS §13).
pub const COMPLETED: &str = "COMPLETED";
/// The portal's "in preparation".
pub const IN_PREPARATION: &str = "IN_PREPARATION";
/// The portal's "cancelled".
const CANCELLED: &str = "CANCELLED";
/// An assumption: no source shows the word.
const DECLINED: &str = "PAYMENT_DECLINED";
/// The cards of the fleet were ordered that long before the emulator's start.
const FIRST_ORDER_AGE: Millis = 400 * DAY;
/// Gross price of one top-up or extension in cents; made up.
const TOPUP_CENTS: u64 = 1190;
const FIRST_ORDER: u64 = 2_000_000_001;

/// Order types of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    First,
    Additional,
    Topup,
    BulkTopup,
    TariffChange,
}

impl OrderKind {
    /// As written in `order_type`.
    pub fn name(self) -> &'static str {
        match self {
            OrderKind::First => "FIRST_ORDER",
            OrderKind::Additional => "ADDITIONAL_ORDER",
            OrderKind::Topup => "TOPUP",
            OrderKind::BulkTopup => "BULK_TOPUP",
            OrderKind::TariffChange => "TARIFF_CHANGE",
        }
    }

    /// Whether it buys volume.
    pub fn is_topup(self) -> bool {
        matches!(self, OrderKind::Topup | OrderKind::BulkTopup)
    }
}

/// A placed order.
#[derive(Debug, Clone)]
pub struct Order {
    pub number: u64,
    pub kind: OrderKind,
    pub placed_at: Millis,
    pub status: String,
    pub sims: Vec<SimIndex>,
    /// Product id and quantity.
    pub products: Vec<(i64, i64)>,
    pub address: Option<Value>,
    pub cents: u64,
}

impl Order {
    /// Number of SIM cards bought.
    pub fn cards(&self) -> i64 {
        let pack = |id: i64| PRODUCTS.iter().find(|p| p.id == id).map_or(1, |p| p.pack);
        self.products
            .iter()
            .map(|(id, quantity)| quantity.saturating_mul(pack(*id)))
            .fold(0, i64::saturating_add)
    }
}

/// A support case.
#[derive(Debug, Clone)]
pub struct Case {
    pub id: u64,
    pub created: Millis,
    pub sender: String,
    pub subject: String,
    pub text: String,
}

/// A product of the price list: id, name, material, pack size, price in cents of the pack. Prices are made up.
pub struct Product {
    pub id: i64,
    pub name: &'static str,
    pub material: &'static str,
    pub pack: i64,
    pub cents: u64,
}

/// The price list.
pub const PRODUCTS: [Product; 3] = [
    Product {
        id: 1001,
        name: "1NCE IoT FlexSIM - Standard",
        material: "1NCE FlexSIM",
        pack: 1,
        cents: 1000,
    },
    Product {
        id: 1002,
        name: "1NCE IoT FlexSIM - Industrial",
        material: "1NCE FlexSIM Industrial",
        pack: 1,
        cents: 1200,
    },
    Product {
        id: 1003,
        name: "1NCE IoT eSIM - MFF2",
        material: "1NCE SIM Chip Industrial",
        pack: 10,
        cents: 12000,
    },
];

/// What happens to an order when its payment is due.
fn due(outcome: PaymentOutcome, number: u64) -> Task {
    match outcome {
        PaymentOutcome::Paid => Task::Completed(number),
        PaymentOutcome::Cancelled => Task::Failed(number, CANCELLED),
        PaymentOutcome::Declined | PaymentOutcome::Refused => Task::Failed(number, DECLINED),
    }
}

impl Account {
    /// Orders that the API shows by now, oldest first.
    pub fn visible_orders(&self, now: Millis, settings: &Settings) -> impl Iterator<Item = &Order> {
        let newest = now - settings.order_visible_delay_seconds * 1000;
        self.orders
            .values()
            .filter(move |order| order.placed_at <= newest)
    }

    /// The number of the next order: other customers have those between.
    fn next_number(&self, gaps: bool) -> u64 {
        let Some(last) = self.orders.keys().next_back() else {
            return FIRST_ORDER;
        };
        let gap = if gaps {
            self.seeded.hash(*last as SimIndex, 60) % 5
        } else {
            0
        };
        last + 1 + gap
    }

    fn place(
        &mut self,
        kind: OrderKind,
        sims: Vec<SimIndex>,
        products: Vec<(i64, i64)>,
        cents: u64,
        at: Millis,
        gaps: bool,
    ) -> u64 {
        let number = self.next_number(gaps);
        let status = IN_PREPARATION.to_owned();
        let order = Order {
            number,
            kind,
            placed_at: at,
            status,
            sims,
            products,
            address: None,
            cents,
        };
        self.orders.insert(number, order);
        number
    }

    pub(super) fn place_first_order(&mut self, size: u32, now: Millis) {
        let cards = i64::from(size);
        let number = self.place(
            OrderKind::First,
            Vec::new(),
            vec![(1001, cards)],
            1000 * u64::from(size),
            now - FIRST_ORDER_AGE,
            false,
        );
        if let Some(order) = self.orders.get_mut(&number) {
            order.status = COMPLETED.to_owned();
        }
    }

    /// Orders volume; it arrives when the payment has.
    pub fn order_topup(
        &mut self,
        sims: Vec<SimIndex>,
        kind: OrderKind,
        method: &str,
        at: Millis,
        settings: &Settings,
    ) -> u64 {
        let cents = TOPUP_CENTS * sims.len() as u64;
        let number = self.place(kind, sims, Vec::new(), cents, at, settings.order_number_gaps);
        let delay = settings.payment_delays.of(method);
        let payment = due(settings.payment_outcomes.of(method), number);
        self.queue(at + delay * 1000, payment);
        number
    }

    /// Orders cards; they join the fleet when they arrive.
    pub fn order_cards(
        &mut self,
        products: Vec<(i64, i64)>,
        address: Option<Value>,
        at: Millis,
        settings: &Settings,
    ) -> u64 {
        let price = |id: i64| PRODUCTS.iter().find(|p| p.id == id).map_or(0, |p| p.cents);
        let cents = products
            .iter()
            .map(|(id, n)| price(*id).saturating_mul(n.unsigned_abs()))
            .sum();
        let gaps = settings.order_number_gaps;
        let number = self.place(OrderKind::Additional, Vec::new(), products, cents, at, gaps);
        if let Some(order) = self.orders.get_mut(&number) {
            order.address = address;
        }
        let arrival = due(settings.payment_outcomes.cards, number);
        self.queue(at + settings.order_delay_seconds * 1000, arrival);
        number
    }

    /// Opens a support case.
    pub fn open_case(&mut self, sender: String, subject: String, text: String, at: Millis) -> u64 {
        let id = self.cases.len() as u64 + 1;
        self.cases.push(Case {
            id,
            created: at,
            sender,
            subject,
            text,
        });
        id
    }
}
