//! Orders, products and support cases (FACTS §13).

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, text_field};
use crate::account::Account;
use crate::account::orders::{Case, Order, PRODUCTS, Product};
use crate::config::PaymentOutcome;
use crate::dates::rfc3339;
use crate::fleet::seeded;

type Reply = Result<Answer, Answer>;

/// `GET /orders`, sorted by number unless asked otherwise.
pub fn list_orders(call: &Call<'_>, account: &mut Account) -> Reply {
    let page = call.page("pageSize", 10, 10)?;
    let mut orders: Vec<&Order> = account.visible_orders(call.now, call.settings).collect();
    let sort = call.query.get("sort").map_or("order_number", String::as_str);
    for field in sort.split(',').rev() {
        let (name, descending) = match field.trim().strip_prefix('-') {
            Some(name) => (name, true),
            None => (field.trim(), false),
        };
        let compare = |a: &Order, b: &Order| match name {
            "order_number" => a.number.cmp(&b.number),
            "order_status" => a.status.cmp(&b.status),
            "order_date" => a.placed_at.cmp(&b.placed_at),
            _ => Ordering::Equal,
        };
        orders.sort_by(|a, b| if descending { compare(b, a) } else { compare(a, b) });
    }
    let items: Vec<Value> = page
        .of(&orders)
        .iter()
        .map(|order| order_json(call, order))
        .collect();
    Ok(call.paged(Answer::json(200, Value::Array(items)), page, orders.len()))
}

/// `GET /orders/{order_number}`.
pub fn get_order(call: &Call<'_>, account: &mut Account) -> Reply {
    let text = call.params.first().map(String::as_str).unwrap_or_default();
    let number: u64 = text
        .parse()
        .map_err(|_| call.fail(400, "order_number is an integer"))?;
    let order = account
        .visible_orders(call.now, call.settings)
        .find(|order| order.number == number)
        .ok_or_else(|| call.not_found())?;
    Ok(Answer::json(200, order_json(call, order)))
}

fn order_json(call: &Call<'_>, order: &Order) -> Value {
    let sims = order.sims.iter().map(|sim| {
        let iccid = seeded::iccid(*sim);
        let href = format!("{}/v1/sims/{iccid}", call.base_url);
        json!({ "iccid": iccid, "_links": [{ "rel": "self", "href": href }] })
    });
    let products = order
        .products
        .iter()
        .map(|(id, quantity)| json!({ "product_id": id, "quantity": quantity }));
    let mut body = json!({
        "order_number": order.number, "order_type": order.kind.name(), "order_date": rfc3339(order.placed_at),
        "order_status": order.status, "invoice_number": (order.number - 1_980_000_000).to_string(),
        "invoice_amount": format!("{}.{:02}", order.cents / 100, order.cents % 100), "currency": "EUR",
        "sims": sims.collect::<Vec<_>>(), "products": products.collect::<Vec<_>>(),
    });
    if let Some(address) = &order.address {
        body["shipping_address"] = address.clone();
    }
    body
}

/// `POST /orders`: an echo or an empty 201; the number is found by listing only.
pub fn place_order(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    let wanted = body
        .get("products")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    let wanted = wanted.ok_or_else(|| call.fail(400, "products are missing"))?;
    let mut products = Vec::new();
    for item in wanted {
        let id = item.get("productId").and_then(Value::as_i64);
        let id = id.ok_or_else(|| call.fail(400, "productId must be an integer"))?;
        let quantity = item
            .get("quantity")
            .map_or(Some(1), Value::as_i64)
            .filter(|n| *n > 0);
        let quantity = quantity.ok_or_else(|| call.fail(400, "quantity must be at least 1"))?;
        if !PRODUCTS.iter().any(|known| known.id == id) {
            return Err(call.not_found());
        }
        products.push((id, quantity));
    }
    let address = body.get("delivery_address").filter(|address| !address.is_null());
    if address.is_some_and(|address| !valid_address(address)) {
        return Err(call.fail(400, "delivery_address is not valid"));
    }
    text_field(&body, "customer_reference").map_err(|e| call.fail(400, &e))?;
    if call.settings.payment_outcomes.cards == PaymentOutcome::Refused {
        return Err(call.fail(400, "Payment was refused."));
    }
    account.order_cards(products, address.cloned(), call.now, call.settings);
    Ok(if call.settings.order_echo {
        Answer::json(200, body)
    } else {
        Answer::empty(201)
    })
}

fn valid_address(address: &Value) -> bool {
    const FIELDS: [&str; 11] = [
        "salutation",
        "first_name",
        "last_name",
        "company",
        "street",
        "address_line2",
        "house_number",
        "zip",
        "city",
        "country",
        "phone",
    ];
    let texts = FIELDS.iter().all(|field| text_field(address, field).is_ok());
    let salutation = address.get("salutation").is_none_or(|s| s == "1" || s == "2");
    address.is_object() && texts && salutation
}

/// `GET /products`.
pub fn products(_call: &Call<'_>, _account: &mut Account) -> Reply {
    Ok(Answer::json(
        200,
        Value::Array(PRODUCTS.iter().map(product_json).collect()),
    ))
}

fn product_json(product: &Product) -> Value {
    let amount = product.cents as f64 / 100.0;
    json!({
        "id": product.id, "product": product.name, "material": product.material, "package_size": product.pack,
        "minQuantity": 1, "maxQuantity": 10_000, "maxQuantityPerCustomer": 100_000, "min_contract_duration": 120,
        "one_time_charges": [{ "name": "provisionCharge", "amount_net": amount, "currency": "EUR" }],
        "recurring_charges": [],
    })
}

/// `GET /support`: pages of one unless asked otherwise.
pub fn list_cases(call: &Call<'_>, account: &mut Account) -> Reply {
    let page = call.page("pageSize", 1, 100)?;
    let items: Vec<Value> = page.of(&account.cases).iter().map(case_json).collect();
    Ok(call.paged(Answer::json(200, Value::Array(items)), page, account.cases.len()))
}

fn case_json(case: &Case) -> Value {
    let first = json!({
        "communicationDate": rfc3339(case.created), "direction": "IN", "id": "1", "originator": case.sender,
        "subject": case.subject, "text": case.text, "type": "PORTAL",
    });
    json!({
        "caseId": case.id.to_string(), "communications": [first], "createDate": rfc3339(case.created),
        "status": "OPEN", "subject": case.subject, "text": case.text,
    })
}

/// `POST /support`: empty 201, so the new case id is found by listing only.
pub fn open_case(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    if !body.is_object() {
        return Err(call.fail(400, "a service request is an object"));
    }
    let field = |name: &str| text_field(&body, name).map_err(|e| call.fail(400, &e));
    field("replyToMail")?;
    let (sender, subject, text) = (field("senderName")?, field("subject")?, field("text")?);
    account.open_case(
        sender.unwrap_or_default(),
        subject.unwrap_or_default(),
        text.unwrap_or_default(),
        call.now,
    );
    Ok(Answer::empty(201))
}
