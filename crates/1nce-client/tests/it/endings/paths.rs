//! What is learnt of single paths, and what is not concluded from their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use once_client::{Capability, ClientError, Generation, Generations};

use super::functions::Function::{BulkTopUp, Extend, Get, GetLimits, Quota, Sms, Status, TopUp, Usage};
use super::functions::{
    CARD, Function, GATEWAY, HTML, LANE, TOKEN_REFUSED, card, client, perform, server, works,
};
use crate::canned::{Canned, json};
use crate::strange_answers::client_with;

#[tokio::test]
async fn a_path_that_v2_lacks_goes_through_v1_and_the_next_call_knows() {
    for (status, body) in [
        (404, GATEWAY),
        (404, HTML),
        (405, GATEWAY),
        (410, HTML),
        (403, HTML),
        (401, TOKEN_REFUSED),
    ] {
        let server = Canned::start(move |line: &str| {
            if line.contains("/v2/sims/extension") {
                return json(status, "", body);
            }
            works(line)
        })
        .await;
        let client = client(&server);

        perform(&client, Extend).await.unwrap();
        perform(&client, Extend).await.unwrap();

        let sent = server.requests.lock().unwrap().clone();
        let count = |part: &str| sent.iter().filter(|line| line.contains(part)).count();
        assert_eq!(
            (count("/v2/sims/extension"), count("/v1/sims/extension")),
            (1, 2),
            "{status} {body}"
        );
        let known = &client.readiness().await.capabilities[&Capability::Extension];
        assert_eq!(known.generation, Some(Generation::V1), "{status}");
        assert!(
            known
                .learnt
                .iter()
                .any(|learnt| !learnt.works && learnt.generation == Generation::V2)
        );
    }
}

#[tokio::test]
async fn money_never_changes_the_generation_after_an_answer_that_proves_nothing() {
    for (status, body) in [
        (500, GATEWAY),
        (503, HTML),
        (501, HTML),
        (302, HTML),
        (200, HTML),
        (200, "{}"),
        (201, HTML),
        (202, ""),
        (0, ""),
    ] {
        let server = Canned::start(move |line: &str| {
            if line.contains("/v2/") && line.starts_with("POST") {
                return if status == 0 {
                    String::new()
                } else {
                    json(status, "", body)
                };
            }
            works(line)
        })
        .await;
        for function in [TopUp, BulkTopUp, Extend, Function::Transfer, Sms] {
            let client = client(&server);
            let before = posts(&server);

            let outcome = perform(&client, function).await;

            assert!(
                matches!(outcome, Err(ClientError::Uncertain { .. })),
                "{function:?} after {status} {body}: {outcome:?}"
            );
            assert_eq!(
                posts(&server) - before,
                1,
                "{function:?} after {status} {body}: sent once"
            );
        }
    }
}

fn posts(server: &Canned) -> usize {
    let sent = server.requests.lock().unwrap();
    sent.iter()
        .filter(|line| line.starts_with("POST") && !line.contains("/oauth/"))
        .count()
}

#[tokio::test]
async fn a_sim_that_v2_does_not_know_is_no_missing_path() {
    let server = Canned::start(|line: &str| {
        if line.contains("/v2/") && line.contains(CARD) || line.contains("/v2/sims/extension") {
            let body = r#"{"error_code":1000,"error_token":"NotFound","message":"no such SIM"}"#;
            return json(404, "", body);
        }
        if line.contains("/v1/") {
            return json(410, "", "");
        }
        works(line)
    })
    .await;
    let client = client(&server);

    for function in [Extend, Usage] {
        let outcome = perform(&client, function).await;
        assert!(
            matches!(outcome, Err(ClientError::NotFound { .. })),
            "{function:?}: {outcome:?}"
        );
    }

    let known = client.readiness().await.capabilities;
    for capability in [Capability::Extension, Capability::Usage] {
        assert!(known[&capability].learnt.is_empty(), "{capability:?}: {known:?}");
    }
}

