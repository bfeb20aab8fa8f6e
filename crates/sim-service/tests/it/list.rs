use domain::{OrganizationId, Scope};
use messages::ErrorCode;
use messages::pb::sim::{ListSimsRequest, Sim, TagList, UpdateSimRequest};
use messages::sim_rpc;
use once_emulator::SimPatch;

use crate::harness::TestApp;

fn page(number: u32, size: u32) -> ListSimsRequest {
    ListSimsRequest {
        page: number,
        page_size: size,
        ..ListSimsRequest::default()
    }
}

fn iccids(sims: &[Sim]) -> Vec<String> {
    sims.iter().map(|sim| sim.iccid.clone()).collect()
}

#[tokio::test]
async fn pages_and_cursors_show_each_sim_once_in_every_order() {
    let app = TestApp::start(230).await;
    app.sync().await;
    for (sort, descending) in [
        ("iccid", false),
        ("iccid", true),
        ("label", false),
        ("status", true),
        ("created_at", false),
        ("updated_at", true),
    ] {
        let mut request = ListSimsRequest {
            sort_by: sort.into(),
            descending,
            ..page(1, 50)
        };
        let mut by_page = Vec::new();
        for number in 1..=5 {
            let answer = app
                .list(ListSimsRequest {
                    page: number,
                    ..request.clone()
                })
                .await
                .unwrap();
            assert_eq!((answer.total, answer.has_next), (230, number < 5), "{sort}");
            by_page.extend(iccids(&answer.sims));
        }
        let mut by_cursor = Vec::new();
        loop {
            let answer = app.list(request.clone()).await.unwrap();
            by_cursor.extend(iccids(&answer.sims));
            if answer.next_cursor.is_empty() {
                break;
            }
            request.cursor = answer.next_cursor;
        }
        assert_eq!(by_page, by_cursor, "{sort}");
        by_page.sort();
        by_page.dedup();
        assert_eq!(by_page.len(), 230, "{sort}");
    }
}

#[tokio::test]
async fn a_deep_page_is_found_by_rank_in_both_directions() {
    let app = TestApp::start(2_600).await;
    app.sync().await;
    let up = iccids(&app.list(page(26, 100)).await.unwrap().sims);
    let down = app
        .list(ListSimsRequest {
            descending: true,
            ..page(1, 100)
        })
        .await
        .unwrap();
    assert_eq!(up, iccids(&down.sims).into_iter().rev().collect::<Vec<_>>());
    let deep_down = app
        .list(ListSimsRequest {
            descending: true,
            ..page(26, 100)
        })
        .await
        .unwrap();
    let first = iccids(&app.list(page(1, 100)).await.unwrap().sims);
    assert_eq!(
        first,
        iccids(&deep_down.sims).into_iter().rev().collect::<Vec<_>>()
    );
    assert!(app.list(page(27, 100)).await.unwrap().sims.is_empty());
}

#[tokio::test]
async fn filters_by_status_tag_and_search_count_what_they_show() {
    let app = TestApp::start(60).await;
    app.sync().await;
    let all = app.all().await;
    let disabled = all.iter().filter(|sim| sim.status == "Disabled").count();
    let patch = SimPatch {
        label: Some("Pump_100%".into()),
        ..SimPatch::default()
    };
    app.control().patch_sim(&all[3].iccid, &patch).await.unwrap();
    app.sync().await;
    let tags = Some(TagList {
        tags: vec!["north".into()],
    });
    app.update(UpdateSimRequest {
        iccid: all[5].iccid.clone(),
        tags,
        ..Default::default()
    })
    .await
    .unwrap();

    let list = async |request| app.list(request).await.unwrap();
    let by_status = list(ListSimsRequest {
        status: "disabled".into(),
        ..page(1, 100)
    })
    .await;
    assert_eq!(
        (by_status.total as usize, by_status.sims.len()),
        (disabled, disabled)
    );
    let by_tag = list(ListSimsRequest {
        tag: "north".into(),
        ..page(1, 100)
    })
    .await;
    assert_eq!(
        (by_tag.total, iccids(&by_tag.sims)),
        (1, vec![all[5].iccid.clone()])
    );
    let by_search = list(ListSimsRequest {
        search: "pump_100%".into(),
        ..page(1, 100)
    })
    .await;
    assert_eq!(
        (by_search.total, iccids(&by_search.sims)),
        (1, vec![all[3].iccid.clone()])
    );
    let by_number = list(ListSimsRequest {
        search: all[9].iccid.clone(),
        ..page(1, 100)
    })
    .await;
    assert_eq!(iccids(&by_number.sims), vec![all[9].iccid.clone()]);
}

