use std::net::TcpListener;
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use once_emulator::{EmulatorConfig, StreamConfig, StreamState, StreamTruth};
use serde_json::{Value, json};
use sqlx::Row;
use test_support::{DATASTREAMER, eventually, eventually_within};
use tests_e2e::{Sandbox, UsageBooks};

const LONG: Duration = Duration::from_secs(240);
/// How far before the sandbox's start the streams begin.
const HISTORY: TimeDelta = TimeDelta::hours(54);

/// A port that is free now; a process that was killed comes back to the stream's URL.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn stream(address: &str) -> StreamConfig {
    StreamConfig {
        url: format!("http://{address}/datastreamer/v1"),
        user: Some(DATASTREAMER.0.to_owned()),
        password: Some(DATASTREAMER.1.to_owned()),
        // It begins before the midnight from which on the books are compared.
        history_seconds: HISTORY.num_seconds(),
        retry_ms: 50,
        // A busy machine takes its time for 3,000 records; who is dead refuses at once.
        timeout_ms: 60_000,
        ..StreamConfig::default()
    }
}

/// The day after the one in which a stream of [`stream`] begins.
fn first_day(sandbox: &Sandbox) -> NaiveDate {
    (sandbox.start - HISTORY).date_naive() + TimeDelta::days(1)
}

/// Begins a stream of [`stream`]; answers its id and how many records of the past it has to send.
async fn begin(sandbox: &Sandbox, config: &StreamConfig) -> (u64, u64) {
    let before = sandbox.once().time().await.unwrap().now;
    let id = sandbox.once().create_stream(config).await.unwrap();
    let after: DateTime<Utc> = sandbox.once().time().await.unwrap().now.parse().unwrap();
    let from = (after - HISTORY).to_rfc3339_opts(SecondsFormat::Millis, true);
    let truth = sandbox.once().usage_truth(&from, &before).await.unwrap();
    (id, truth.iter().map(|day| day.records).sum())
}

/// Waits until the stream has sent what is due now.
async fn caught_up(sandbox: &Sandbox, id: u64) -> StreamTruth {
    let now = sandbox.once().time().await.unwrap().now;
    eventually_within(LONG, "the stream has caught up", || async {
        let stream = sandbox.once().stream(id).await?;
        ensure!(stream.position >= now, "{stream:?}");
        Ok(stream)
    })
    .await
}

async fn balanced(sandbox: &Sandbox, id: u64) -> UsageBooks {
    eventually_within(LONG, "the books of usage balance", || async {
        let books = UsageBooks::read(sandbox, id, first_day(sandbox)).await?;
        books.balance()?;
        Ok(books)
    })
    .await
}

#[tokio::test]
async fn traffic_is_stored_once_while_each_server_and_the_receiver_die_under_it() {
    let address = free_address();
    let settings = [
        ("SIMWARD_INGEST_LISTEN", address.as_str()),
        ("SIMWARD__USAGE__LEASE_SECONDS", "2"),
    ];
    let emulator = EmulatorConfig::default().with_fleet(400).without_limits();
    let mut sandbox = Sandbox::start_on_own_servers(emulator, &settings).await;
    sandbox.first_sync().await;
    let config = StreamConfig {
        batch_size: 100,
        rate: 300,
        duplicates: 0.2,
        disorder: 0.2,
        garbage: 0.1,
        gzip: true,
        max_failures: 0,
        ..stream(&address)
    };
    let (id, backlog) = begin(&sandbox, &config).await;

    let blows = ["postgres", "nats", "redis", "simward"];
    let parts = blows.len() as u64 + 1;
    for (part, server) in (1..).zip(blows) {
        let stream = eventually_within(LONG, "the stream reaches the next blow", || async {
            let stream = sandbox.once().stream(id).await?;
            ensure!(stream.acked >= backlog * part / parts, "{stream:?}");
            Ok(stream)
        })
        .await;
        assert!(stream.acked < backlog, "{server} dies under traffic: {stream:?}");
        match (server, &sandbox.stack) {
            ("simward", _) => sandbox.kill_and_restart().await,
            (server, Some(stack)) => {
                stack.kill(server).await;
                stack.start(server).await;
            }
            (_, None) => unreachable!("the journey has servers of its own"),
        }
    }

    let stream = caught_up(&sandbox, id).await;
    balanced(&sandbox, id).await;
    assert!(stream.acked >= backlog, "{backlog} records: {stream:?}");
    assert!(
        stream.duplicates_sent > 0 && stream.garbage_sent > 0,
        "{stream:?}"
    );
    let rejects = sandbox.simward().get("/api/v1/ingest/rejects").await.unwrap();
    assert!(!rejects["data"].as_array().unwrap().is_empty(), "garbage is kept");
}

