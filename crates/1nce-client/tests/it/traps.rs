//! Everything the API offers, in both generations and in both readings of it: as specified and as recorded.

use std::time::Duration;

use chrono::Days;
use domain::{Iccid, QuotaStatus, SimStatus};
use once_client::model::{AddressType, Connectivity, SmsDirection, SmsSubmit};
use once_client::{ClientError, Generation, Generations, Lane, OnceClient, SimUpdate};
use once_emulator::{Connectivity as Network, EmulatorConfig, Mode, SimPatch};
use serde_json::json;

use crate::support::{World, noon, today};

const LANE: Lane = Lane::Interactive;

pub async fn worlds() -> Vec<(World, OnceClient, Generations, Mode)> {
    let mut all = Vec::new();
    for mode in [Mode::Spec, Mode::Recorded] {
        for generations in [Generations::V1Only, Generations::V2Only] {
            let config = EmulatorConfig::default()
                .with_fleet(250)
                .with_mode(mode)
                .without_limits();
            let world = World::start(config).await;
            let client = world.only(generations);
            all.push((world, client, generations, mode));
        }
    }
    all
}

fn unknown_card() -> Iccid {
    Iccid::parse("8988999000000000017").unwrap()
}

#[tokio::test]
async fn the_whole_fleet_is_listed_with_and_without_paging_headers() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let mut seen = std::collections::BTreeSet::new();
        for page_number in 1..=3 {
            let page = client.list_sims(LANE, page_number, 100).await.unwrap();
            assert_eq!((page.total, page.total_pages), (Some(250), Some(3)), "{case}");
            assert_eq!(page.is_last(), page_number == 3, "{case}");
            for sim in page.sims {
                assert_ne!(sim.status, SimStatus::Unknown, "{case}: {}", sim.provider_status);
                assert!(
                    sim.activation_date.is_some() && sim.data_quota.total.is_some(),
                    "{case}"
                );
                seen.insert(sim.iccid);
            }
        }
        assert_eq!(seen.len(), 250, "{case}");
        world
            .control
            .config(&json!({ "paging_headers": false }))
            .await
            .unwrap();
        let page = client.list_sims(LANE, 3, 100).await.unwrap();
        assert_eq!((page.total, page.total_pages), (None, None), "{case}");
        assert!(page.is_last(), "{case}");
    }
}

#[tokio::test]
async fn a_single_sim_says_the_same_as_the_list_and_an_unknown_one_is_none() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let listed = client.list_sims(LANE, 1, 1).await.unwrap().sims.remove(0);
        let single = client.get_sim(LANE, listed.iccid).await.unwrap().unwrap();
        assert_eq!(single.status, listed.status, "{case}");
        assert_eq!(single.data_quota, listed.data_quota, "{case}");
        assert!(single.extra.is_empty(), "{case}: {:?}", single.extra);
        assert_eq!(
            client.get_sim(LANE, unknown_card()).await.unwrap(),
            None,
            "{case}"
        );
        assert_eq!(
            client.sim_status(LANE, unknown_card()).await.unwrap(),
            None,
            "{case}"
        );
        assert_eq!(
            client.data_quota(LANE, unknown_card()).await.unwrap(),
            None,
            "{case}"
        );
        let usage = client.usage(LANE, unknown_card(), today(), today()).await;
        assert!(
            matches!(usage, Err(ClientError::NotFound { .. })),
            "{case}: {usage:?}"
        );
        drop(world);
    }
}

