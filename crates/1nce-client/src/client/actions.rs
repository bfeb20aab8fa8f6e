//! Actions that cost money: top-up and extension (FACTS §5, §9). Never blindly repeated.

use domain::Iccid;
use serde_json::{Map, Value, json};

use super::OnceClient;
use super::call::{Call, Endpoint};
use super::sims::checked_bulk;
use crate::capability::Capability;
use crate::error::ClientError;
use crate::http::Answer;
use crate::lane::Lane;
use crate::model::{OrderReceipt, PaymentMethod};

static TOP_UP: Endpoint = Endpoint::sims_action("POST /sims/{iccid}/topup");
static BULK_TOP_UP: Endpoint = Endpoint::sims_action("POST /sims/topup");
static AUTO_TOP_UP: Endpoint = Endpoint::sims_set("POST /sims/autoTopup");
static EXTENSION: Endpoint = Endpoint::sims_action("POST /sims/extension");

/// The order's number is the last segment of `Location`; the path before it differs between generations (FACTS §1).
pub(super) fn order_receipt(answer: &Answer) -> OrderReceipt {
    let number = answer
        .location
        .as_deref()
        .and_then(|location| location.trim_end_matches('/').rsplit('/').next())
        .and_then(|number| number.parse().ok());
    OrderReceipt { order_number: number }
}

fn extension_body(iccids: &[Iccid], product_id: Option<i64>) -> Value {
    let mut body = Map::new();
    body.insert("iccids".into(), json!(iccids));
    if let Some(product) = product_id {
        body.insert("productId".into(), json!(product));
    }
    Value::Object(body)
}

impl OnceClient {
    /// Orders 500 MB and 250 SMS for one SIM. The volume arrives when the order is paid.
    pub async fn top_up(
        &self,
        lane: Lane,
        iccid: Iccid,
        payment: PaymentMethod,
    ) -> Result<OrderReceipt, ClientError> {
        let make = |_| Call::of_sim(&TOP_UP, lane, iccid, "/topup").query("payment_method", payment.word());
        let (_, answer) = self.sims_call(Capability::TopUp, make).await?;
        Ok(order_receipt(&answer))
    }

    /// Orders the same for up to 100 SIMs in one order.
    pub async fn bulk_top_up(
        &self,
        lane: Lane,
        iccids: &[Iccid],
        payment: PaymentMethod,
    ) -> Result<OrderReceipt, ClientError> {
        checked_bulk(iccids.len())?;
        let make = |_| {
            Call::new(&BULK_TOP_UP, lane, "/sims/topup")
                .about(iccids)
                .query("payment_method", payment.word())
                .body(json!(iccids))
        };
        let (_, answer) = self.sims_call(Capability::BulkTopUp, make).await?;
        Ok(order_receipt(&answer))
    }

    /// Switches 1NCE's own automatic top-up for up to 100 SIMs. It cannot be read back; to set it again is
    /// safe, so a lost answer is repeated.
    pub async fn auto_top_up(&self, lane: Lane, iccids: &[Iccid], enabled: bool) -> Result<(), ClientError> {
        checked_bulk(iccids.len())?;
        let body = json!({ "enabled": enabled, "iccids": iccids });
        self.sims_call(Capability::AutoTopUp, |_| {
            Call::new(&AUTO_TOP_UP, lane, "/sims/autoTopup")
                .about(iccids)
                .body(body.clone())
        })
        .await?;
        Ok(())
    }

    /// Orders an extension of up to 100 SIMs, also of expired ones. 1NCE promises no order number for it.
    pub async fn extend(
        &self,
        lane: Lane,
        iccids: &[Iccid],
        product_id: Option<i64>,
        payment: PaymentMethod,
    ) -> Result<OrderReceipt, ClientError> {
        checked_bulk(iccids.len())?;
        let body = extension_body(iccids, product_id);
        let make = |_| {
            Call::new(&EXTENSION, lane, "/sims/extension")
                .about(iccids)
                .query("payment_method", payment.word())
                .body(body.clone())
        };
        let (_, answer) = self.sims_call(Capability::Extension, make).await?;
        Ok(order_receipt(&answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_names_its_cards_and_its_product_only_when_one_is_chosen() {
        let card = [Iccid::parse("8988999000000000017").unwrap()];
        assert_eq!(
            extension_body(&card, Some(1001)),
            json!({ "iccids": ["8988999000000000017"], "productId": 1001 })
        );
        assert_eq!(
            extension_body(&card, None),
            json!({ "iccids": ["8988999000000000017"] })
        );
    }

    #[test]
    fn an_order_without_a_number_is_accepted_and_its_number_unknown() {
        let number = |location: Option<&str>| {
            let answer = Answer {
                location: location.map(str::to_owned),
                ..Answer::test(201, "")
            };
            order_receipt(&answer).order_number
        };
        assert_eq!(
            number(Some("http://internal.example/v2/orders/2000000001/")),
            Some(2_000_000_001)
        );
        assert_eq!(number(Some("/v1/orders/")), None);
        assert_eq!(number(None), None);
    }
}
