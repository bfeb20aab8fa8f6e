use messages::ErrorCode;
use messages::pb::sim::{TagList, UpdateSimRequest};
use once_emulator::{CallFilter, Fault, FaultKind, SimPatch};

use crate::harness::TestApp;

#[tokio::test]
async fn a_change_reaches_1nce_and_is_announced_with_who_asked() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();

    let request = UpdateSimRequest {
        iccid: iccid.clone(),
        label: Some("pump-17".into()),
        ..Default::default()
    };
    let sim = app.update(request).await.unwrap();

    assert_eq!((sim.label.as_deref(), sim.revision), (Some("pump-17"), 2));
    assert_eq!(
        app.control().sim(&iccid).await.unwrap().label.as_deref(),
        Some("pump-17")
    );
    let events = app.events(5).await;
    assert_eq!(events.last(), Some(&("sim.config_updated".to_owned(), iccid)));
}

#[tokio::test]
async fn a_label_change_keeps_a_lock_that_was_set_at_1nce_since_the_last_sweep() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    app.control()
        .config(&serde_json::json!({ "put_resets_imei_lock": true }))
        .await
        .unwrap();
    let locked = SimPatch {
        imei_lock: Some(true),
        ..SimPatch::default()
    };
    app.control().patch_sim(&iccid, &locked).await.unwrap();

    let request = UpdateSimRequest {
        iccid: iccid.clone(),
        label: Some("kept".into()),
        ..Default::default()
    };
    let sim = app.update(request).await.unwrap();

    assert_eq!(sim.imei_lock, Some(true));
    assert!(app.control().sim(&iccid).await.unwrap().imei_lock);
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_effect_is_settled_by_reading() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let lost = Fault::new(FaultKind::CutAfterEffect, "/").method("PUT").times(1);
    app.control().faults_add(&lost).await.unwrap();

    let request = UpdateSimRequest {
        iccid: iccid.clone(),
        status: Some("Disabled".into()),
        ..Default::default()
    };
    let sim = app.update(request).await.unwrap();

    assert_eq!(sim.status, "Disabled");
    assert!(!app.control().sim(&iccid).await.unwrap().enabled);
}

#[tokio::test]
async fn while_1nce_is_down_local_fields_still_change_and_others_say_why_not() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    app.control().reset_calls().await.unwrap();
    app.control()
        .faults_add(&Fault::new(FaultKind::Down, "/"))
        .await
        .unwrap();

    let tags = Some(TagList {
        tags: vec!["b".into(), "a".into(), "b".into()],
    });
    let metadata_json = Some(r#"{"site":4}"#.to_owned());
    let local = UpdateSimRequest {
        iccid: iccid.clone(),
        tags,
        metadata_json,
        ..Default::default()
    };
    let sim = app.update(local).await.unwrap();
    let remote = UpdateSimRequest {
        iccid: iccid.clone(),
        label: Some("x".into()),
        ..Default::default()
    };
    let refused = app.update(remote).await.unwrap_err();

    assert_eq!(
        (sim.tags, sim.metadata_json),
        (vec!["a".to_owned(), "b".to_owned()], r#"{"site":4}"#.to_owned())
    );
    assert_eq!(refused.code, ErrorCode::Upstream, "{refused:?}");
    let calls = app.control().calls(&CallFilter::default()).await.unwrap();
    assert!(
        calls.iter().all(|call| call.method != "PUT"),
        "the reading before the write already failed"
    );
}

#[tokio::test]
async fn refresh_reads_1nce_and_stores_what_it_says() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let patch = SimPatch {
        label: Some("fresh".into()),
        ..SimPatch::default()
    };
    app.control().patch_sim(&iccid, &patch).await.unwrap();

    assert_ne!(
        app.get(&iccid, false).await.unwrap().label.as_deref(),
        Some("fresh")
    );
    assert_eq!(
        app.get(&iccid, true).await.unwrap().label.as_deref(),
        Some("fresh")
    );
    assert_eq!(
        app.get(&iccid, false).await.unwrap().label.as_deref(),
        Some("fresh")
    );
}

