//! The inventory in short, and SIMs that another service met first.

use messages::pb::sim::{Member, MembersRequest, TagList, UpdateSimRequest};
use messages::{ErrorCode, sim_rpc};

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