#[tokio::test]
async fn another_organization_sees_nothing() {
    let app = TestApp::start(5).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let scope = Some(Scope::Organization(OrganizationId(uuid::Uuid::new_v4())).into());

    let list = ListSimsRequest {
        scope: scope.clone(),
        ..page(1, 10)
    };
    let listed = app.call::<sim_rpc::ListSims>(list).await.unwrap();
    let get = messages::pb::sim::GetSimRequest {
        scope,
        iccid,
        refresh: false,
    };
    let read = app.call::<sim_rpc::GetSim>(get).await.unwrap_err();

    assert_eq!((listed.total, listed.sims.len()), (0, 0));
    assert_eq!(read.code, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_list_by_tag_follows_the_status_of_its_sims() {
    let app = TestApp::start(40).await;
    app.sync().await;
    let fleet = app.all().await;
    let enabled: Vec<&Sim> = fleet
        .iter()
        .filter(|sim| sim.status == "Enabled")
        .take(3)
        .collect();
    for sim in &enabled {
        let tags = Some(TagList {
            tags: vec!["field".into()],
        });
        app.update(UpdateSimRequest {
            iccid: sim.iccid.clone(),
            tags,
            ..Default::default()
        })
        .await
        .unwrap();
    }
    let disable = SimPatch {
        enabled: Some(false),
        ..SimPatch::default()
    };
    app.control()
        .patch_sim(&enabled[0].iccid, &disable)
        .await
        .unwrap();
    app.control().remove_sim(&enabled[1].iccid).await.unwrap();
    app.sync().await;

    let by = async |status: &str| {
        let request = ListSimsRequest {
            tag: "field".into(),
            status: status.into(),
            ..page(1, 100)
        };
        let answer = app.list(request).await.unwrap();
        assert_eq!(answer.total as usize, answer.sims.len());
        iccids(&answer.sims)
    };
    assert_eq!(by("").await, [enabled[0].iccid.clone(), enabled[2].iccid.clone()]);
    assert_eq!(by("Disabled").await, [enabled[0].iccid.clone()]);
    assert_eq!(by("Missing").await, [enabled[1].iccid.clone()]);
    let scope = Some(Scope::Organization(OrganizationId(uuid::Uuid::new_v4())).into());
    let foreign = ListSimsRequest {
        scope,
        tag: "field".into(),
        ..page(1, 100)
    };
    assert_eq!(app.call::<sim_rpc::ListSims>(foreign).await.unwrap().total, 0);
}

#[tokio::test]
async fn a_search_is_paged_alike_in_every_order() {
    let app = TestApp::start(120).await;
    app.sync().await;
    let all = app.all().await;
    let wanted = all
        .iter()
        .filter(|sim| {
            sim.label
                .as_deref()
                .is_some_and(|label| label.contains("tracker"))
        })
        .count();
    assert!(wanted > 10, "{wanted}");
    for sort in ["iccid", "label", "status", "created_at", "updated_at"] {
        let search = ListSimsRequest {
            search: "tracker".into(),
            sort_by: sort.into(),
            ..page(1, 100)
        };
        let whole = app.list(search.clone()).await.unwrap();
        assert_eq!(
            (whole.total as usize, whole.sims.len()),
            (wanted, wanted),
            "{sort}"
        );
        let (mut request, mut walked) = (
            ListSimsRequest {
                page_size: 4,
                ..search.clone()
            },
            Vec::new(),
        );
        loop {
            let answer = app.list(request.clone()).await.unwrap();
            walked.extend(iccids(&answer.sims));
            if answer.next_cursor.is_empty() {
                break;
            }
            request.cursor = answer.next_cursor;
        }
        assert_eq!(walked, iccids(&whole.sims), "{sort}");
        let second = app
            .list(ListSimsRequest {
                page: 2,
                page_size: 4,
                ..search
            })
            .await
            .unwrap();
        assert_eq!(iccids(&second.sims), walked[4..8], "{sort}");
    }
}

#[tokio::test]
async fn page_numbers_reach_ten_thousand_rows() {
    let app = TestApp::start(1).await;
    let by_label = |number| ListSimsRequest {
        sort_by: "label".into(),
        ..page(number, 100)
    };

    app.list(by_label(100)).await.unwrap();
    let refused = app.list(by_label(101)).await.unwrap_err();

    assert_eq!(refused.code, ErrorCode::Validation);
}

#[tokio::test]
async fn a_page_of_large_sims_is_cut_and_the_cursor_loses_none() {
    let app = TestApp::start(100).await;
    app.sync().await;
    sqlx::query("UPDATE sim.sims SET metadata = jsonb_build_object('text', repeat('x', 16000))")
        .execute(&mut app.scope.connection().await)
        .await
        .unwrap();

    let first = app.list(page(1, 100)).await.unwrap();
    let all = iccids(&app.all().await);

    assert!((20..50).contains(&first.sims.len()), "{}", first.sims.len());
    assert_eq!((first.total, first.has_next), (100, true));
    assert_eq!(all.len(), 100);
    assert!(all.is_sorted_by(|a, b| a < b), "each once, in order");
}
