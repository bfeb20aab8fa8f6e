//! What costs money or belongs to the whole account: top-ups, orders, limits, products, support.

use once_client::model::{LimitUpdate, NewSupportCase, PaymentMethod, Service};
use once_client::{ClientError, Generations, Lane};
use once_emulator::SimPatch;

use crate::support::{World, eventually};
use crate::traps::worlds;

const LANE: Lane = Lane::Interactive;

#[tokio::test]
async fn a_top_up_is_an_order_that_can_be_read_and_whose_volume_comes_after_payment() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let iccid = world.iccids(&client, 1).await[0];
        let before = client.data_quota(LANE, iccid).await.unwrap().unwrap();
        let receipt = client
            .top_up(LANE, iccid, PaymentMethod::CreditCard)
            .await
            .unwrap();
        let number = receipt.order_number.unwrap();
        // An order shows up a second after it was placed.
        world.control.advance_time(1).await.unwrap();
        let order = client.get_order(LANE, number).await.unwrap().unwrap();
        assert_eq!(order.iccids, [iccid], "{case}");
        assert_eq!(order.order_type.as_deref(), Some("TOPUP"), "{case}");
        let page = client.list_orders(LANE, 1, true).await.unwrap();
        assert_eq!(page.orders[0].order_number, number, "{case}");
        world.control.advance_time(10).await.unwrap();
        eventually("the volume arrives", async || {
            let after = client.data_quota(LANE, iccid).await.unwrap().unwrap();
            after.remaining.unwrap().bytes() - before.remaining.unwrap().bytes() == 524_288_000
        })
        .await;
        assert_eq!(client.get_order(LANE, 1).await.unwrap(), None, "{case}");
    }
}

#[tokio::test]
async fn an_expired_sim_is_told_apart() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V1Only);
    let iccid = world.iccids(&client, 1).await[0];
    let patch = SimPatch {
        expired: Some(true),
        ..SimPatch::default()
    };
    world.control.patch_sim(&iccid.to_string(), &patch).await.unwrap();
    let error = client
        .top_up(LANE, iccid, PaymentMethod::BankTransfer)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Expired { .. }), "{error:?}");
}

#[tokio::test]
async fn the_calls_that_only_v1_has_work_there() {
    let world = World::unlimited().await;
    let client = world.client();
    let iccids = world.iccids(&client, 3).await;
    let limits = client.get_limits(LANE).await.unwrap();
    let steps = client.selectable_limits(LANE, Service::Data).await.unwrap();
    let step = steps.steps.last().unwrap().clone();
    assert!(step.id.is_some() && step.limit.is_some(), "{steps:?} {limits:?}");
    let update = LimitUpdate {
        data: step.id,
        ..LimitUpdate::default()
    };
    client.set_limits(LANE, update).await.unwrap();
    assert_eq!(client.get_limits(LANE).await.unwrap().data.unwrap().id, step.id);
    client.auto_top_up(LANE, &iccids, true).await.unwrap();
    assert!(
        world
            .control
            .sim(&iccids[0].to_string())
            .await
            .unwrap()
            .auto_topup
    );
    let receipt = client
        .bulk_top_up(LANE, &iccids, PaymentMethod::CreditCard)
        .await
        .unwrap();
    // An order shows up a second after it was placed.
    world.control.advance_time(1).await.unwrap();
    let order = client
        .get_order(LANE, receipt.order_number.unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(order.iccids.len(), 3);
    let info = client
        .connectivity_info(LANE, iccids[0], false)
        .await
        .unwrap()
        .unwrap();
    assert!(
        info.requested_at.is_some() && info.subscriber_found.is_some(),
        "{info:?}"
    );
}

#[tokio::test]
async fn products_and_support_cases_are_read_and_a_case_is_opened() {
    let world = World::unlimited().await;
    let client = world.client();
    let products = client.list_products(LANE).await.unwrap().products;
    assert!(products.iter().all(|product| product.name.is_some()) && !products.is_empty());
    let case = NewSupportCase {
        reply_to: "a@example.com".into(),
        sender_name: "A".into(),
        subject: "Connectivity".into(),
        text: "Nothing works".into(),
    };
    client.create_support(LANE, &case).await.unwrap();
    let cases = client.list_support(LANE, 1, 100).await.unwrap().cases;
    assert!(
        cases
            .iter()
            .any(|case| case.subject.as_deref() == Some("Connectivity")),
        "{cases:?}"
    );
}
