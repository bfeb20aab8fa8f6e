//! The audit log as its readers see it: filters, pages, organizations, exports.

use domain::OrganizationId;
use gateway::Permission;
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{App, ICCID, is_whole, send};

const OTHER: &str = "8988999000000000025";

/// A row about something, by somebody.
struct Act<'a> {
    actor: (&'a str, &'a str),
    action: &'a str,
    subject: &'a str,
    subjects: &'a [&'a str],
    organization: Option<OrganizationId>,
}

const ACT: Act = Act {
    actor: ("user", "7"),
    action: "sim.update",
    subject: ICCID,
    subjects: &[],
    organization: None,
};

async fn write(app: &App, act: Act<'_>) {
    sqlx::query(
        "INSERT INTO audit_log (id, actor_kind, actor_id, action, subject, subjects, organization_id, request_id) \
         VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, 'r')",
    )
    .bind(act.actor.0)
    .bind(act.actor.1)
    .bind(act.action)
    .bind(act.subject)
    .bind(act.subjects)
    .bind(act.organization.map(|id| id.0))
    .execute(app.world.db.pool())
    .await
    .unwrap();
}

async fn reader(app: &App, organization: Option<OrganizationId>) -> String {
    app.world.key_for(&[Permission::ReadAudit], organization).await
}