#[tokio::test]
async fn a_change_arrives_and_leaves_a_lock_alone_that_it_does_not_mention() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        world
            .control
            .config(&json!({ "put_resets_imei_lock": true }))
            .await
            .unwrap();
        let iccid = world.iccids(&client, 1).await[0];
        let patch = SimPatch {
            imei_lock: Some(true),
            ..SimPatch::default()
        };
        world.control.patch_sim(&iccid.to_string(), &patch).await.unwrap();
        let mut update = SimUpdate::new(iccid);
        update.label = Some("Pümpe 17".into());
        update.status = Some(SimStatus::Disabled);
        client.update_sim(LANE, &update).await.unwrap();
        let truth = world.control.sim(&iccid.to_string()).await.unwrap();
        assert_eq!(truth.label.as_deref(), Some("Pümpe 17"), "{case}");
        assert_eq!((truth.enabled, truth.imei_lock), (false, true), "{case}");
        let read = client.get_sim(LANE, iccid).await.unwrap().unwrap();
        assert_eq!(
            (read.status, read.imei_lock),
            (SimStatus::Disabled, Some(true)),
            "{case}"
        );
        let missing = client.update_sim(LANE, &SimUpdate::new(unknown_card())).await;
        assert!(
            matches!(missing, Err(ClientError::NotFound { .. })),
            "{case}: {missing:?}"
        );
    }
}

#[tokio::test]
async fn status_and_quota_are_one_model_in_both_generations() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let iccid = world.iccids(&client, 1).await[0];
        let patch = SimPatch {
            connectivity: Some(Network::Online),
            enabled: Some(true),
            data_left_mb: Some(12.5),
            sms_left: Some(7),
            ..SimPatch::default()
        };
        world.control.patch_sim(&iccid.to_string(), &patch).await.unwrap();
        let status = client.sim_status(LANE, iccid).await.unwrap().unwrap();
        assert_eq!(status.status, Connectivity::Online, "{case}");
        let location = status.location.unwrap();
        assert_eq!(location.iccid, Some(iccid), "{case}");
        assert!(location.last_updated.is_some(), "{case}: {:?}", location.extra);
        assert!(location.country.unwrap().iso_code.is_some(), "{case}");
        assert_eq!(status.pdp_contexts.len(), 1, "{case}");
        assert!(status.pdp_contexts[0].rat.description.is_some(), "{case}");
        let quota = client.data_quota(LANE, iccid).await.unwrap().unwrap();
        assert_eq!(quota.remaining.unwrap().bytes(), 13_107_200, "{case}");
        let told_by = match generations {
            Generations::V1Only => Generation::V1,
            _ => Generation::V2,
        };
        assert_eq!(
            quota.generation, told_by,
            "{case}: what `total` means depends on it"
        );
        assert!(quota.expires_at.is_some(), "{case}: {:?}", quota.extra);
        let sms = client.sms_quota(LANE, iccid).await.unwrap().unwrap();
        assert_eq!(sms.remaining, Some(7), "{case}");
        let sim = client.get_sim(LANE, iccid).await.unwrap().unwrap();
        assert_eq!(sim.data_quota.status, Some(QuotaStatus::Low), "{case}");
    }
}

#[tokio::test]
async fn an_overdrawn_quota_is_negative_where_1nce_says_so() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    let iccid = world.iccids(&client, 1).await[0];
    let patch = SimPatch {
        data_left_mb: Some(-0.25),
        ..SimPatch::default()
    };
    world.control.patch_sim(&iccid.to_string(), &patch).await.unwrap();
    let quota = client.data_quota(LANE, iccid).await.unwrap().unwrap();
    assert_eq!(quota.remaining.unwrap().bytes(), -262_144);
}

