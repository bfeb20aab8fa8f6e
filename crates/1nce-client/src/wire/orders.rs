//! Orders, products, support cases and account limits (FACTS §10, §13).

use domain::Iccid;
use serde_json::value::RawValue;

use super::{Fields, Unreadable, array};
use crate::model::{
    AccountLimits, Charge, Communication, Limit, LimitStep, Order, OrderLine, Product, SupportCase,
};

fn objects(raw: Option<Vec<Box<RawValue>>>) -> impl Iterator<Item = Fields> {
    raw.unwrap_or_default()
        .into_iter()
        .filter_map(|raw| Fields::parse(raw.get().as_bytes()).ok())
}

pub(crate) fn read_order(mut fields: Fields) -> Result<Order, Unreadable> {
    let order_number = fields
        .integer("order_number")
        .and_then(|number| u64::try_from(number).ok())
        .ok_or_else(|| Unreadable::new("no order_number"))?;
    let iccids = fields.each("sims", |sim| {
        sim.skip("_links");
        sim.parsed("iccid", Iccid::parse)
    });
    // The request says productId, the answer product_id (FACTS §13).
    let lines = fields.each("products", |line| {
        Some(OrderLine {
            product_id: line.integer("product_id").or_else(|| line.integer("productId"))?,
            quantity: line.integer("quantity").unwrap_or(1),
        })
    });
    Ok(Order {
        order_number,
        order_type: fields.word("order_type"),
        ordered_at: fields.time("order_date"),
        status: fields.word("order_status"),
        invoice_number: fields.word("invoice_number"),
        invoice_amount: fields.decimal("invoice_amount"),
        currency: fields.word("currency"),
        iccids,
        lines,
        extra: fields.extra(),
    })
}

fn charges(fields: &mut Fields, name: &str) -> Vec<Charge> {
    fields.each(name, |charge| {
        Some(Charge {
            name: charge.word("name"),
            amount_net: charge.decimal("amount_net"),
            currency: charge.word("currency"),
        })
    })
}

pub(crate) fn read_product(mut fields: Fields) -> Result<Product, Unreadable> {
    Ok(Product {
        id: fields.integer("id").ok_or_else(|| Unreadable::new("no id"))?,
        name: fields.word("product"),
        material: fields.word("material"),
        package_size: fields.integer("package_size"),
        min_quantity: fields.integer("minQuantity"),
        max_quantity: fields.integer("maxQuantity"),
        max_quantity_per_customer: fields.integer("maxQuantityPerCustomer"),
        min_contract_duration: fields.integer("min_contract_duration"),
        one_time_charges: charges(&mut fields, "one_time_charges"),
        recurring_charges: charges(&mut fields, "recurring_charges"),
        extra: fields.extra(),
    })
}

pub(crate) fn read_support_case(mut fields: Fields) -> Result<SupportCase, Unreadable> {
    let communications = fields.each("communications", |message| {
        Some(Communication {
            id: message.word("id"),
            at: message.time("communicationDate"),
            direction: message.word("direction"),
            kind: message.word("type"),
            originator: message.word("originator"),
            subject: message.text("subject"),
            text: message.text("text"),
        })
    });
    Ok(SupportCase {
        case_id: fields
            .word("caseId")
            .ok_or_else(|| Unreadable::new("no caseId"))?,
        status: fields.word("status"),
        subject: fields.text("subject"),
        text: fields.text("text"),
        created_at: fields.time("createDate"),
        solved_at: fields.time("solvedDate"),
        communications,
        extra: fields.extra(),
    })
}

fn read_limit(mut fields: Fields) -> Limit {
    Limit {
        id: fields.integer("id"),
        limit: fields.decimal("limit"),
        unit: fields.word("unit"),
    }
}

pub(crate) fn read_limits(mut fields: Fields) -> AccountLimits {
    AccountLimits {
        data: fields.object("data").map(read_limit),
        sms_mt: fields.object("smsMt").map(read_limit),
        sms_mo: fields.object("smsMo").map(read_limit),
    }
}

/// The steps that a limit can take: an array, an object of one step, or the object that the spec shows for the
/// current limits (the real shape is unconfirmed, FACTS §10).
pub(crate) fn read_limit_steps(body: &[u8]) -> Result<Vec<LimitStep>, Unreadable> {
    if let Ok(list) = array(body) {
        return Ok(objects(Some(list)).map(read_limit).collect());
    }
    let mut fields = Fields::parse(body)?;
    if fields.contains("id") || fields.contains("limit") {
        return Ok(vec![read_limit(fields)]);
    }
    let steps = ["data", "smsMt", "smsMo", "limits"]
        .into_iter()
        .flat_map(|name| {
            let single = fields.object(name);
            let list = objects(fields.list(name)).collect::<Vec<_>>();
            single.into_iter().chain(list)
        })
        .map(read_limit)
        .collect();
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_with_its_cards_and_exact_money() {
        let order = read_order(
            Fields::parse(
                br#"{"order_number":"2000000001","order_type":"TOPUP","order_date":"2025-10-02 07:00:00",
                "order_status":"COMPLETED","invoice_amount":"19.99","currency":"EUR",
                "sims":[{"iccid":"8988999000000000017","_links":[]}],"products":[{"product_id":1001,"quantity":1}],
                "shipping_address":{"city":"x"}}"#,
            )
            .unwrap(),
        )
        .unwrap();
        assert_eq!(order.order_number, 2_000_000_001);
        assert_eq!(order.invoice_amount.unwrap().to_string(), "19.99");
        assert_eq!((order.iccids.len(), order.lines[0].product_id), (1, 1001));
        assert!(order.extra.contains_key("shipping_address"));
    }

    #[test]
    fn cards_and_lines_that_cannot_be_read_are_kept() {
        let json = r#"{"order_number":1,"sims":[{"iccid":"8988999000000000017"},{"iccid":"lost"}],
            "products":[{"product_id":1001,"quantity":2},{"sku":"A","quantity":3}]}"#;
        let order = read_order(Fields::parse(json.as_bytes()).unwrap()).unwrap();
        assert_eq!((order.iccids.len(), order.lines.len()), (1, 1));
        assert_eq!(order.extra["sims"], serde_json::json!([{"iccid": "lost"}]));
        assert_eq!(
            order.extra["products"],
            serde_json::json!([{"sku": "A", "quantity": 3}])
        );
    }

    #[test]
    fn limit_steps_come_as_array_or_object() {
        for json in [
            r#"[{"id":1,"limit":"16","unit":"MB"}]"#,
            r#"{"id":1,"limit":"16","unit":"MB"}"#,
            r#"{"data":{"id":1,"limit":"16","unit":"MB"}}"#,
            r#"{"data":[{"id":1,"limit":16,"unit":"MB"}]}"#,
        ] {
            let steps = read_limit_steps(json.as_bytes()).unwrap();
            assert_eq!(steps.len(), 1, "{json}");
            assert_eq!(
                (steps[0].id, steps[0].limit),
                (Some(1), Some(16.into())),
                "{json}"
            );
        }
    }
}