#[tokio::test]
async fn a_change_that_outlasts_its_callers_patience_is_still_finished() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let slow = Fault::new(FaultKind::Delay, "/")
        .method("PUT")
        .times(1)
        .delay_ms(1_500);
    app.control().faults_add(&slow).await.unwrap();

    let tags = Some(TagList {
        tags: vec!["late".into()],
    });
    let label = Some("late".to_owned());
    let scope = Some(domain::Scope::All.into());
    let request = UpdateSimRequest {
        scope,
        iccid: iccid.clone(),
        label,
        tags,
        ..Default::default()
    };
    let patience = std::time::Duration::from_millis(500);
    let impatient = app
        .shared
        .bus
        .call::<messages::sim_rpc::UpdateSim>(&request, patience, "test")
        .await;

    // Both ends watch the deadline. When the service notices first, its answer has the word of a missing server.
    let code = impatient.unwrap_err().code;
    assert!(
        matches!(code, ErrorCode::DeadlineExceeded | ErrorCode::Unavailable),
        "{code:?}"
    );
    test_support::eventually("the change is stored with its tags", || async {
        let sim = app.get(&iccid, false).await?;
        anyhow::ensure!(
            sim.label.as_deref() == Some("late") && sim.tags == ["late"],
            "{sim:?}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_sim_that_moves_to_another_organization_stays_there_and_takes_its_tags_and_counts_along() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let tags = Some(TagList {
        tags: vec!["roof".into()],
    });
    let owner = domain::OrganizationId(uuid::Uuid::from_u128(7));
    let target = owner.to_string();
    let moving = UpdateSimRequest {
        iccid: iccid.clone(),
        organization_id: Some(target.clone()),
        tags,
        ..Default::default()
    };

    let moved = app.update(moving).await.unwrap();
    app.sync().await;

    assert_eq!(
        (moved.organization_id.as_str(), moved.revision),
        (target.as_str(), 2)
    );
    assert_eq!(app.get(&iccid, false).await.unwrap().organization_id, target);
    for (organization, tag, expected) in [
        (owner, "", 1),
        (owner, "roof", 1),
        (domain::OrganizationId::DEFAULT, "", 2),
        (domain::OrganizationId::DEFAULT, "roof", 0),
    ] {
        let request = messages::pb::sim::ListSimsRequest {
            scope: Some(domain::Scope::Organization(organization).into()),
            page: 1,
            page_size: 1_000,
            tag: tag.into(),
            ..Default::default()
        };
        let page = app.call::<messages::sim_rpc::ListSims>(request).await.unwrap();
        assert_eq!((page.total, page.sims.len()), (expected, expected as usize));
    }
    let events = app.events(3 + 1 + 1 + 1).await;
    let told = events
        .iter()
        .filter(|(word, sim)| word == "sim.config_updated" && *sim == iccid);
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn an_organization_cannot_give_its_sims_away() {
    let app = TestApp::start(1).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let request = UpdateSimRequest {
        scope: Some(domain::Scope::Organization(domain::OrganizationId::DEFAULT).into()),
        iccid: iccid.clone(),
        organization_id: Some(uuid::Uuid::from_u128(7).to_string()),
        ..Default::default()
    };

    let refused = app
        .call::<messages::sim_rpc::UpdateSim>(request)
        .await
        .unwrap_err();

    assert_eq!(refused.code, ErrorCode::Validation);
    assert_eq!(refused.fields[0].0, "organization_id");
    assert_eq!(app.get(&iccid, false).await.unwrap().revision, 1);
}

#[tokio::test]
async fn numbers_of_any_size_come_back_as_they_were_and_leave_the_sim_readable() {
    let app = TestApp::start(1).await;
    app.sync().await;
    let iccid = app.all().await[0].iccid.clone();
    let metadata = serde_json::json!({
        "largest": f64::MAX, "smallest": -1.112_536_929_253_600_7e-308, "long": 3.800_136_633_028_295_5e88,
        "tenth": 0.1, "id": u64::MAX, "below": i64::MIN,
    });

    let request = UpdateSimRequest {
        iccid,
        metadata_json: Some(metadata.to_string()),
        ..Default::default()
    };
    app.update(request).await.unwrap();

    let stored: serde_json::Value = serde_json::from_str(&app.all().await[0].metadata_json).unwrap();
    assert_eq!(stored, metadata);
}
