use std::collections::HashMap;

use domain::{OrganizationId, Scope};
use gateway::Permission;
use messages::pb::sim::Sim;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{App, send, sim, until};

const EXPORT: &str = "/api/v1/sims/export";

fn iccid(number: usize) -> String {
    format!("89880000000000{number:05}")
}

async fn app(sims: usize) -> (App, String) {
    let app = App::start().await;
    for number in 0..sims {
        app.world.sims.put(sim(&iccid(number), 1, "pump"));
    }
    let key = app
        .world
        .key_for(&[Permission::ReadSims, Permission::WriteSims], None)
        .await;
    (app, key)
}

fn rows(text: &str) -> Vec<HashMap<String, String>> {
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    csv.deserialize().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_exported_a_page_at_a_time_in_order() {
    let (app, key) = app(5000).await;
    app.world.sims.state().answer_limit = Some(700);

    let answer = app.gateway.get(EXPORT, &key).await.expect(200);

    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"sims.csv\""
    );
    let found: Vec<String> = rows(&answer.text)
        .iter()
        .map(|row| row["iccid"].clone())
        .collect();
    assert_eq!(found, (0..5000).map(iccid).collect::<Vec<_>>());
    let lists = app.world.sims.state().lists.clone();
    assert_eq!(lists.len(), 8);
    assert!(
        lists
            .iter()
            .all(|list| list.page_size == 1000 && list.sort_by == "iccid" && !list.descending)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_never_taken_for_the_whole() {
    let (app, key) = app(5000).await;
    app.world.sims.state().lost_behind = Some(iccid(2999));
    let get = || app.gateway.request("GET", EXPORT).header("X-API-Key", &key);

    let mut broken = get().send().await.unwrap();
    assert_eq!(broken.status(), 200);
    let mut text = Vec::new();
    let end = loop {
        match broken.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            end => break end,
        }
    };
    assert!(end.is_err(), "a part was taken for the whole");
    assert_eq!(rows(std::str::from_utf8(&text).unwrap()).len(), 3000);

    // Before the first byte it is an answer like any other.
    app.world.sims.state().lost_behind = Some(String::new());
    send(get()).await.expect(500);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_the_filters_of_the_list_and_its_tenants() {
    let (app, key) = app(1).await;
    let other = app.world.organization().await;
    let query = format!("{EXPORT}?status=Enabled&tag=north&search=017&organization_id={other}");
    app.gateway.get(&query, &key).await.expect(200);
    let asked = app.world.sims.state().lists.pop().unwrap();
    assert_eq!(
        (asked.status.as_str(), asked.tag.as_str(), asked.search.as_str()),
        ("Enabled", "north", "017")
    );
    assert_eq!(asked.scope, Some(Scope::Organization(other).into()));

    let bad = format!("{EXPORT}?page=1&page_size=10&cursor=c&sort_by=label&status=on");
    let answer = app.gateway.get(&bad, &key).await.expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"]
            .as_array()
            .unwrap()
            .len(),
        5
    );

    let own = OrganizationId::DEFAULT;
    let tenant = app.world.key_for(&[Permission::ReadSims], Some(own)).await;
    app.gateway.get(&query, &tenant).await.expect(403);
    app.gateway.get(EXPORT, &tenant).await.expect(200);
    let asked = app.world.sims.state().lists.pop().unwrap();
    assert_eq!(asked.scope, Some(Scope::Organization(own).into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_imported_changes_nothing() {
    let (app, key) = app(0).await;
    let labels = [
        "=cmd()",
        "+49",
        "'-quoted",
        "two, \"cells\"",
        "日本 💡",
        "plain; semi",
        "",
    ];
    let sims: Vec<Sim> = labels
        .iter()
        .enumerate()
        .map(|(number, label)| Sim {
            tags: vec!["@home".into(), r"a|b\".into(), "x;y".into()],
            metadata_json: json!({ "line": "one\ntwo", "cell": label }).to_string(),
            ..sim(&iccid(number), 1, label)
        })
        .collect();
    for sim in &sims {
        app.world.sims.put(sim.clone());
    }

    let file = app.gateway.get(EXPORT, &key).await.expect(200).text;
    let request = app
        .gateway
        .request("POST", "/api/v1/sims/import")
        .header("X-API-Key", &key);
    send(request.header("Content-Type", "text/csv").body(file))
        .await
        .expect(202);

    let jobs = app.world.sims.jobs();
    let lines = jobs.lines();
    assert_eq!(lines.len(), sims.len());
    for (line, sim) in lines.into_iter().zip(&sims) {
        let change = line.change.as_ref().unwrap_or_else(|| panic!("{}", line.error));
        assert_eq!((&line.iccid, &change.label), (&sim.iccid, &sim.label));
        assert_eq!(change.tags.as_ref().unwrap().tags, sim.tags);
        assert_eq!(change.metadata_json.as_ref(), Some(&sim.metadata_json));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_is_not_read_ahead_for() {
    let (app, key) = app(0).await;
    // 20,000 SIMs are far more than the sockets' buffers hold.
    for number in 0..20_000 {
        app.world.sims.put(Sim {
            metadata_json: json!({ "k": "x".repeat(2000) }).to_string(),
            ..sim(&iccid(number), 1, "pump")
        });
    }
    app.world.sims.state().answer_limit = Some(100);
    let mut stream = TcpStream::connect(app.gateway.addr).await.unwrap();
    let head = format!("GET {EXPORT} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = vec![0; 1024];
    assert!(stream.read(&mut text).await.unwrap() > 0);
    // The number of pages comes to rest before the end.
    let mut seen = 0;
    until("pages are asked for without end", async || {
        let before = std::mem::replace(&mut seen, app.world.sims.state().lists.len());
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        if before == seen && app.world.sims.state().lists.len() == seen {
            Ok(())
        } else {
            Err(seen)
        }
    })
    .await;
    assert!(seen < 150, "{seen} of 200 pages were read ahead");
}
