//! Listing, reading and changing SIMs (FACTS §4, §5).

use std::collections::BTreeSet;

use once_emulator::{EmulatorConfig, Mode, SimPatch};
use serde_json::{Value, json};

use crate::lab::{Lab, iccid, iccids};

#[tokio::test]
async fn pages_are_bare_arrays_with_totals_in_headers() {
    let lab = Lab::free(257).await;
    for version in ["v1", "v2"] {
        let mut seen = Vec::new();
        for page in 1..=3 {
            let reply = lab
                .get(&format!("/{version}/sims?page={page}&pageSize=100"))
                .await;
            assert_eq!(reply.number("x-total-count"), 257);
            assert_eq!(reply.number("x-total-pages"), 3);
            assert_eq!(
                (reply.number("x-current-page"), reply.number("x-count-per-page")),
                (page, 100)
            );
            seen.extend(iccids(&reply.json()));
        }
        assert_eq!(seen, (0..257).map(iccid).collect::<Vec<_>>());
        assert_eq!(
            lab.get(&format!("/{version}/sims?page=4&pageSize=100"))
                .await
                .json(),
            json!([])
        );
    }
    assert_eq!(
        lab.get("/v1/sims").await.json().as_array().unwrap().len(),
        10,
        "default page size"
    );
}

#[tokio::test]
async fn paging_headers_can_be_left_out() {
    let lab = Lab::free(5).await;
    lab.control
        .config(&json!({"paging_headers": false}))
        .await
        .unwrap();
    assert_eq!(lab.get("/v1/sims").await.header("x-total-count"), None);
}

