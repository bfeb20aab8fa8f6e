//! Every manner in which v1 may end, for all of its paths or for one, against every function of the client. v2 answers
//! everything that is documented of it, and nothing else.

mod functions;
mod paths;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use once_client::{ClientError, Generation};

use crate::canned::{Canned, json};
use functions::Function::{BulkUpdate, GetLimits, LimitSteps, SetLimits};
use functions::{ALL, Function, LANE, MANNERS, THROUGH_V1, client, is_clear, perform, server, works};

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
