//! Orders and products (FACTS §13).

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::OnceClient;
use super::actions::order_receipt;
use super::call::{Call, Endpoint, Group};
use super::sims::known;
use crate::capability::Capability;
use crate::error::ClientError;
use crate::lane::Lane;
use crate::model::{NewOrder, Order, OrderPage, OrderReceipt, ProductList};
use crate::retry::RetryClass;
use crate::wire::{array, read_list, read_order, read_product};

static LIST: Endpoint = Endpoint::new("GET /orders", Method::GET, Group::Orders, RetryClass::Repeatable);
static GET: Endpoint = Endpoint::new(
    "GET /orders/{number}",
    Method::GET,
    Group::Orders,
    RetryClass::Repeatable,
);
static CREATE: Endpoint = Endpoint::shop_action("POST /orders", Group::Orders);
static PRODUCTS: Endpoint = Endpoint::new(
    "GET /products",
    Method::GET,
    Group::Products,
    RetryClass::Repeatable,
);

fn list_call(lane: Lane, page: u32) -> Call {
    Call::new(&LIST, lane, "/orders")
        .query("page", page)
        .query("pageSize", 10)
}

fn order_body(order: &NewOrder) -> Result<Value, ClientError> {
    if order.lines.is_empty() || order.lines.iter().any(|line| line.quantity < 1) {
        return Err(ClientError::Invalid(
            "an order has products, at least one of each".into(),
        ));
    }
    let mut body = Map::new();
    let products: Vec<Value> = order
        .lines
        .iter()
        .map(|line| json!({ "productId": line.product_id, "quantity": line.quantity }))
        .collect();
    body.insert("products".into(), Value::Array(products));
    if let Some(address) = &order.delivery_address {
        body.insert("delivery_address".into(), json!(address));
    }
    if let Some(reference) = &order.customer_reference {
        body.insert("customer_reference".into(), json!(reference));
    }
    Ok(Value::Object(body))
}

impl OnceClient {
    /// A page of orders, ten at most, from page 1; `newest_first` by order number.
    pub async fn list_orders(
        &self,
        lane: Lane,
        page: u32,
        newest_first: bool,
    ) -> Result<OrderPage, ClientError> {
        if page == 0 {
            return Err(ClientError::Invalid("pages count from 1".into()));
        }
        let sort = if newest_first {
            "-order_number"
        } else {
            "order_number"
        };
        let call = list_call(lane, page).query("sort", sort);
        let (_, answer) = self.sims_call(Capability::Orders, |_| call.clone()).await?;
        let records = array(&answer.body).map_err(|reason| answer.unreadable(&LIST, reason))?;
        let is_last = records.len() < 10;
        let (orders, rejects) = read_list(records, read_order);
        Ok(OrderPage {
            orders,
            rejects,
            is_last,
        })
    }

    /// One order; `None` when 1NCE does not know it, which is believed only while the list of orders answers.
    pub async fn get_order(&self, lane: Lane, order_number: u64) -> Result<Option<Order>, ClientError> {
        let call = Call::new(&GET, lane, format!("/orders/{order_number}")).listed_by(list_call(lane, 1));
        let result = self.sims_call(Capability::Orders, |_| call.clone()).await;
        known(result.and_then(|(_, answer)| answer.object(&GET, read_order)))
    }

    /// Places an order: real money, no dry run. 1NCE promises no number: then it is accepted, and found in the list.
    pub async fn create_order(&self, lane: Lane, order: &NewOrder) -> Result<OrderReceipt, ClientError> {
        let call = Call::new(&CREATE, lane, "/orders")
            .listed_by(list_call(lane, 1))
            .body(order_body(order)?);
        let (_, answer) = self.sims_call(Capability::Orders, |_| call.clone()).await?;
        Ok(order_receipt(&answer))
    }

    /// What can be ordered. A record that is no product is returned as a reject.
    pub async fn list_products(&self, lane: Lane) -> Result<ProductList, ClientError> {
        let call = Call::new(&PRODUCTS, lane, "/products");
        let (_, answer) = self.sims_call(Capability::Products, |_| call.clone()).await?;
        let records = array(&answer.body).map_err(|reason| answer.unreadable(&PRODUCTS, reason))?;
        let (products, rejects) = read_list(records, read_product);
        Ok(ProductList { products, rejects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrderLine;

    #[test]
    fn the_request_says_product_id_in_its_own_spelling() {
        let order = NewOrder {
            lines: vec![OrderLine {
                product_id: 1001,
                quantity: 5,
            }],
            delivery_address: None,
            customer_reference: Some("PO-7".into()),
        };
        assert_eq!(
            order_body(&order).unwrap(),
            json!({ "products": [{ "productId": 1001, "quantity": 5 }], "customer_reference": "PO-7" })
        );
    }
}
