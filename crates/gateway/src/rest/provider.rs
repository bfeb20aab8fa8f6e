//! What 1NCE's API offers each account, and what the end of its v1 changes.

use std::time::Duration;

use domain::{
    ApiGeneration, Certainty, GenerationState, LoginResult, Outlook, ProviderCapability, ProviderTask,
    TaskState,
};
use messages::pb::{sim as pb, usage};
use messages::{Timestamp, sim_rpc, usage_rpc};
use serde_json::{Value, json};

use super::frame::authenticate::ReadSims;
use super::frame::example::TIME;
use super::frame::fields::words_of;
use super::frame::view::{Of, Told, ToldDay};
use super::frame::{Answer, Call, Example, Operation, operations, view};
use super::ingest::ShadowReadingView;
use crate::error::ApiError;

/// A question that 1NCE is asked for waits for it as long as a person does.
const ASKING: Duration = Duration::from_secs(15);
const READINESS: &str = "what 1NCE offers concerns the whole platform";

pub fn operations() -> Vec<Operation> {
    operations![get_provider_readiness]
}

words_of! {
    /// A generation of 1NCE's API.
    ApiGeneration as "ApiGeneration"
}

words_of! {
    /// How a generation of the SIM API stands: `alive` when it lists SIMs, `failing` when it may come back, `unknown` when
    /// 1NCE could not be asked.
    GenerationState as "GenerationState"
}

words_of! {
    /// How the last login at 1NCE ended: `refused` when only other credentials help, `unknown` when there was none yet.
    LoginResult as "ProviderLoginResult"
}

words_of! {
    /// How sure it is that v2 has something: its specification has it, 1NCE's public pages show its path, or neither.
    Certainty as "V2Certainty"
}

words_of! {
    /// Something that 1NCE's API can do.
    ProviderCapability as "ProviderCapability"
}

words_of! {
    /// What the end of v1 changes: nothing (`stays`); nothing if v2 is as documented (`expected`); it goes on through v2 by itself (`moves`); the first use of v2 finds
    /// out (`untried`); v2 lacks it (`ends`); 1NCE does not say whether its v1 ends (`unconfirmed`); nobody offers it
    /// (`unavailable`).
    Outlook as "CapabilityOutlook"
}

words_of! {
    /// What people have to look after before v1 ends.
    ProviderTask as "ProviderTaskName"
}

words_of! {
    /// Whether a task is done; `check` where only people can see it.
    TaskState as "ProviderTaskState"
}

view! {
    /// The last login at 1NCE.
    pub struct ProviderLoginView from pb::ProviderLogin as login {
        result: Told<LoginResult> = "ok",
        /// Null when there was none yet.
        at: Option<Timestamp> = TIME,
        sentence: String = "1NCE takes the client id and secret.",
    }
}

view! {
    /// How a generation of the SIM API stands.
    pub struct GenerationReadinessView from pb::GenerationReadiness as generation {
        generation: Told<ApiGeneration> = "v1",
        state: Told<GenerationState> = "alive",
        /// The HTTP status that says that it is gone; null when none does.
        status: Option<u32> => Some(generation.status).filter(|status| *status > 0),
        /// Since when it is known to stand so; null when 1NCE could not be asked.
        since: Option<Timestamp> = TIME,
        sentence: String = "v1 lists SIMs; 1NCE ends it on 2026-12-31 (in 31 days).",
    }
}

view! {
    /// What a call taught about something in one generation.
    pub struct CapabilityLessonView from pb::CapabilityLesson as lesson {
        generation: Told<ApiGeneration> = "v2",
        works: bool,
        sentence: String = "v2 has no such path: it answers 404.",
        at: Option<Timestamp> = TIME,
        /// Until when it is believed; then the next use finds out anew.
        until: Option<Timestamp> = TIME,
    }
}

view! {
    /// How something that 1NCE's API can do is had.
    pub struct CapabilityReadinessView from pb::CapabilityReadiness as capability {
        capability: Told<ProviderCapability> = "usage",
        /// The generation that the next call uses; null when nobody offers it.
        generation: Option<Told<ApiGeneration>> = "v1",
        in_v2: Told<Certainty> = "unknown",
        outlook: Told<Outlook> = "untried",
        sentence: String = "Reading usage per day runs through v1; 1NCE shows no path in v2, so Simward tries it there when \
            v1 is gone.",
        /// What is done instead where it ends or may end.
        instead: Option<String> = "The Data Streamer goes on delivering usage; a day that it misses cannot be filled while \
            v2 does not answer.",
        learnt: Vec<CapabilityLessonView>,
    }
}

view! {
    /// What people have to look after.
    pub struct ProviderTaskView from pb::ProviderTask as task {
        task: Told<ProviderTask> = "own_programs",
        state: Told<TaskState> = "check",
        sentence: String = "Programs of your own that call /v1 of 1NCE stop working: let them ask Simward, or /v2.",
    }
}

view! {
    /// What is known of one account's API.
    pub struct AccountReadinessView from pb::AccountReadiness as readiness {
        account: String = "main",
        /// The last day on which 1NCE promises to serve v1.
        v1_ends_on: ToldDay = "2026-12-31",
        /// Whole days from today (UTC); 0 on that day and after it.
        days_left: u32 = 31,
        /// Whether something that ends with v1 runs through it.
        needs_v1: bool = true,
        summary: String = "1NCE ends API v1 on 2026-12-31 (in 31 days); until then it serves usage.",
        /// When 1NCE was asked last which generations live; null when that is configured or 1NCE could not be asked.
        asked_at: Option<Timestamp> = TIME,
        login: ProviderLoginView = ProviderLoginView::example() => readiness.login.clone().unwrap_or_default().into(),
        generations: Vec<GenerationReadinessView> = generations(),
        capabilities: Vec<CapabilityReadinessView>,
        tasks: Vec<ProviderTaskView>,
    }
}

fn generations() -> Value {
    let mut v2 = GenerationReadinessView::example();
    v2["generation"] = json!("v2");
    v2["sentence"] = json!("v2 lists SIMs.");
    json!([GenerationReadinessView::example(), v2])
}

view! {
    /// What 1NCE's API offers each account.
    pub struct ProviderReadinessView {
        accounts: Vec<AccountReadinessView>,
        /// The newest comparison of usage through v2 with v1's; null while nobody has compared or usage-ingestor does not
        /// answer.
        usage_comparison: Option<ShadowReadingView> = ShadowReadingView::example(),
    }
}

/// What the end of 1NCE's API v1 changes
///
/// What runs through which generation, how sure it is that v2 has it, what Simward does by itself when v1 is gone, and
/// what people have to do. Each item has a closed word, and a sentence for people. Only for keys of the whole platform:
/// these are its accounts. 1NCE is asked for what is not known yet.
#[utoipa::path(get, path = "/api/v1/provider/readiness", tag = "Provider")]
async fn get_provider_readiness(call: Call<ReadSims>) -> Result<Answer<ProviderReadinessView>, ApiError> {
    call.context().platform_only(READINESS)?;
    let readiness = call
        .ask_within::<sim_rpc::ProviderReadiness>(ASKING, |_| pb::ProviderReadinessRequest {})
        .await?;
    let usage = call
        .ask::<usage_rpc::IngestStatus>(|_| usage::IngestStatusRequest {})
        .await;
    let readings = usage.ok().and_then(|status| status.api_readings);
    Ok(Answer(ProviderReadinessView {
        accounts: Of::of(readiness.accounts),
        usage_comparison: Of::of(readings.and_then(|readings| readings.shadow)),
    }))
}
