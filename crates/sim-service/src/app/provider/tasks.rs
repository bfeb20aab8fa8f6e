//! What people have to look after before v1 ends (FACTS-2026-11 U3 and U6, FACTS §1).

use domain::{LoginResult, ProviderCapability, ProviderTask, TaskState};
use messages::pb::sim as pb;
use once_client::{Generation, Standing};

use super::login::NEW_CREDENTIALS;
use super::report::Known;

/// Every task of an account.
pub fn tasks(known: &Known, login: LoginResult) -> Vec<pb::ProviderTask> {
    let mut tasks = vec![credentials(login)];
    if is_bound_to_v1(known) {
        tasks.push(task(
            ProviderTask::Generations,
            TaskState::Needed,
            "ONCE_GENERATIONS is v1, which keeps Simward from using v2: set it to auto, and start Simward again.",
        ));
    }
    tasks.push(task(
        ProviderTask::DataStreamer,
        TaskState::Check,
        "In the 1NCE portal make streams of the Data Streamer 2.0, type HTTP, to the same address, and delete those of \
         1.0; one stream of 2.0 carries the SIMs of both platforms, and Simward reads both formats. 1NCE does not say \
         whether both give a record the same id: delete the old one as soon as the new one delivers, lest days count \
         twice. S3, Datadog and Keen.io have no stream in 2.0; where the SMS Forwarder was, SMS of devices and delivery \
         reports are records of the stream.",
    ));
    if known.through_v1().contains(&ProviderCapability::Limits) {
        tasks.push(task(
            ProviderTask::MonthlyLimits,
            TaskState::Check,
            "Set the monthly limits of the account as they shall stay: 1NCE shows no call of v2 that reads or sets them.",
        ));
    }
    tasks.push(task(
        ProviderTask::OwnPrograms,
        TaskState::Check,
        "Programs of your own that call /v1 of 1NCE stop working: let them ask Simward, or /v2.",
    ));
    tasks
}

fn credentials(login: LoginResult) -> pb::ProviderTask {
    match login {
        LoginResult::Ok => task(
            ProviderTask::Credentials,
            TaskState::Done,
            "The client id and secret work. Those of an API user were moved by 1NCE to Account → Management API Access, \
             where new ones are made too.",
        ),
        LoginResult::Refused => {
            let sentence = format!("1NCE refuses the client id and secret: {NEW_CREDENTIALS}.");
            task(ProviderTask::Credentials, TaskState::Needed, sentence)
        }
        LoginResult::Failed | LoginResult::Unknown => task(
            ProviderTask::Credentials,
            TaskState::Check,
            "Whether 1NCE takes the client id and secret is not known yet.",
        ),
    }
}

/// Only a configuration calls a generation gone without a status.
fn is_bound_to_v1(known: &Known) -> bool {
    let v2 = known.readiness.standing(Generation::V2);
    matches!(v2, Some(Standing::Gone { status: 0, .. }))
}

fn task(task: ProviderTask, state: TaskState, sentence: impl Into<String>) -> pb::ProviderTask {
    pb::ProviderTask {
        task: task.to_string(),
        state: state.to_string(),
        sentence: sentence.into(),
    }
}
