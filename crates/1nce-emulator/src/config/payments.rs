//! When orders are paid, and whether.

use serde::{Deserialize, Serialize};

/// Seconds on the domain clock between an order and its payment (FACTS §9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentDelays {
    /// Charged at once.
    pub creditcard: i64,
    /// Two to three days.
    pub banktransfer: i64,
    /// Accepted at once, invoiced later.
    pub monthlyinvoice: i64,
    /// One day.
    pub boleto: i64,
}

impl Default for PaymentDelays {
    fn default() -> Self {
        Self {
            creditcard: 2,
            banktransfer: 2 * 86_400,
            monthlyinvoice: 2,
            boleto: 86_400,
        }
    }
}

impl PaymentDelays {
    /// Seconds of a method; an unknown one is a bank transfer.
    pub(crate) fn of(&self, method: &str) -> i64 {
        match method {
            "creditcard" => self.creditcard,
            "monthlyinvoice" => self.monthlyinvoice,
            "boleto" => self.boleto,
            _ => self.banktransfer,
        }
    }
}

/// What becomes of a payment. The words of failed ones are assumptions: no source shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentOutcome {
    /// The order is completed when the payment is due.
    #[default]
    Paid,
    /// The order is accepted, and `CANCELLED` when the payment is due.
    Cancelled,
    /// The order is accepted, and `PAYMENT_DECLINED` when the payment is due.
    Declined,
    /// The call is answered with 400 and nothing is ordered.
    Refused,
}

/// Outcomes by method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentOutcomes {
    /// Also of automatic top-ups.
    pub creditcard: PaymentOutcome,
    /// The default method.
    pub banktransfer: PaymentOutcome,
    /// On account.
    pub monthlyinvoice: PaymentOutcome,
    /// Brazil.
    pub boleto: PaymentOutcome,
    /// Orders of SIM cards, which name no method.
    pub cards: PaymentOutcome,
}

impl PaymentOutcomes {
    /// Outcome of a method; an unknown one is a bank transfer.
    pub(crate) fn of(&self, method: &str) -> PaymentOutcome {
        match method {
            "creditcard" => self.creditcard,
            "monthlyinvoice" => self.monthlyinvoice,
            "boleto" => self.boleto,
            _ => self.banktransfer,
        }
    }
}
