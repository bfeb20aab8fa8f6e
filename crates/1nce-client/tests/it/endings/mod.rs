//! Every manner in which v1 may end, for all of its paths or for one, against every function of the client. v2 answers
//! everything that is documented of it, and nothing else.

mod functions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use once_client::{Capability, ClientError, Generation, Generations};

use crate::canned::{Canned, json};
use crate::strange_answers::client_with;
use functions::Function::{
    BulkTopUp, BulkUpdate, Extend, GetLimits, LimitSteps, SetLimits, Sms, TopUp, Usage,
};
use functions::{
    ALL, CARD, Function, GATEWAY, HTML, LANE, MANNERS, THROUGH_V1, TOKEN_REFUSED, card, client, is_clear,
    perform, server, works,
};

#[tokio::test]
async fn every_function_survives_every_manner_in_which_v1_ends() {
    for (status, body) in MANNERS {
        let server = server(status, body, "/sims").await;
        let client = client(&server);
        for function in ALL {
            let outcome = perform(&client, function).await;
            assert!(
                is_clear(function, &outcome, status == 0),
                "{function:?} after {status} {body}: {outcome:?}"
            );
        }
        let logins = server.requests.lock().unwrap().clone();
        let logins = logins.iter().filter(|line| line.contains("/oauth/")).count();
        assert_eq!(logins, 1, "{status} {body}: a good token was thrown away");
    }
}

/// v1 lives until the client has used it once.
async fn survives_the_end(function: Function, status: u16, body: &'static str) {
    let ended = Arc::new(AtomicBool::new(false));
    let now = ended.clone();
    let server = Canned::start(move |line: &str| {
        let over = now.load(Ordering::SeqCst) && line.contains("/v1/");
        match status {
            _ if !over => works(line),
            0 => String::new(),
            status => json(status, "", body),
        }
    })
    .await;
    let client = client(&server);
    client.get_limits(LANE).await.unwrap();
    ended.store(true, Ordering::SeqCst);

    let mut outcome = perform(&client, function).await;

    // An action that was on its way through v1 may be in doubt; the next one is not.
    if matches!(outcome, Err(ClientError::Uncertain { .. })) && function == BulkUpdate {
        outcome = perform(&client, function).await;
    }
    let hanging = status == 0
        && matches!(
            outcome,
            Err(ClientError::Transport { .. } | ClientError::Uncertain { .. })
        );
    assert!(
        hanging || is_clear(function, &outcome, status == 0),
        "{function:?} after {status} {body}: {outcome:?}"
    );
}

#[tokio::test]
async fn every_function_survives_the_end_of_v1_while_we_run() {
    for (status, body) in MANNERS {
        let functions = ALL.map(|function| survives_the_end(function, status, body));
        join_all(functions).await;
    }
}

async fn survives_the_end_of_its_path(
    (function, part): (Function, &'static str),
    status: u16,
    body: &'static str,
) {
    let server = server(status, body, part).await;
    let client = client(&server);

    let outcome = perform(&client, function).await;

    let doubtful = matches!(status, 200 | 302);
    let clear = match (&outcome, function) {
        (Err(ClientError::Uncertain { .. }), BulkUpdate) => doubtful,
        // A page or a redirect on one path may pass.
        (Err(ClientError::CapabilityUnknown { why, .. }), GetLimits | SetLimits | LimitSteps) => {
            doubtful && why.contains("v1 answers")
        }
        _ => is_clear(function, &outcome, false),
    };
    assert!(clear, "{function:?} after {status} {body}: {outcome:?}");
    let standing = client.readiness().await;
    assert!(
        standing.standing(Generation::V1).unwrap().is_alive(),
        "{function:?} after {status}: one path is not the whole of v1"
    );
    assert!(client.list_sims(LANE, 1, 1).await.is_ok());
}

#[tokio::test]
async fn every_function_of_v1_survives_the_end_of_its_own_path() {
    for (status, body) in MANNERS {
        if status != 0 {
            let paths = THROUGH_V1.map(|path| survives_the_end_of_its_path(path, status, body));
            join_all(paths).await;
        }
    }
}

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
