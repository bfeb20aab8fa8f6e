//! Orders, products, support cases and account limits (FACTS §10, §13).

use domain::Iccid;

use super::{Fields, Unreadable, array, read_list};
use crate::model::{
    AccountLimits, Charge, Communication, Limit, LimitSteps, Order, OrderLine, Product, Service, SupportCase,
};

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

fn read_limit(fields: &mut Fields) -> Limit {
    Limit {
        id: fields.integer("id"),
        limit: fields.decimal("limit"),
        unit: fields.word("unit"),
        extra: std::mem::take(fields).extra(),
    }
}

/// An object without a limit is no answer to the question which limits are set, but for the empty one.
pub(crate) fn read_limits(mut fields: Fields) -> Result<AccountLimits, Unreadable> {
    let names = [Service::Data, Service::SmsMt, Service::SmsMo].map(Service::field);
    let named = names.into_iter().any(|name| fields.names(name));
    let limits = AccountLimits {
        data: fields.inside(Service::Data.field(), read_limit),
        sms_mt: fields.inside(Service::SmsMt.field(), read_limit),
        sms_mo: fields.inside(Service::SmsMo.field(), read_limit),
        extra: fields.extra(),
    };
    if named || limits.extra.is_empty() {
        return Ok(limits);
    }
    Err(Unreadable::new("no limit of any service"))
}

/// The steps that a service's limit can take: an array, an object of one step, or the object that the spec shows, which
/// has the current limits of all services (the real shape is unconfirmed, FACTS §10).
pub(crate) fn read_limit_steps(body: &[u8], service: Service) -> Result<LimitSteps, Unreadable> {
    let read = |mut step: Fields| Ok(read_limit(&mut step));
    let list = |records| {
        let (steps, rejects) = read_list(records, read);
        LimitSteps { steps, rejects }
    };
    let single = |step| LimitSteps {
        steps: vec![step],
        rejects: Vec::new(),
    };
    let Ok(mut fields) = Fields::parse(body) else {
        return array(body).map(list);
    };
    if fields.contains("id") || fields.contains("limit") {
        return Ok(single(read_limit(&mut fields)));
    }
    let name = service.field();
    if let Some(step) = fields.inside(name, read_limit) {
        return Ok(single(step));
    }
    let of_services = [Service::Data, Service::SmsMt, Service::SmsMo];
    match [name, "limits"].into_iter().find_map(|name| fields.list(name)) {
        Some(records) => Ok(list(records)),
        None if of_services.iter().any(|other| fields.contains(other.field())) => {
            Err(Unreadable::new(format!("no readable {name}")))
        }
        None => array(body).map(list),
    }
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
            r#"{"items":[{"id":1,"limit":16,"unit":"MB"}]}"#,
        ] {
            let steps = read_limit_steps(json.as_bytes(), Service::Data).unwrap().steps;
            assert_eq!(steps.len(), 1, "{json}");
            assert_eq!(
                (steps[0].id, steps[0].limit),
                (Some(1), Some(16.into())),
                "{json}"
            );
        }
    }

    #[test]
    fn steps_of_other_services_are_not_mixed_in() {
        let all = br#"{"data":{"id":1,"limit":"16","unit":"MB"},"smsMt":{"id":2,"limit":"10","unit":"SMS"},
            "smsMo":[{"id":3,"limit":"25","unit":"SMS"},{"id":4}]}"#;
        for (service, ids) in [
            (Service::Data, &[1][..]),
            (Service::SmsMt, &[2]),
            (Service::SmsMo, &[3, 4]),
        ] {
            let read = read_limit_steps(all, service).unwrap();
            let read: Vec<i64> = read.steps.iter().filter_map(|step| step.id).collect();
            assert_eq!(read, ids, "{service:?}");
        }
        let foreign = br#"{"data":[{"id":1}]}"#;
        assert!(read_limit_steps(foreign, Service::SmsMt).is_err());
    }

    #[test]
    fn an_error_object_does_not_say_that_no_limit_is_set() {
        let read = |json: &str| read_limits(Fields::parse(json.as_bytes()).unwrap());
        assert!(read(r#"{"message":"no"}"#).is_err());
        assert_eq!(read("{}").unwrap(), AccountLimits::default());
        assert_eq!(read(r#"{"data":null}"#).unwrap(), AccountLimits::default());
    }

    #[test]
    fn limits_and_steps_that_cannot_be_read_are_kept() {
        let steps = read_limit_steps(
            br#"[{"id":1,"limit":"none","per":"month"},"16 MB"]"#,
            Service::Data,
        );
        let steps = steps.unwrap();
        assert_eq!(steps.steps[0].limit, None);
        assert_eq!(
            serde_json::json!(steps.steps[0].extra),
            serde_json::json!({"limit": "none", "per": "month"})
        );
        assert_eq!(steps.rejects[0].raw, r#""16 MB""#);
        let limits = br#"{"data":{"id":1,"limit":"none"},"smsMt":"10 SMS","voice":{"id":1}}"#;
        let limits = read_limits(Fields::parse(limits).unwrap()).unwrap();
        assert_eq!(limits.data.unwrap().extra["limit"], "none");
        assert_eq!(
            serde_json::json!(limits.extra),
            serde_json::json!({"smsMt": "10 SMS", "voice": {"id": 1}})
        );
    }
}