#[tokio::test]
async fn a_page_larger_than_100_is_cut_or_refused() {
    let recorded = Lab::free(150).await;
    assert_eq!(recorded.page(1, 1000).await.len(), 100);
    let spec = Lab::start(EmulatorConfig::default().with_mode(Mode::Spec)).await;
    assert_eq!(spec.get("/v1/sims?pageSize=101").await.status, 400);
    for bad in ["page=0", "page=-1", "pageSize=0", "page=x", "page="] {
        assert_eq!(spec.get(&format!("/v2/sims?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn removal_and_insertion_shift_later_pages() {
    let lab = Lab::free(30).await;
    let before = lab.page(2, 10).await;
    lab.control.remove_sim(&iccid(3)).await.unwrap();
    let after = lab.page(2, 10).await;
    assert_eq!(
        after[..9],
        before[1..],
        "one SIM slipped past a reader between page 1 and 2"
    );
    let added = lab.control.add_sims(2, Some(0)).await.unwrap();
    assert_eq!(lab.page(1, 10).await[..2], added[..]);
    assert_eq!(lab.page(2, 10).await[1], before[0], "and two came back");
    assert_eq!(lab.get("/v1/sims").await.number("x-total-count"), 31);
    assert_eq!(lab.control.sim(&added[1]).await.unwrap().position, 1);
    let last = lab.control.add_sims(1, None).await.unwrap();
    assert_eq!(lab.page(4, 10).await.last(), last.last());
}

#[tokio::test]
async fn deep_pages_of_a_big_fleet_are_right_after_removals() {
    let lab = Lab::free(200_000).await;
    for n in [0, 7, 150_000] {
        lab.control.remove_sim(&iccid(n)).await.unwrap();
    }
    let page = lab.page(1_999, 100).await;
    assert_eq!(page[0], iccid(199_803));
    assert_eq!(lab.get("/v1/sims").await.number("x-total-pages"), 20_000);
}

#[tokio::test]
async fn a_sim_has_the_published_fields_and_no_nulls() {
    let lab = Lab::free(300).await;
    let mut missing_imei = 0;
    for page in 1..=3 {
        for sim in lab
            .get(&format!("/v1/sims?page={page}&pageSize=100"))
            .await
            .json()
            .as_array()
            .unwrap()
        {
            assert!(sim.as_object().unwrap().values().all(|value| !value.is_null()));
            let (short, long) = (
                sim["iccid"].as_str().unwrap(),
                sim["iccid_with_luhn"].as_str().unwrap(),
            );
            assert_eq!((short.len(), long.len(), &long[..19]), (19, 20, short));
            assert!(["Enabled", "Disabled"].contains(&sim["status"].as_str().unwrap()));
            assert!(sim["activation_date"].as_str().unwrap().ends_with(".000+0000"));
            assert_eq!(
                (&sim["current_quota"], &sim["current_quota_SMS"]),
                (&json!(500), &json!(250))
            );
            let level = sim["quota_status"]["id"].as_u64().unwrap();
            assert_eq!(
                sim["quota_status"].get("threshold_reached_date").is_some(),
                level >= 1
            );
            assert_eq!(
                sim["quota_status"].get("quota_exceeded_date").is_some(),
                level == 2
            );
            match sim.get("imei") {
                Some(imei) => assert_eq!(imei.as_str().unwrap().len(), 16),
                None => missing_imei += 1,
            }
        }
    }
    assert!(missing_imei > 0, "some SIMs never attached");
}

#[tokio::test]
async fn the_single_get_of_v1_speaks_of_activated() {
    let lab = Lab::free(50).await;
    let sim = lab.find(|sim| sim.enabled).await.iccid;
    assert_eq!(
        lab.get(&format!("/v1/sims/{sim}")).await.json()["status"],
        json!("Activated")
    );
    assert_eq!(
        lab.get(&format!("/v2/sims/{sim}")).await.json()["status"],
        json!("Enabled")
    );
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    assert_eq!(
        lab.get(&format!("/v1/sims/{sim}")).await.json()["status"],
        json!("Enabled")
    );
}

#[tokio::test]
async fn an_unknown_iccid_is_an_empty_200_or_a_404() {
    let lab = Lab::free(5).await;
    for unknown in [
        "8988280666000000999".to_owned(),
        "1".to_owned(),
        format!("{}0", iccid(1)),
    ] {
        let reply = lab.get(&format!("/v1/sims/{unknown}")).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, ""), "{unknown}");
        let reply = lab.get(&format!("/v2/sims/{unknown}")).await;
        assert_eq!(
            (reply.status, &reply.json()["error_token"]),
            (404, &json!("NotFound"))
        );
        assert_eq!(lab.get(&format!("/v1/sims/{unknown}/status")).await.status, 404);
    }
    lab.control.config(&json!({"mode": "spec"})).await.unwrap();
    assert_eq!(lab.get("/v1/sims/8988280666000000999").await.status, 404);
}

#[tokio::test]
async fn filters_find_by_device_and_address_only() {
    let lab = Lab::free(500).await;
    let sim = lab.find(|sim| sim.imei.is_some()).await;
    let (imei, address) = (sim.imei.unwrap(), sim.ip_address);
    for q in [
        format!("imei:{imei}"),
        format!("ip_address:{address}"),
        format!("ip_address:{address},imei:{imei}"),
    ] {
        let reply = lab.get(&format!("/v1/sims?q={q}")).await;
        assert_eq!(
            (iccids(&reply.json()), reply.number("x-total-count")),
            (vec![sim.iccid.clone()], 1),
            "{q}"
        );
    }
    let moved = SimPatch {
        imei: Some("3599999999999901".to_owned()),
        ..SimPatch::default()
    };
    lab.control.patch_sim(&sim.iccid, &moved).await.unwrap();
    assert_eq!(
        lab.get(&format!("/v2/sims?q=imei:{imei}")).await.json(),
        json!([])
    );
    assert_eq!(
        iccids(&lab.get("/v2/sims?q=imei:3599999999999901").await.json()),
        vec![sim.iccid]
    );
    assert_eq!(lab.get("/v1/sims?q=label:pump").await.status, 400);
}

#[tokio::test]
async fn sorting_follows_the_fields_asked_for() {
    let lab = Lab::free(100).await;
    let address = |sim: &Value| -> Vec<u32> {
        sim["ip_address"]
            .as_str()
            .unwrap()
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect()
    };
    let down = lab.get("/v1/sims?sort=-ip_address&pageSize=100").await.json();
    let addresses: Vec<_> = down.as_array().unwrap().iter().map(address).collect();
    assert!(addresses.windows(2).all(|pair| pair[0] > pair[1]));
    let by_imei = lab
        .get("/v1/sims?sort=imei,-ip_address&pageSize=100")
        .await
        .json();
    let imeis: Vec<_> = by_imei
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["imei"].as_str().unwrap_or(""))
        .collect();
    assert!(imeis.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(iccids(&by_imei).into_iter().collect::<BTreeSet<_>>().len(), 100);
    let down = lab
        .get("/v1/sims?sort=-imei,ip_address&pageSize=100")
        .await
        .json();
    let deviceless = down
        .as_array()
        .unwrap()
        .iter()
        .filter(|sim| sim.get("imei").is_none());
    let ties: Vec<_> = deviceless.map(address).collect();
    assert!(
        ties.len() > 1 && ties.windows(2).all(|pair| pair[0] < pair[1]),
        "a descending field leaves the next one alone: {ties:?}"
    );
}
