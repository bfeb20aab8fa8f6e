use chrono::{DateTime, Utc};
use domain::Iccid;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Extra, RejectedRecord};

/// How an order is paid (FACTS §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaymentMethod {
    /// Paid in two to three days; the volume arrives then.
    #[default]
    BankTransfer,
    /// Paid at once.
    CreditCard,
    /// On the monthly invoice.
    MonthlyInvoice,
    /// Boleto (Brazil).
    Boleto,
}

impl PaymentMethod {
    /// 1NCE's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::BankTransfer => "banktransfer",
            Self::CreditCard => "creditcard",
            Self::MonthlyInvoice => "monthlyinvoice",
            Self::Boleto => "boleto",
        }
    }

    /// Reads 1NCE's word.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::BankTransfer,
            Self::CreditCard,
            Self::MonthlyInvoice,
            Self::Boleto,
        ]
        .into_iter()
        .find(|method| method.word().eq_ignore_ascii_case(word))
    }
}

/// An accepted order: the number under which it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReceipt {
    /// `None` when 1NCE accepted it without telling a number.
    pub order_number: Option<u64>,
}

/// Products of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// 1NCE's product number.
    pub product_id: i64,
    /// Pieces.
    pub quantity: i64,
}

/// Where goods go; needed when several addresses are on file (FACTS §13).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryAddress {
    /// `1` Mr, `2` Ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salutation: Option<String>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// Second line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<String>,
    /// House number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub house_number: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// An order to place. Real money, no dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// What to buy.
    pub lines: Vec<OrderLine>,
    /// Where to send it.
    pub delivery_address: Option<DeliveryAddress>,
    /// The customer's own reference.
    pub customer_reference: Option<String>,
}

/// An order as 1NCE lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Its number.
    pub order_number: u64,
    /// Such as `TOPUP`; kept as written.
    pub order_type: Option<String>,
    /// When it was placed.
    pub ordered_at: Option<DateTime<Utc>>,
    /// Free text such as `COMPLETED`.
    pub status: Option<String>,
    /// Invoice number.
    pub invoice_number: Option<String>,
    /// Gross amount.
    pub invoice_amount: Option<Decimal>,
    /// Of the amount.
    pub currency: Option<String>,
    /// The cards that it concerns.
    pub iccids: Vec<Iccid>,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// The rest, such as the shipping address.
    pub extra: Extra,
}

/// A page of orders; 1NCE shows ten at most.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderPage {
    /// The orders in the order asked for.
    pub orders: Vec<Order>,
    /// Records that are no order.
    pub rejects: Vec<RejectedRecord>,
    /// Whether this page is shorter than the size asked for.
    pub is_last: bool,
}

/// A price.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// What it is for.
    pub name: Option<String>,
    /// Net amount.
    pub amount_net: Option<Decimal>,
    /// Of the amount.
    pub currency: Option<String>,
}

/// Something that can be ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// 1NCE's number.
    pub id: i64,
    /// Its name.
    pub name: Option<String>,
    /// The card's form.
    pub material: Option<String>,
    /// Cards in a package.
    pub package_size: Option<i64>,
    /// Least quantity.
    pub min_quantity: Option<i64>,
    /// Largest quantity.
    pub max_quantity: Option<i64>,
    /// Largest quantity a customer may own.
    pub max_quantity_per_customer: Option<i64>,
    /// Months.
    pub min_contract_duration: Option<i64>,
    /// Paid once.
    pub one_time_charges: Vec<Charge>,
    /// Paid again and again.
    pub recurring_charges: Vec<Charge>,
    /// The rest.
    pub extra: Extra,
}

/// What can be ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductList {
    /// The products in 1NCE's order.
    pub products: Vec<Product>,
    /// Records that are no product.
    pub rejects: Vec<RejectedRecord>,
}

/// A support case to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSupportCase {
    /// Where 1NCE answers.
    pub reply_to: String,
    /// Who asks.
    pub sender_name: String,
    /// In short.
    pub subject: String,
    /// In full.
    pub text: String,
}

/// A message of a support case.
#[derive(Debug, Clone, PartialEq)]
pub struct Communication {
    /// 1NCE's id.
    pub id: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// `IN` or `OUT`.
    pub direction: Option<String>,
    /// Such as `PORTAL` or `MAIL_IN`.
    pub kind: Option<String>,
    /// Who wrote it.
    pub originator: Option<String>,
    /// In short.
    pub subject: Option<String>,
    /// In full.
    pub text: Option<String>,
}

/// A support case.
#[derive(Debug, Clone, PartialEq)]
pub struct SupportCase {
    /// 1NCE's number.
    pub case_id: String,
    /// `OPEN`, `IN_PROGRESS`, `CLOSED`; kept as written.
    pub status: Option<String>,
    /// In short.
    pub subject: Option<String>,
    /// In full.
    pub text: Option<String>,
    /// When it was opened.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was solved.
    pub solved_at: Option<DateTime<Utc>>,
    /// What was written.
    pub communications: Vec<Communication>,
    /// The rest.
    pub extra: Extra,
}

/// A page of support cases.
#[derive(Debug, Clone, PartialEq)]
pub struct SupportPage {
    /// The cases in 1NCE's order.
    pub cases: Vec<SupportCase>,
    /// Records that are no case.
    pub rejects: Vec<RejectedRecord>,
    /// Whether this page is shorter than the size asked for.
    pub is_last: bool,
}

/// What a monthly limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Data.
    Data,
    /// SMS from the device.
    SmsMo,
    /// SMS to the device.
    SmsMt,
}

impl Service {
    /// 1NCE's word in paths.
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::SmsMo => "smsMO",
            Self::SmsMt => "smsMT",
        }
    }

    /// 1NCE's word in answers.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::SmsMo => "smsMo",
            Self::SmsMt => "smsMt",
        }
    }
}

/// A monthly limit, or one of the steps it can be set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// 1NCE's id of the step.
    pub id: Option<i64>,
    /// Number of MB or SMS, as written.
    pub limit: Option<Decimal>,
    /// `MB` or `SMS`.
    pub unit: Option<String>,
    /// The rest.
    pub extra: Extra,
}

/// A step that a limit can be set to.
pub type LimitStep = Limit;

/// The steps that the limit of one service can be set to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitSteps {
    /// The steps in 1NCE's order.
    pub steps: Vec<LimitStep>,
    /// Records that are no step.
    pub rejects: Vec<RejectedRecord>,
}

/// The monthly limits of all SIMs of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Data.
    pub data: Option<Limit>,
    /// SMS to devices.
    pub sms_mt: Option<Limit>,
    /// SMS from devices.
    pub sms_mo: Option<Limit>,
    /// The rest.
    pub extra: Extra,
}

/// Steps to set; `None` leaves one alone. How to clear a limit is unconfirmed (FACTS §10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitUpdate {
    /// Step id for data.
    pub data: Option<i64>,
    /// Step id for SMS to devices.
    pub sms_mt: Option<i64>,
    /// Step id for SMS from devices.
    pub sms_mo: Option<i64>,
}