#[tokio::test]
async fn a_receiver_that_was_down_for_six_hours_misses_nothing() {
    let address = free_address();
    let settings = [
        ("SIMWARD_INGEST_LISTEN", address.as_str()),
        ("SIMWARD__USAGE__LEASE_SECONDS", "2"),
    ];
    let emulator = EmulatorConfig::default().with_fleet(200).without_limits();
    let mut sandbox = Sandbox::start(emulator, &settings).await;
    sandbox.first_sync().await;
    let config = StreamConfig {
        max_failures: 3,
        ..stream(&address)
    };
    let id = sandbox.once().create_stream(&config).await.unwrap();
    caught_up(&sandbox, id).await;
    let before = balanced(&sandbox, id).await.records();

    sandbox.processes[0].kill();
    sandbox.once().advance_time(6 * 3600).await.unwrap();
    eventually("the stream has failed", || async {
        let stream = sandbox.once().stream(id).await?;
        ensure!(stream.state == StreamState::Failed, "{stream:?}");
        Ok(())
    })
    .await;
    sandbox.kill_and_restart().await;
    sandbox.once().restart_stream(id).await.unwrap();

    caught_up(&sandbox, id).await;
    let after = balanced(&sandbox, id).await.records();
    assert!(after > before, "{after} records, and {before} before");
}

#[tokio::test]
async fn what_1nce_does_not_send_again_comes_from_its_api() {
    let address = free_address();
    let settings = [("SIMWARD_INGEST_LISTEN", address.as_str())];
    let emulator = EmulatorConfig::default().with_fleet(60).without_limits();
    let mut sandbox = Sandbox::start(emulator, &settings).await;
    sandbox.first_sync().await;
    let config = StreamConfig {
        max_failures: 3,
        keeps_backlog: false,
        // So slow that the day is not over when the process dies.
        batch_size: 5,
        rate: 40,
        ..stream(&address)
    };
    let id = sandbox.once().create_stream(&config).await.unwrap();
    eventually_within(LONG, "some of the first day has come", || async {
        let stream = sandbox.once().stream(id).await?;
        ensure!(
            stream.position > format!("{}T03", first_day(&sandbox)),
            "{stream:?}"
        );
        let mut db = sandbox.scope.connection().await;
        let stored = sqlx::query("SELECT 1 FROM usage.sim_usage")
            .fetch_optional(&mut db)
            .await?;
        ensure!(stored.is_some(), "no record is stored");
        Ok(())
    })
    .await;
    sandbox.processes[0].kill();
    eventually("the stream has failed", || async {
        let stream = sandbox.once().stream(id).await?;
        ensure!(stream.state == StreamState::Failed, "{stream:?}");
        Ok(())
    })
    .await;
    sandbox.kill_and_restart().await;
    sandbox.once().restart_stream(id).await.unwrap();
    caught_up(&sandbox, id).await;

    let (status, body) = sandbox
        .simward()
        .request(
            "POST",
            "/api/v1/sync/usage",
            Some(json!({ "start_date": first_day(&sandbox) })),
        )
        .await
        .unwrap();

    assert_eq!(
        (status, body["data"]["sims_queued"].as_u64()),
        (202, Some(60)),
        "{body}"
    );
    eventually_within(LONG, "every closed day is whole", || async {
        whole(&sandbox).await
    })
    .await;
    let differing = sandbox.simward().get("/api/v1/usage/differences").await.unwrap();
    assert!(
        differing["data"].as_array().unwrap().iter().any(|day| {
            day["explanation"]
                .as_str()
                .is_some_and(|text| text.contains("missing in the stream"))
        }),
        "{differing}"
    );
}