async fn seqs(app: &App, key: &str, query: &str) -> Vec<i64> {
    let path = format!("/api/v1/audit-log?{query}");
    let answer = app.gateway.get(&path, key).await.expect(200);
    let rows = answer.body["data"].as_array().unwrap();
    rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_finds_its_rows_the_newest_first() {
    let app = App::start().await;
    let key = reader(&app, None).await;
    let acts = [
        ACT,
        Act {
            action: "sim.update_failed",
            ..ACT
        },
        Act {
            actor: ("cli", "7"),
            subject: OTHER,
            ..ACT
        },
        Act {
            action: "sims.update.done",
            subject: "job",
            subjects: &[OTHER, ICCID],
            ..ACT
        },
        Act {
            action: "sync.start",
            subject: "all",
            actor: ("user", "8"),
            ..ACT
        },
    ];
    for act in acts {
        write(&app, act).await;
    }

    // Row 1 is the making of the reader's key.
    for (query, found) in [
        ("", vec![6, 5, 4, 3, 2, 1]),
        ("actor=7", vec![5, 4, 3, 2]),
        ("actor=user:7", vec![5, 3, 2]),
        ("actor=user:7&action=sim.*", vec![3, 2]),
        ("action=sim.update", vec![4, 2]),
        ("action=sim.up*", vec![4, 3, 2]),
        ("action=sim*", vec![5, 4, 3, 2]),
        ("action=*", vec![6, 5, 4, 3, 2, 1]),
        ("action=nothing.*", vec![]),
        ("action=sim", vec![]),
        ("subject=all", vec![6]),
        ("subject=all&actor=8&action=sync.start", vec![6]),
        ("subject=all&actor=7", vec![]),
        ("iccid=8988999000000000017", vec![5, 3, 2]),
        ("iccid=8988999000000000025", vec![5, 4]),
        ("iccid=8988999000000000025&action=sims.*", vec![5]),
        ("iccid=8988999000000000025&actor=cli:7", vec![4]),
    ] {
        assert_eq!(seqs(&app, &key, query).await, found, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_bounds_the_rows_to_the_microsecond() {
    let app = App::start().await;
    let key = reader(&app, None).await;
    for _ in 0..4 {
        write(&app, ACT).await;
    }
    let at = |seq: i64| {
        let pool = app.world.db.pool();
        let text = "SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM audit_log WHERE seq = $1";
        async move {
            sqlx::query_scalar::<_, String>(text)
                .bind(seq)
                .fetch_one(pool)
                .await
                .unwrap()
        }
    };
    let (second, fourth) = (at(2).await, at(4).await);

    let period = format!("start_date={second}&end_date={fourth}");
    assert_eq!(seqs(&app, &key, &period).await, [4, 3, 2]);
    assert_eq!(
        seqs(&app, &key, &format!("{period}&action=sim.update")).await,
        [4, 3, 2]
    );
    assert_eq!(seqs(&app, &key, &format!("start_date={fourth}")).await, [5, 4]);
    assert_eq!(seqs(&app, &key, &format!("end_date={second}")).await, [2, 1]);
    assert_eq!(
        seqs(&app, &key, &format!("start_date={}", &fourth[..10])).await,
        [5, 4, 3, 2, 1]
    );
    assert_eq!(seqs(&app, &key, "end_date=2001-01-01").await, [0; 0]);
    assert_eq!(seqs(&app, &key, "start_date=2999-01-01").await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_lead_through_all_rows_while_new_ones_come() {
    let app = App::start().await;
    let key = reader(&app, None).await;
    for _ in 0..6 {
        write(&app, ACT).await;
    }
    for filter in ["", "&action=sim.*", "&actor=7", "&iccid=8988999000000000017"] {
        let last: i64 = sqlx::query_scalar("SELECT max(seq) FROM audit_log")
            .fetch_one(app.world.db.pool())
            .await
            .unwrap();
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/audit-log?page_size=2{filter}{cursor}");
            let body = app.gateway.get(&path, &key).await.expect(200).body;
            let rows = body["data"].as_array().unwrap();
            found.extend(rows.iter().map(|row| row["seq"].as_i64().unwrap()));
            write(&app, ACT).await;
            let Some(next) = body["pagination"]["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        let first = if filter.is_empty() { 1 } else { 2 };
        assert_eq!(found, (first..=last).rev().collect::<Vec<_>>(), "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_sees_its_own_rows_in_list_and_export() {
    let app = App::start().await;
    let organization = app.world.organization().await;
    let key = reader(&app, Some(organization)).await;
    let own = || Act {
        organization: Some(organization),
        ..ACT
    };
    write(&app, own()).await;
    write(&app, ACT).await;
    write(
        &app,
        Act {
            organization: Some(OrganizationId::DEFAULT),
            ..ACT
        },
    )
    .await;
    write(
        &app,
        Act {
            action: "sim.update_failed",
            ..own()
        },
    )
    .await;

    // The making of its key is its own.
    assert_eq!(seqs(&app, &key, "").await, [5, 2, 1]);
    assert_eq!(seqs(&app, &key, "action=sim.update").await, [2]);
    assert_eq!(seqs(&app, &key, "actor=7").await, [5, 2]);
    assert_eq!(seqs(&app, &key, "subject=8988999000000000017").await, [5, 2]);
    assert_eq!(seqs(&app, &key, "iccid=8988999000000000017").await, [5, 2]);
    assert_eq!(seqs(&app, &key, "cursor=4").await, [2, 1]);
    let text = app
        .gateway
        .get("/api/v1/audit-log/export?format=ndjson", &key)
        .await
        .expect(200)
        .text;
    let exported: Vec<i64> = lines(&text)
        .iter()
        .map(|row| row["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(exported, [1, 2, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_names_its_actor_as_it_is_called_today() {
    let app = App::start().await;
    let key = reader(&app, None).await;
    let user = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO users (id, username, email, password_hash, role) VALUES ($1, 'ada', 'a@b', 'x', 'user')",
    )
    .bind(user)
    .execute(app.world.db.pool())
    .await
    .unwrap();
    let id: Uuid = sqlx::query_scalar("SELECT id FROM api_keys")
        .fetch_one(app.world.db.pool())
        .await
        .unwrap();
    write(
        &app,
        Act {
            actor: ("user", &user.to_string()),
            ..ACT
        },
    )
    .await;
    write(
        &app,
        Act {
            actor: ("api_key", &id.to_string()),
            ..ACT
        },
    )
    .await;
    write(
        &app,
        Act {
            actor: ("user", &Uuid::now_v7().to_string()),
            ..ACT
        },
    )
    .await;

    let body = app.gateway.get("/api/v1/audit-log", &key).await.expect(200).body;
    let names: Vec<&Value> = body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["actor"]["name"])
        .collect();
    assert_eq!(names[..3], [&Value::Null, &"test".into(), &"ada".into()]);
    let row = &body["data"][2];
    assert_eq!(row["action"], "sim.update");
    assert_eq!(row["subject"], ICCID);
    assert_eq!(row["hash"].as_str().unwrap().len(), 64);
    assert_eq!(
        row["at"].as_str().unwrap().len(),
        "2026-07-01T12:00:00.000000Z".len()
    );
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn write_many(app: &App, rows: i32) {
    sqlx::query(
        "INSERT INTO audit_log (id, actor_kind, actor_id, action, subject, subjects, request_id) \
         SELECT gen_random_uuid(), 'cli', 'x', 'test.many', '=1+' || i, '{8988999000000000017,8988999000000000025}', 'r' \
         FROM generate_series(1, $1) i",
    )
    .bind(rows)
    .execute(app.world.db.pool())
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_row_with_the_hash_of_the_row_before() {
    let app = App::start().await;
    let key = reader(&app, None).await;
    write_many(&app, 600).await;

    let answer = app
        .gateway
        .get("/api/v1/audit-log/export?format=ndjson", &key)
        .await
        .expect(200);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"audit_log.ndjson\""
    );
    let rows = lines(&answer.text);
    assert_eq!(rows.len(), 601);
    for pair in rows.windows(2) {
        assert_eq!(pair[1]["prev_hash"], pair[0]["hash"]);
    }
    assert_eq!(rows[600]["subjects"][1], OTHER);

    let path = "/api/v1/audit-log/export?action=test.*";
    let answer = app.gateway.get(path, &key).await.expect(200);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines.len(), 601);
    assert!(lines[0].starts_with("seq,id,at,actor_kind"), "{}", lines[0]);
    let cells: Vec<&str> = lines[600].split(',').collect();
    assert_eq!(cells[0], "601");
    assert_eq!(cells[8], "'=1+600");
    assert_eq!(cells[9], format!("{ICCID} {OTHER}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_an_export_is_not_taken_for_the_whole() {
    let app = App::start().await;
    let key = reader(&app, None).await;
    write_many(&app, 600).await;
    // A row that cannot be read, behind the first part.
    app.world
        .as_owner("ALTER TABLE gateway.audit_log DISABLE TRIGGER USER")
        .await
        .unwrap();
    app.world
        .as_owner("UPDATE gateway.audit_log SET subjects = '{NULL}' WHERE seq = 400")
        .await
        .unwrap();
    let get = |query: &str| {
        let path = format!("/api/v1/audit-log/export?{query}");
        app.gateway.request("GET", &path).header("X-API-Key", &key)
    };

    for format in ["csv", "ndjson"] {
        let request = get(&format!("format={format}"));
        assert!(!is_whole(request).await, "a part was taken for the whole");
    }
    app.world
        .as_owner("ALTER TABLE gateway.audit_log RENAME TO hidden")
        .await
        .unwrap();
    send(get("format=csv")).await.expect(503);
}
