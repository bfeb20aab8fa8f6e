use gateway::Permission;
use messages::ErrorCode;
use messages::pb::sim::create_job_request::Work;
use service_runtime::bus::RpcError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bulk::audited;
use crate::harness::{Answer, App, ICCID, send, until};

const IMPORT: &str = "/api/v1/sims/import";
const MEBIBYTE: usize = 1024 * 1024;

async fn app() -> (App, String) {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::WriteSims], None).await;
    (app, key)
}

fn request(app: &App, key: &str, path: &str) -> reqwest::RequestBuilder {
    let request = app.gateway.request("POST", path).header("X-API-Key", key);
    request.header("Content-Type", "text/csv; charset=utf-8")
}

async fn import(app: &App, key: &str, file: impl Into<reqwest::Body>) -> Answer {
    send(request(app, key, IMPORT).body(file)).await
}

fn file(lines: usize) -> String {
    format!("iccid,label\n{}", format!("{ICCID},pump\n").repeat(lines))
}

fn states(app: &App) -> Vec<String> {
    let jobs = app.world.sims.jobs();
    jobs.jobs.values().map(|job| job.status.clone()).collect()
}

fn actions(rows: &[(String, String, serde_json::Value)]) -> Vec<&str> {
    rows.iter().map(|(action, _, _)| action.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_a_job_of_its_lines() {
    let (app, key) = app().await;
    let body = format!("iccid;label;tags\n{ICCID};pump;a|b\n17;x;\n");
    let path = format!("{IMPORT}?dry_run=true&source=fleet.csv");
    let answer = send(request(&app, &key, &path).body(body)).await.expect(202);

    let data = &answer.body["data"];
    let id = data["job_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (data["kind"].as_str(), data["status"].as_str()),
        (Some("sims.import"), Some("queued"))
    );
    {
        let jobs = app.world.sims.jobs();
        let create = &jobs.creates[0];
        assert_eq!((create.job_id.as_str(), create.dry_run), (id.as_str(), true));
        let Some(Work::Import(work)) = &create.work else {
            panic!("{create:?}")
        };
        assert_eq!(work.source, "fleet.csv");
        let lines = jobs.lines();
        assert_eq!(lines[0].change.as_ref().unwrap().label.as_deref(), Some("pump"));
        assert_eq!((lines[1].line, lines[1].iccid.as_str()), (2, "17"));
        assert!(lines[1].error.contains("iccid"), "{}", lines[1].error);
        assert_eq!(
            (jobs.submits[0].job_id.as_str(), jobs.submits[0].items),
            (id.as_str(), 2)
        );
    }
    let rows = audited(&app).await;
    assert_eq!(actions(&rows), ["sims.import"]);
    assert_eq!(rows[0].1, id);
    let expected =
        serde_json::json!({ "source": "fleet.csv", "dry_run": true, "columns": ["label", "tags"] });
    assert_eq!(rows[0].2, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_travel_in_portions_of_the_callers_scope() {
    let (app, _) = app().await;
    let own = app.world.organization().await;
    let tenant = app.world.key_for(&[Permission::WriteSims], Some(own)).await;
    import(&app, &tenant, file(1201)).await.expect(202);
    let jobs = app.world.sims.jobs();
    let portions: Vec<usize> = jobs.items.iter().map(|request| request.lines.len()).collect();
    assert_eq!(portions, [500, 500, 201]);
    let numbers: Vec<u32> = jobs.lines().iter().map(|line| line.line).collect();
    assert_eq!(numbers, (1..=1201).collect::<Vec<_>>());
    let scopes = jobs.items.iter().map(|request| request.scope.as_ref());
    let scopes = scopes.chain([jobs.creates[0].scope.as_ref(), jobs.submits[0].scope.as_ref()]);
    for scope in scopes {
        assert_eq!(scope, Some(&domain::Scope::Organization(own).into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_sims_makes_no_job() {
    let (app, key) = app().await;
    let kinds = [None, Some("application/json"), Some("text/csv; charset=latin1")];
    for kind in kinds {
        let mut request = app
            .gateway
            .request("POST", IMPORT)
            .header("X-API-Key", &key)
            .body(file(1));
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        let answer = send(request).await.expect(415);
        assert_eq!(answer.code(), "UNSUPPORTED_MEDIA_TYPE", "{kind:?}");
    }
    for body in ["", "iccid\n", "label\nx\n", "iccid,colour\n1,red\n"] {
        let answer = import(&app, &key, body).await.expect(422);
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{body:?}");
    }
    let answer = import(&app, &key, "iccid,colour,label,size\n1,red,x,7\n")
        .await
        .expect(422);
    let fields = answer.body["error"]["details"]["fields"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        (&fields[0]["field"], &fields[1]["field"]),
        (&"colour".into(), &"size".into())
    );
    let path = format!("{IMPORT}?dry_run=yes&colour=red&source={}", "x".repeat(256));
    let answer = send(request(&app, &key, &path).body(file(1))).await.expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert!(app.world.sims.jobs().creates.is_empty());
    assert!(audited(&app).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_lines_are_the_limit() {
    let (app, key) = app().await;
    import(&app, &key, file(200_000)).await.expect(202);
    assert_eq!(app.world.sims.jobs().submits[0].items, 200_000);
    let answer = import(&app, &key, file(200_001)).await.expect(422);
    assert_eq!(
        answer.body["error"]["details"]["fields"][0]["reason"],
        "has at most 200000 lines"
    );
    let mut states = states(&app);
    states.sort();
    assert_eq!(states, ["cancelled", "queued"]);
}

/// A file of this many bytes.
fn large(bytes: usize) -> Vec<u8> {
    let mut file = file(1).into_bytes();
    let label = 250;
    while file.len() + label + ICCID.len() + 2 <= bytes {
        file.extend_from_slice(format!("{ICCID},{}\n", "x".repeat(label)).as_bytes());
    }
    file.resize(bytes, b'\n');
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_mebibytes_are_the_limit() {
    let (app, key) = app().await;
    import(&app, &key, large(16 * MEBIBYTE)).await.expect(202);
    // Announced it is refused before the first byte.
    let file = large(16 * MEBIBYTE + 1);
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    let mut client = TcpStream::connect(app.gateway.addr).await.unwrap();
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let length = client.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 413"));
    assert_eq!(states(&app), ["queued"]);
    // Without an announced length it is found on the way, and nothing is carried out.
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n",
        file.len()
    );
    let (mut answers, mut client) = TcpStream::connect(app.gateway.addr).await.unwrap().into_split();
    // The last bytes stay unsent: the answer does not wait for them.
    let sent = async {
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&file).await.unwrap();
        client
    };
    let mut answer = vec![0; 1024];
    let (_client, length) = tokio::join!(sent, answers.read(&mut answer));
    assert!(answer[..length.unwrap()].starts_with(b"HTTP/1.1 413"));
    let mut states = states(&app);
    states.sort();
    assert_eq!(states, ["cancelled", "queued"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_in_the_middle_changes_nothing() {
    let (app, key) = app().await;
    let mut client = TcpStream::connect(app.gateway.addr).await.unwrap();
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: text/csv\r\nContent-Length: 9000000\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(file(2000).as_bytes()).await.unwrap();
    until("lines arrive while the file is on its way", async || {
        match app.world.sims.jobs().items.len() {
            0 => Err(0),
            _ => Ok(()),
        }
    })
    .await;
    assert_eq!(states(&app), ["uploading"]);

    drop(client);

    until("the upload is cancelled", async || match states(&app) {
        states if states == ["cancelled"] => Ok(()),
        states => Err(states),
    })
    .await;
    assert!(app.world.sims.jobs().submits.is_empty());
    assert_eq!(actions(&audited(&app).await), ["sims.import", "job.cancel"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_whose_answer_was_lost_are_sent_again_and_a_refusal_ends_it() {
    let (app, key) = app().await;
    let lost = RpcError::new(ErrorCode::DeadlineExceeded, "no answer in time");
    app.world.sims.jobs().item_errors = vec![lost.clone()];
    import(&app, &key, file(3)).await.expect(202);
    assert_eq!(app.world.sims.jobs().lines().len(), 3);

    // The job began although nobody heard of it.
    app.world.sims.jobs().submit_error = Some(lost.clone());
    let answer = import(&app, &key, file(3)).await.expect(202);
    assert_eq!(answer.body["data"]["status"], "queued");

    let refusal = RpcError::new(ErrorCode::Conflict, "the job takes no lines any more");
    for errors in [vec![lost.clone(), lost], vec![refusal]] {
        app.world.sims.jobs().jobs.clear();
        let status = if errors.len() == 1 { 409 } else { 503 };
        app.world.sims.jobs().item_errors = errors;
        import(&app, &key, file(3)).await.expect(status);
        assert_eq!(states(&app), ["cancelled"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_be_written_down_is_not_asked_for() {
    let (app, key) = app().await;
    let refused = RpcError::new(ErrorCode::Conflict, "the job exists with another request");
    app.world.sims.jobs().error = Some(refused);
    import(&app, &key, file(3)).await.expect(409);
    assert!(app.world.sims.jobs().controls.is_empty());
    assert_eq!(
        actions(&audited(&app).await),
        ["sims.import", "sims.import_failed"]
    );
    app.world.sims.jobs().error = None;
    let rename = "ALTER TABLE gateway.audit_log RENAME TO hidden";
    app.world.as_owner(rename).await.unwrap();
    import(&app, &key, file(3)).await.expect(503);
    assert!(app.world.sims.jobs().creates.is_empty());
}
