//! The window that all processes share: scripts run by Redis, one round trip each, on Redis's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{Script, ScriptInvocation};

use super::caller::Caller;
use super::live::{BEAT, LIVE};
use super::spec::{FIRST_PAUSE, LEAST_FACTOR, LimitSpec, MOST_DOUBLINGS, RECOVERY, STAND_BACK};
use super::{BudgetSnapshot, LONGEST_SLEEP, Lane, Turn};
use crate::redis_link::{LinkError, RedisLink};

/// Joins scripts: each stands on what the ones before it have read.
macro_rules! script {
    ($($name:literal),*) => {
        Script::new(concat!($(include_str!(concat!("scripts/", $name, ".lua"))),*))
    };
}

/// A waiter looks at least every [`LONGEST_SLEEP`]; a mark that is not renewed for this long belongs to nobody.
const MARK_LIFE: Duration = Duration::from_millis(600);

pub(super) struct SharedWindow {
    link: Arc<RedisLink>,
    spec: LimitSpec,
    keys: [String; 9],
    process: String,
    grants: AtomicU64,
    look: Script,
    beat: Script,
    penalize: Script,
    shift: Script,
    snapshot: Script,
}

/// What a process tells when it is in contact.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Remembered {
    /// How long a 429 blocks, as far as this process knows.
    pub blocked_for: Option<Duration>,
    /// This process made calls that the others cannot see.
    pub rejoin: bool,
}

/// What a process learns when it is in contact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learned {
    pub blocked_for: Duration,
    /// Processes that were in contact lately, this one included.
    pub live: u32,
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn learned(blocked: u64, live: u32) -> Learned {
    Learned {
        blocked_for: Duration::from_micros(blocked),
        live,
    }
}

impl SharedWindow {
    pub(super) fn new(link: Arc<RedisLink>, key: &str, spec: LimitSpec) -> Self {
        const { assert!(LONGEST_SLEEP.as_millis() * 2 < MARK_LIFE.as_millis()) };
        let names = [
            "state", "log", "wait0", "wait1", "wait2", "wait3", "served", "live", "since",
        ];
        Self {
            link,
            spec,
            keys: names.map(|name| format!("{key}:{name}")),
            process: format!("{:016x}", rand::random::<u64>()),
            grants: AtomicU64::new(0),
            look: script!("prelude", "contact", "look"),
            beat: script!("prelude", "contact", "beat"),
            penalize: script!("prelude", "penalize"),
            shift: script!("prelude", "shift"),
            snapshot: script!("prelude", "snapshot"),
        }
    }

    fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        for key in &self.keys {
            call.key(key);
        }
        call.arg(self.spec.capacity)
            .arg(micros(self.spec.counted()))
            .arg(micros(RECOVERY));
        call
    }

    fn contact<'a>(&self, script: &'a Script, remembered: Remembered) -> ScriptInvocation<'a> {
        let mut call = self.call(script);
        call.arg(&self.process)
            .arg(micros(self.spec.cold_wait))
            .arg(remembered.blocked_for.map_or(0, micros))
            .arg(u8::from(remembered.rejoin))
            .arg(micros(LIVE))
            .arg(micros(BEAT * 2));
        call
    }

    /// `more`: others stand behind this one in its queue. `waited`: how long it stands there.
    pub(super) async fn look(
        &self,
        caller: Caller,
        more: bool,
        waited: Duration,
        remembered: Remembered,
    ) -> Result<(Turn, Learned), LinkError> {
        let id = self.grants.fetch_add(1, Ordering::Relaxed);
        let spec = &self.spec;
        let patience = |lane: Lane| spec.patience[lane.index()].map_or(-1, i64::from);
        let mut call = self.contact(&self.look, remembered);
        call.arg(micros(spec.spacing))
            .arg(caller.lane.index())
            .arg(organization(caller))
            .arg(self.member(caller, id))
            .arg(u8::from(more))
            .arg(micros(MARK_LIFE))
            .arg(micros(spec.counted().max(Duration::from_secs(60))))
            .arg(micros(STAND_BACK))
            .arg(spec.lane_share[caller.lane.index()])
            .arg(spec.organization_share)
            .arg(patience(Lane::Bulk))
            .arg(patience(Lane::Background))
            .arg(micros(waited));
        let (wait, blocked, live): (i64, u64, u32) = self.link.script(&call).await?;
        let turn = u64::try_from(wait).map_or(Turn::Granted(id), |wait| {
            Turn::Wait(Duration::from_micros(wait.max(100)))
        });
        Ok((turn, learned(blocked, live)))
    }

    /// Stays in contact without a call.
    pub(super) async fn beat(&self, remembered: Remembered) -> Result<Learned, LinkError> {
        let call = self.contact(&self.beat, remembered);
        let (blocked, live): (u64, u32) = self.link.script(&call).await?;
        Ok(learned(blocked, live))
    }

    fn member(&self, caller: Caller, id: u64) -> String {
        format!(
            "{}:{}:{id}:{}",
            caller.lane.index(),
            self.process,
            organization(caller)
        )
    }

    pub(super) async fn shift(&self, caller: Caller, id: u64, late: Duration) -> Result<(), LinkError> {
        let mut call = self.call(&self.shift);
        call.arg(self.member(caller, id)).arg(micros(late));
        let _done: i64 = self.link.script(&call).await?;
        Ok(())
    }

    pub(super) async fn penalize(&self, named: Option<Duration>, jitter: f64) -> Result<(), LinkError> {
        let mut call = self.call(&self.penalize);
        call.arg(named.map_or(-1, |pause| i64::try_from(micros(pause)).unwrap_or(i64::MAX)))
            .arg(micros(FIRST_PAUSE.mul_f64(jitter)))
            .arg(LEAST_FACTOR)
            .arg(MOST_DOUBLINGS);
        let _done: i64 = self.link.script(&call).await?;
        Ok(())
    }

    pub(super) async fn snapshot(&self) -> Result<BudgetSnapshot, LinkError> {
        type Counts = (u64, u64, u64, u64);
        let call = self.call(&self.snapshot);
        let (calls, blocked, second, minute): (u64, u64, Counts, Counts) = self.link.script(&call).await?;
        let lanes = |(interactive, command, bulk, background)| [interactive, command, bulk, background];
        Ok(BudgetSnapshot {
            used_last_second: lanes(second),
            used_last_minute: lanes(minute),
            waiting: [0; Lane::COUNT],
            rate: calls as f64 / 1_000.0 / self.spec.counted().as_secs_f64(),
            blocked_for: (blocked > 0).then(|| Duration::from_micros(blocked)),
            shared: true,
        })
    }
}

/// Nothing for those who named none.
fn organization(caller: Caller) -> String {
    caller.organization.map(|of| of.to_string()).unwrap_or_default()
}
