//! Orders that show up late, under numbers with gaps, and sometimes without a receipt (FACTS §9, §13).

use serde_json::json;

use crate::lab::{Lab, iccid};

#[tokio::test]
async fn an_order_shows_up_late_in_the_list_and_alone() {
    let lab = Lab::free(5).await;
    lab.control
        .config(&json!({"order_visible_delay_seconds": 300}))
        .await
        .unwrap();
    let placed = lab.post(&format!("/v1/sims/{}/topup", iccid(0)), json!({})).await;
    let number = placed
        .header("location")
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let shown = async || {
        let list = lab.get("/v1/orders").await;
        let single = lab.get(&format!("/v1/orders/{number}")).await;
        (list.number("x-total-count"), single.status)
    };
    assert_eq!(shown().await, (1, 404));
    assert_eq!(lab.control.orders().await.unwrap().len(), 2, "it is there");
    lab.control.advance_time(200).await.unwrap();
    assert_eq!(shown().await, (1, 404));
    lab.control.advance_time(110).await.unwrap();
    assert_eq!(shown().await, (2, 200));
}

#[tokio::test]
async fn order_numbers_rise_with_gaps() {
    let lab = Lab::free(5).await;
    for _ in 0..12 {
        lab.post(&format!("/v2/sims/{}/topup", iccid(0)), json!({})).await;
    }
    let orders = lab.control.orders().await.unwrap();
    let steps: Vec<u64> = orders
        .windows(2)
        .map(|pair| pair[1].number - pair[0].number)
        .collect();
    assert!(
        steps.contains(&1) && steps.iter().any(|step| *step > 1),
        "{steps:?}"
    );
    lab.control
        .config(&json!({"order_number_gaps": false}))
        .await
        .unwrap();
    lab.post(&format!("/v2/sims/{}/topup", iccid(0)), json!({})).await;
    let orders = lab.control.orders().await.unwrap();
    assert_eq!(orders[13].number, orders[12].number + 1);
}

#[tokio::test]
async fn a_top_up_may_come_without_its_location() {
    let lab = Lab::free(5).await;
    lab.control
        .config(&json!({"topup_location": false}))
        .await
        .unwrap();
    for (path, body) in [
        (format!("/v1/sims/{}/topup", iccid(0)), json!({})),
        ("/v2/sims/topup".to_owned(), json!([iccid(1)])),
    ] {
        let reply = lab.post(&path, body).await;
        assert_eq!((reply.status, reply.header("location")), (201, None), "{path}");
    }
    assert_eq!(
        lab.control.orders().await.unwrap().len(),
        3,
        "ordered all the same"
    );
}