/// Whether what counts as used on each closed day is what the devices used, but for rounding: once per record here, and
/// up to a KB per session at 1NCE.
async fn whole(sandbox: &Sandbox) -> anyhow::Result<()> {
    let today = sandbox.start.date_naive();
    let (from, to) = (
        format!("{}T00:00:00.000Z", first_day(sandbox)),
        format!("{today}T00:00:00.000Z"),
    );
    let mut db = sandbox.scope.connection().await;
    let (mut days, mut by_api) = (0, 0);
    for truth in sandbox.once().usage_truth(&from, &to).await? {
        if truth.day == today.to_string() || truth.total_bytes == 0 {
            continue;
        }
        let row = sqlx::query(
            "SELECT used_total, data_by_api FROM usage.sim_usage_daily WHERE iccid = $1 AND day = $2::text::date",
        )
        .bind(truth.iccid.parse::<i64>()?)
        .bind(&truth.day)
        .fetch_optional(&mut db)
        .await?;
        let (used, from_api): (i64, bool) = row.map_or((0, false), |row| (row.get(0), row.get(1)));
        let rounding = 1025 * i64::try_from(truth.records)?;
        ensure!(
            (used - truth.total_bytes).abs() <= rounding,
            "{} on {}: {used} of {}",
            truth.iccid,
            truth.day,
            truth.total_bytes
        );
        days += 1;
        by_api += i64::from(from_api);
    }
    ensure!(days > 0 && by_api > 0, "{by_api} of {days} days came by API");
    Ok(())
}

#[tokio::test]
async fn a_sim_that_nobody_knew_is_found_by_its_first_record_and_its_usage_is_shown() {
    let emulator = EmulatorConfig::default().with_fleet(20).without_limits();
    let sandbox = Sandbox::start(emulator, &[]).await;
    sandbox.first_sync().await;
    let iccid = sandbox.once().add_sims(1, None).await.unwrap().remove(0);
    let now = Utc::now();

    let answer = post(&sandbox, &json!([record(&iccid, now)])).await;

    assert_eq!(answer, (200, json!({ "received": 1, "rejected": 0 })));
    let path = format!("/api/v1/sims/{iccid}");
    eventually_within(LONG, "the SIM is discovered", || async {
        sandbox.simward().get(&path).await
    })
    .await;
    let usage = format!(
        "/api/v1/sims/{iccid}/usage?granularity=hourly&start_date={0}&end_date={0}",
        now.date_naive()
    );
    let usage = sandbox.simward().get(&usage).await.unwrap();
    assert_eq!(usage["data"]["summary"]["total_volume_tx"], 209_715, "{usage}");
    eventually("its sums have moved to its organization", || async {
        let mut db = sandbox.scope.connection().await;
        let left: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(total), 0)::bigint FROM usage.fleet_usage_daily
             WHERE organization_id = '00000000-0000-0000-0000-000000000000'",
        )
        .fetch_one(&mut db)
        .await?;
        ensure!(left == 0, "{left} bytes belong to nobody");
        Ok(())
    })
    .await;
    let summary = sandbox
        .simward()
        .get("/api/v1/usage/summary?group_by=country")
        .await
        .unwrap();
    assert!(
        summary["data"]["groups"]
            .as_array()
            .unwrap()
            .iter()
            .any(|group| group["name"] == "Germany"),
        "{summary}"
    );
    let status = sandbox.simward().get("/api/v1/ingest/status").await.unwrap();
    assert_eq!(status["data"]["streams"][0]["state"], "flowing", "{status}");
}

fn record(iccid: &str, ended_at: chrono::DateTime<Utc>) -> Value {
    json!({
        "id": 700_000_001, "start_timestamp": ended_at - TimeDelta::minutes(15), "end_timestamp": ended_at,
        "imsi": "901409000000017", "organisation": { "id": 42, "name": "99000001" }, "sim": { "iccid": iccid },
        "operator": { "id": 2, "name": "Example Mobile", "mnc": "01",
                      "country": { "id": 74, "mcc": "262", "name": "Germany" } },
        "traffic_type": { "id": 5, "description": "Data" }, "volume": { "total": 0.25, "tx": 0.2, "rx": 0.05 },
        "detail": { "pdp_context": { "rat_type": 6 } },
    })
}

async fn post(sandbox: &Sandbox, body: &Value) -> (u16, Value) {
    let url = format!("{}/datastreamer/v1", sandbox.simward().ingest_url);
    let request = reqwest::Client::new()
        .post(url)
        .basic_auth(DATASTREAMER.0, Some(DATASTREAMER.1));
    let answer = request.json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