#[tokio::test]
async fn usage_of_v2_that_cannot_be_read_is_learnt_and_not_asked_for_every_sim() {
    for (status, body) in [
        (400, GATEWAY),
        (422, "{}"),
        (200, HTML),
        (200, "{}"),
        (200, r#"[{"day":1}]"#),
    ] {
        let server = Canned::start(move |line: &str| {
            if line.contains("/v1/") {
                return json(410, "", "");
            }
            if line.contains("/usage") {
                return json(status, "", body);
            }
            works(line)
        })
        .await;
        let client = client(&server);
        for _ in 0..3 {
            let outcome = perform(&client, Usage).await;
            assert!(
                matches!(outcome, Err(ClientError::CapabilityUnavailable { .. })),
                "{status} {body}: {outcome:?}"
            );
        }
        let sent = server.requests.lock().unwrap().clone();
        let asked = sent.iter().filter(|line| line.contains("/usage")).count();
        assert_eq!(asked, 1, "{status} {body}");
    }
}

#[tokio::test]
async fn an_empty_usage_of_a_known_sim_is_no_unknown_sim() {
    let server = Canned::start(|line: &str| match line.contains("/usage") {
        true => json(200, "", ""),
        false => works(line),
    })
    .await;
    let outcome = perform(&client(&server), Usage).await;
    assert!(matches!(outcome, Err(ClientError::Decode { .. })), "{outcome:?}");
}

#[tokio::test]
async fn usage_of_v2_can_be_compared_while_v1_serves() {
    let server = Canned::start(works).await;
    let client = client(&server);
    let day = chrono::NaiveDate::from_ymd_opt(2026, 7, 15).unwrap();

    let (one, two) = (
        client
            .usage_in(Generation::V1, LANE, card(), day, day)
            .await
            .unwrap(),
        client
            .usage_in(Generation::V2, LANE, card(), day, day)
            .await
            .unwrap(),
    );

    assert_eq!(one, two);
    let known = &client.readiness().await.capabilities[&Capability::Usage];
    assert_eq!(known.generation, Some(Generation::V1), "v1 serves while it lives");
    assert!(
        known
            .learnt
            .iter()
            .any(|learnt| learnt.works && learnt.generation == Generation::V2)
    );
}

#[tokio::test]
async fn a_reading_of_the_list_keeps_to_one_generation_and_absence_on_v1_proves_nothing() {
    let unknown = r#"{"error_code":1000,"error_token":"NotFound","message":"x"}"#;
    for gone in [false, true] {
        let server = Canned::start(move |line: &str| {
            if line.contains("/v2/") {
                return json(if gone { 404 } else { 503 }, "", GATEWAY);
            }
            if line.contains(CARD) {
                return json(404, "", unknown);
            }
            works(line)
        })
        .await;
        let client = client(&server);

        let page = client.list_sims(LANE, 1, 10).await.unwrap();
        let pinned = client.list_sims_in(Generation::V2, LANE, 2, 10).await;
        let sim = client.get_sim(LANE, card()).await;
        let v2 = client.standing(LANE, Generation::V2).await.unwrap();

        assert_eq!(page.generation, Generation::V1);
        assert_eq!((v2.is_gone_for_certain(), v2.is_failing()), (gone, !gone));
        if gone {
            assert!(
                matches!(pinned, Err(ClientError::CapabilityUnavailable { .. })),
                "{pinned:?}"
            );
            assert_eq!(sim.unwrap(), None, "v2 will never know it");
        } else {
            assert!(matches!(pinned, Err(ClientError::Server { .. })), "{pinned:?}");
            assert!(
                matches!(sim, Err(ClientError::CapabilityUnknown { .. })),
                "v2 may know it: {sim:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_generation_that_shows_itself_first_serves_while_the_other_hangs() {
    for (hanging, serving) in [("/v1/", Generation::V2), ("/v2/", Generation::V1)] {
        let server = Canned::start(move |line: &str| match line.contains(hanging) {
            true => String::new(),
            false => works(line),
        })
        .await;
        let client = client_with(&server, |config| {
            config.generations = Generations::Auto;
            config.call_timeout = Duration::from_secs(600);
            config.lane_max_wait[0] = Some(Duration::from_secs(60));
        });

        let page = tokio::time::timeout(Duration::from_secs(20), client.list_sims(LANE, 1, 10)).await;

        assert_eq!(page.expect("it waits for the other").unwrap().generation, serving);
        assert_eq!(client.check(LANE, Capability::Extension).await.unwrap(), serving);
    }
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once_when_neither_generation_takes_it() {
    let revoked = Arc::new(AtomicUsize::new(0));
    let state = revoked.clone();
    let server = Canned::start_with_logins(
        move |line: &str| match state.load(Ordering::SeqCst) {
            1 => json(401, "", TOKEN_REFUSED),
            _ => works(line),
        },
        {
            let state = revoked.clone();
            // The second login brings a token that works.
            move |number| {
                if number > 1 {
                    state.store(2, Ordering::SeqCst);
                }
            }
        },
    )
    .await;
    let client = client(&server);
    client.list_sims(LANE, 1, 10).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    revoked.store(1, Ordering::SeqCst);

    let calls = (0..5).map(|_| client.list_sims(LANE, 1, 10));
    for outcome in join_all(calls).await {
        outcome.unwrap();
    }

    let sent = server.requests.lock().unwrap().clone();
    assert_eq!(sent.iter().filter(|line| line.contains("/oauth/")).count(), 2);
}

#[tokio::test]
async fn nothing_is_taken_for_absent_because_a_path_answers_404() {
    let unknown_path: [(Function, &str); 3] = [(Quota, "/quota/data"), (Status, "/status"), (Get, "")];
    for (function, part) in unknown_path {
        let server = Canned::start(move |line: &str| {
            if line.contains("/v1/") {
                return json(410, "", "");
            }
            if line.contains(&format!("{CARD}{part} ")) {
                return json(404, "", HTML);
            }
            works(line)
        })
        .await;
        let client = client(&server);

        let outcome = match function {
            Quota => client.data_quota(LANE, card()).await.map(|quota| quota.is_none()),
            Status => client
                .sim_status(LANE, card())
                .await
                .map(|status| status.is_none()),
            _ => client.get_sim(LANE, card()).await.map(|sim| sim.is_none()),
        };

        assert!(
            matches!(
                outcome,
                Err(ClientError::CapabilityUnavailable { .. } | ClientError::CapabilityUnknown { .. })
            ),
            "{function:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_odd_answer_of_a_published_path_switches_it_off_for_a_minute_at_most() {
    let server = Canned::start(
        |line: &str| match line.contains("/v2/") && line.contains("/topup") {
            true => json(404, "", HTML),
            false => works(line),
        },
    )
    .await;
    let client = client(&server);

    perform(&client, TopUp)
        .await
        .expect("v1 takes it after a definite refusal");

    let known = client
        .readiness()
        .await
        .capabilities
        .remove(&Capability::TopUp)
        .unwrap();
    assert_eq!(known.generation, Some(Generation::V1));
    let lesson = &known.learnt[0];
    assert!((lesson.until - lesson.at).num_seconds() <= 60, "{lesson:?}");
}

#[tokio::test]
async fn what_is_known_can_be_written_down_for_people() {
    let server = server(410, "", "/sims").await;
    let client = client(&server);
    perform(&client, GetLimits).await.unwrap_err();

    let told = serde_json::to_value(client.readiness().await).unwrap();

    assert_eq!(told["generations"]["v1"]["state"], "gone");
    assert_eq!(told["generations"]["v1"]["status"], 410);
    assert_eq!(told["generations"]["v2"]["state"], "alive");
    assert!(told["generations"]["v1"]["since"].is_string());
    assert_eq!(told["capabilities"]["extension"]["generation"], "v2");
    assert_eq!(told["capabilities"]["extension"]["in_v2"], "documented");
    let limits = &told["capabilities"]["limits"];
    assert_eq!(limits["generation"], serde_json::Value::Null);
    assert_eq!(
        limits["why"],
        "v1 is gone: it answers 410; v2 has no such path (404)"
    );
    assert_eq!(limits["learnt"][0]["works"], false);
    assert!(limits["learnt"][0]["at"].is_string());
}
