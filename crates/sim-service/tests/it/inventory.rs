//! The inventory in short, and SIMs that another service met first.

use messages::pb::sim::{
    DiscoverRequest, DiscoverResponse, Member, MembersRequest, SyncStatusRequest, TagList, UpdateSimRequest,
};
use messages::{ErrorCode, sim_rpc};
use once_emulator::{CallFilter, Fault, FaultKind};
use test_support::eventually;

use crate::harness::TestApp;

/// Every member, read in pages of `limit`.
async fn members(app: &TestApp, limit: u32) -> Vec<Member> {
    let (mut members, mut after_iccid) = (Vec::<Member>::new(), String::new());
    loop {
        let request = MembersRequest { after_iccid, limit };
        let page = app.call::<sim_rpc::Members>(request).await.unwrap();
        assert!(page.members.len() <= limit as usize);
        members.extend(page.members);
        if !page.has_next {
            return members;
        }
        after_iccid = members.last().unwrap().iccid.clone();
    }
}

#[tokio::test]
async fn pages_hold_every_sim_once_with_its_tags_and_the_missing_ones() {
    let app = TestApp::start(25).await;
    app.sync().await;
    let fleet = app.all().await;
    let (tagged, gone) = (&fleet[3], &fleet[11]);
    let tags = vec!["a".to_owned(), "b".to_owned()];
    let request = UpdateSimRequest {
        iccid: tagged.iccid.clone(),
        tags: Some(TagList { tags: tags.clone() }),
        ..Default::default()
    };
    let revision = app.update(request).await.unwrap().revision;
    app.control().remove_sim(&gone.iccid).await.unwrap();
    app.sync().await;

    let read = members(&app, 10).await;

    let iccids: Vec<_> = read.iter().map(|member| &member.iccid).collect();
    assert_eq!(iccids, fleet.iter().map(|sim| &sim.iccid).collect::<Vec<_>>());
    let expected = Member {
        iccid: tagged.iccid.clone(),
        account: tagged.account.clone(),
        organization_id: tagged.organization_id.clone(),
        revision,
        tags,
        missing: false,
    };
    assert_eq!(read[3], expected);
    let missing: Vec<_> = read.iter().filter(|member| member.missing).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].iccid, gone.iccid);
}

#[tokio::test]
async fn a_page_of_large_members_is_cut_and_the_next_one_continues() {
    let app = TestApp::start(200).await;
    app.sync().await;
    // 8 KiB of tags each: 1.6 MiB, more than a message takes.
    sqlx::query(
        "INSERT INTO sim.sim_tags (tag, iccid, organization_id, list_status)
         SELECT n || repeat('x', 1000), iccid, organization_id, list_status FROM sim.sims, generate_series(1, 8) AS n",
    )
    .execute(&mut app.scope.connection().await)
    .await
    .unwrap();

    let read = members(&app, 2_000).await;

    assert_eq!(read.len(), 200);
    assert!(read.iter().all(|member| member.tags.len() == 8));
}

#[tokio::test]
async fn a_page_has_1_to_2000_members() {
    let app = TestApp::start(1).await;
    for limit in [0, 2_001] {
        let request = MembersRequest {
            limit,
            ..Default::default()
        };
        let refused = app.call::<sim_rpc::Members>(request).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Validation);
    }
}

async fn discover(app: &TestApp, iccids: &[String]) -> DiscoverResponse {
    let iccids = iccids.to_vec();
    app.call::<sim_rpc::Discover>(DiscoverRequest { iccids })
        .await
        .unwrap()
}

/// How often 1NCE was asked for one SIM.
async fn asked(app: &TestApp, iccid: &str) -> usize {
    let calls = app.control().calls(&CallFilter::default()).await.unwrap();
    calls.iter().filter(|call| call.path.contains(iccid)).count()
}

#[tokio::test]
async fn a_few_unknown_sims_are_read_one_by_one_and_announced_as_the_accounts() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let known = app.all().await[0].clone();
    let new = app.control().add_sims(2, None).await.unwrap();
    app.control().reset_calls().await.unwrap();
    let stranger = "8988999000000099999".to_owned();

    let wanted = [
        known.iccid.clone(),
        new[0].clone(),
        stranger.clone(),
        new[1].clone(),
    ];
    let answer = discover(&app, &wanted).await;

    assert_eq!(answer.looked_for, 3);
    assert_eq!(answer.known.len(), 1);
    assert_eq!(answer.known[0].iccid, known.iccid);
    assert_eq!(answer.known[0].organization_id, known.organization_id);
    for iccid in &new {
        let sim = eventually("the SIM is stored", || async { Ok(app.get(iccid, false).await?) }).await;
        assert_eq!(sim.organization_id, known.organization_id);
        assert_eq!((sim.account, sim.tags), (known.account.clone(), Vec::new()));
    }
    // Three of the fleet and the end of its sweep, then the two.
    let events = app.events(6).await;
    for iccid in &new {
        assert!(
            events.contains(&("sim.discovered".to_owned(), iccid.clone())),
            "{events:?}"
        );
    }
    assert!(app.get(&stranger, false).await.is_err());
    assert_eq!(discover(&app, &new).await.known.len(), 2);
}

#[tokio::test]
async fn a_sim_that_is_looked_for_is_not_looked_for_a_second_time() {
    let app = TestApp::start(1).await;
    app.sync().await;
    let new = app.control().add_sims(1, None).await.unwrap();
    let slow = Fault::new(FaultKind::Delay, &format!("/v2/sims/{}", new[0])).delay_ms(1_000);
    app.control().faults_add(&slow).await.unwrap();
    app.control().reset_calls().await.unwrap();

    for _ in 0..5 {
        discover(&app, &new).await;
    }

    eventually("the SIM is stored", || async {
        Ok(app.get(&new[0], false).await?)
    })
    .await;
    assert_eq!(asked(&app, &new[0]).await, 1);
}

#[tokio::test]
async fn many_unknown_sims_are_found_by_a_sweep() {
    let app = TestApp::start(3).await;
    app.sync().await;
    let new = app.control().add_sims(21, None).await.unwrap();

    assert_eq!(discover(&app, &new).await.looked_for, 21);

    eventually("all are known", || async {
        let known = discover(&app, &new).await.known.len();
        anyhow::ensure!(known == 21, "{known} are known");
        Ok(())
    })
    .await;
    let status = app
        .call::<sim_rpc::SyncStatus>(SyncStatusRequest {})
        .await
        .unwrap();
    assert_eq!(status.accounts[0].sims_known, 24);
    assert_eq!(asked(&app, &new[0]).await, 0, "by pages only");
}

#[tokio::test]
async fn a_question_names_at_most_1000_sims() {
    let app = TestApp::start(1).await;
    let iccids = vec!["8988999000000000017".to_owned(); 1_001];
    let refused = app.call::<sim_rpc::Discover>(DiscoverRequest { iccids }).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::Validation);
}
