use std::time::Duration;

use anyhow::{Context, ensure};
use once_emulator::EmulatorConfig;
use serde_json::{Value, json};
use test_support::eventually;
use tests_e2e::{Caller, Sandbox};

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    id: String,
    kind: String,
    data: Value,
}

/// Reads events until `enough` says so, or the stream ends.
async fn listen(
    caller: &Caller,
    query: &str,
    after: &str,
    enough: impl Fn(&[Told]) -> bool,
) -> anyhow::Result<Vec<Told>> {
    let mut request = caller.request("GET", &format!("/api/v1/events/stream{query}"));
    if !after.is_empty() {
        request = request.header("Last-Event-ID", after);
    }
    let mut answer = request.send().await?;
    ensure!(answer.status() == 200, "{}", answer.text().await?);
    let (mut told, mut text) = (Vec::new(), String::new());
    let reading = async {
        while let Some(chunk) = answer.chunk().await? {
            text.push_str(std::str::from_utf8(&chunk)?);
            while let Some((block, rest)) = text.split_once("\n\n") {
                told.extend(parse(block)?);
                text = rest.to_owned();
            }
            if enough(&told) {
                break;
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), reading)
        .await
        .context("nothing comes")??;
    Ok(told)
}

fn parse(block: &str) -> anyhow::Result<Option<Told>> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let (Some(data), Some(kind)) = (field("data:"), field("event:")) else {
        return Ok(None);
    };
    Ok(Some(Told {
        id: field("id:").unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        data: serde_json::from_str(data)?,
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_cut_off_by_kill_9_hears_everything_once() {
    let mut sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(12).without_limits(), &[]).await;
    sandbox.sync().await;
    let sims = sandbox.all_sims().await.unwrap();
    let admin = |sandbox: &Sandbox| Caller::with_key(&sandbox.simward().url, &sandbox.simward().key);
    let change = |sandbox: &Sandbox, place: usize| {
        let path = format!("/api/v1/sims/{}", sims[place]["iccid"].as_str().unwrap());
        let caller = admin(sandbox);
        async move {
            caller
                .ask("PUT", &path, json!({ "tags": [format!("t{place}")] }))
                .await
        }
    };
    let query = "?types=sim.config_updated";
    let first = {
        let caller = admin(&sandbox);
        let heard = tokio::spawn(async move { listen(&caller, query, "", |told| told.len() == 4).await });
        // The stream tells what happens from its beginning on; so change until it is heard.
        eventually("the stream is open", || async {
            let metrics = admin(&sandbox).get("/metrics").await?.text;
            let open = metrics
                .lines()
                .any(|line| line.starts_with("simward_live_streams") && !line.ends_with(" 0"));
            ensure!(open, "no stream yet");
            Ok(())
        })
        .await;
        for place in 0..4 {
            change(&sandbox, place).await.unwrap().expect(200).unwrap();
        }
        heard.await.unwrap().unwrap()
    };
    for place in 4..8 {
        change(&sandbox, place).await.unwrap().expect(200).unwrap();
    }
    sandbox.kill_and_restart().await;
    for place in 8..12 {
        change(&sandbox, place).await.unwrap().expect(200).unwrap();
    }

    let after = first.last().unwrap().id.clone();
    let rest = listen(&admin(&sandbox), query, &after, |told| told.len() >= 8)
        .await
        .unwrap();

    let heard: Vec<&str> = first
        .iter()
        .chain(&rest)
        .map(|told| told.data["iccid"].as_str().unwrap_or_default())
        .collect();
    let expected: Vec<&str> = sims.iter().map(|sim| sim["iccid"].as_str().unwrap()).collect();
    assert_eq!(heard, expected, "{rest:?}");
    assert!(
        first
            .iter()
            .chain(&rest)
            .all(|told| told.kind == "sim.config_updated")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_hears_of_its_own_sims_only_and_a_revoked_key_hears_no_more() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(4).without_limits(), &[]).await;
    sandbox.sync().await;
    let sims = sandbox.all_sims().await.unwrap();
    let admin = Caller::with_key(&sandbox.simward().url, &sandbox.simward().key);
    let (tenant, north) = admin.tenant("north").await.unwrap();
    let path = |place: usize| format!("/api/v1/sims/{}", sims[place]["iccid"].as_str().unwrap());
    let give = json!({ "organization_id": tenant });
    admin
        .ask("PUT", &path(2), give)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    for place in 0..4 {
        admin
            .ask("PUT", &path(place), json!({ "tags": ["x"] }))
            .await
            .unwrap()
            .expect(200)
            .unwrap();
    }

    // From the first event that is kept.
    let listening = tokio::spawn(async move { listen(&north, "?last_event_id=0", "", |_| false).await });
    let me = admin.get("/api/v1/api-keys").await.unwrap();
    let key = me.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "north")
        .unwrap()
        .clone();
    eventually("the stream is open", || async {
        let metrics = admin.get("/metrics").await?.text;
        let open = metrics
            .lines()
            .any(|line| line.starts_with("simward_live_streams") && !line.ends_with(" 0"));
        ensure!(open, "no stream yet");
        Ok(())
    })
    .await;
    let gone = admin
        .send(admin.request(
            "DELETE",
            &format!("/api/v1/api-keys/{}", key["id"].as_str().unwrap()),
        ))
        .await;
    assert!(gone.unwrap().status < 300);

    let told = listening.await.unwrap().unwrap();
    let (end, events) = told.split_last().unwrap();
    assert_eq!(
        (end.kind.as_str(), &end.data["reason"]),
        ("closed", &json!("credentials")),
        "{told:?}"
    );
    assert!(!events.is_empty(), "{told:?}");
    for event in events {
        assert_eq!(
            (&event.data["iccid"], &event.data["organization_id"]),
            (&sims[2]["iccid"], &json!(tenant))
        );
    }
}