#[tokio::test]
async fn usage_has_one_row_a_day_and_no_total() {
    for (world, client, generations, mode) in worlds().await {
        world.control.config(&json!({ "v2_usage": true })).await.unwrap();
        let case = format!("{generations:?} {mode:?}");
        let today = today();
        let first = today - Days::new(9);
        let iccids = world.iccids(&client, 20).await;
        let mut bytes = 0;
        for iccid in &iccids[..5] {
            let usage = client.usage(LANE, *iccid, first, today).await.unwrap();
            assert!(usage.rejects.is_empty(), "{case}: {:?}", usage.rejects);
            let days: Vec<_> = usage.days.iter().map(|day| day.date).collect();
            assert!(days.windows(2).all(|pair| pair[0] < pair[1]), "{case}: {days:?}");
            assert!(
                days.iter().all(|day| (first..=today).contains(day)),
                "{case}: {days:?}"
            );
            for day in &usage.days {
                let parts = day.data.tx.bytes() + day.data.rx.bytes();
                assert!((day.data.total.bytes() - parts).abs() <= 1, "{case}: {day:?}");
                assert_eq!(day.sms.total, day.sms.mo + day.sms.mt, "{case}");
                bytes += day.data.total.bytes();
            }
        }
        assert!(bytes > 0, "{case}: nobody used anything");
        let call = world.calls("GET", "/usage").await.remove(0);
        assert!(
            call.query.contains(&format!("start_dt={first}")),
            "{case}: {}",
            call.query
        );
        assert!(
            call.query.contains(&format!("end_dt={today}")),
            "{case}: {}",
            call.query
        );
    }
}

#[tokio::test]
async fn an_sms_is_sent_found_listed_and_cancelled() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let iccid = world.iccids(&client, 1).await[0];
        let patch = SimPatch {
            connectivity: Some(Network::Offline),
            ..SimPatch::default()
        };
        world.control.patch_sim(&iccid.to_string(), &patch).await.unwrap();
        let sms = SmsSubmit {
            payload: "reboot".into(),
            source_address: Some("1000".into()),
            source_address_type: Some(AddressType::National),
            expires_at: Some(noon() + Duration::from_secs(3_600)),
            ..SmsSubmit::default()
        };
        let id = client.send_sms(LANE, iccid, &sms).await.unwrap().id.unwrap();
        let found = client.get_sms(LANE, iccid, &id).await.unwrap().unwrap();
        assert_eq!(
            (&found.id, found.payload.as_deref()),
            (&id, Some("reboot")),
            "{case}"
        );
        assert_eq!(found.direction, SmsDirection::Mt, "{case}");
        assert!(found.submitted_at.is_some(), "{case}: {:?}", found.extra);
        world
            .control
            .receive_sms(&iccid.to_string(), "temp=21")
            .await
            .unwrap();
        let page = client.list_sms(LANE, iccid, 1, 50).await.unwrap();
        assert!(page.rejects.is_empty(), "{case}: {:?}", page.rejects);
        let payloads: Vec<_> = page
            .messages
            .iter()
            .filter_map(|sms| sms.payload.as_deref())
            .collect();
        assert!(
            payloads.contains(&"reboot") && payloads.contains(&"temp=21"),
            "{case}: {payloads:?}"
        );
        let sized = world.calls("GET", "/sms").await;
        let name = match generations {
            Generations::V1Only => "pageSize=50",
            _ => "per_page=50",
        };
        assert!(sized.iter().any(|call| call.query.contains(name)), "{case}");
        client.cancel_sms(LANE, iccid, &id).await.unwrap();
        let unknown = once_client::model::SmsId("999999999".into());
        assert_eq!(
            client.get_sms(LANE, iccid, &unknown).await.unwrap(),
            None,
            "{case}"
        );
    }
}

#[tokio::test]
async fn events_of_both_generations_have_a_time_and_a_kind() {
    for (world, client, generations, mode) in worlds().await {
        let case = format!("{generations:?} {mode:?}");
        let iccid = world.iccids(&client, 1).await[0];
        client.reset_sim(LANE, iccid).await.unwrap();
        world.control.advance_time(60).await.unwrap();
        let page = client.events(LANE, iccid, 1, 1000).await.unwrap();
        assert!(page.rejects.is_empty(), "{case}: {:?}", page.rejects);
        assert!(!page.events.is_empty(), "{case}");
        for event in &page.events {
            assert!(!event.kind.description.is_empty(), "{case}: {event:?}");
            let has_id = event.id.is_some() && event.kind.id.is_some();
            assert_eq!(has_id, generations == Generations::V2Only, "{case}: {event:?}");
        }
        assert!(
            page.events.iter().any(|event| event.iccid == Some(iccid)),
            "{case}"
        );
    }
}
