//! The Data Streamer: usage and event records pushed to a URL (FACTS §15).

mod json;
mod mixer;
mod push;
pub mod records;
mod source;
pub mod truth;
pub mod types;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::web::Data;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::clock::Millis;
use crate::dates::rfc3339;
use crate::world::{World, lock};
use push::Push;
use source::Source;
use types::{StreamConfig, StreamState, StreamTruth};

/// What a stream and the control API tell each other.
#[derive(Debug)]
struct Shared {
    id: u64,
    config: StreamConfig,
    /// The stream looks at its status and at the clock again.
    wake: Notify,
    status: Mutex<Status>,
}

/// Where a stream is.
#[derive(Debug, Default)]
struct Status {
    truth: StreamTruth,
    state: StreamState,
    position: Millis,
    idle: bool,
    /// Everything before this moment is given up.
    restarted_at: Option<Millis>,
    sims: usize,
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        lock(&self.status)
    }

    fn truth(&self, now: Millis) -> StreamTruth {
        const ABOUT_NOW: Millis = 3000;
        let status = self.status();
        StreamTruth {
            id: self.id,
            kind: self.config.kind,
            url: self.config.url.clone(),
            state: status.state,
            position: rfc3339(status.position),
            caught_up: status.idle && now - status.position < ABOUT_NOW,
            ..status.truth.clone()
        }
    }

    /// Gives up, unless it was stopped in the meantime.
    fn fail(&self) {
        let mut status = self.status();
        if status.state == StreamState::Running {
            status.state = StreamState::Failed;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status());
        self.wake.notify_one();
    }
}

#[derive(Debug)]
struct Stream {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// All streams of an emulator.
#[derive(Debug, Default)]
pub struct Streams {
    runtime: Option<Handle>,
    last_id: u64,
    all: BTreeMap<u64, Stream>,
}

/// Creates a stream of the customer at this place and returns its number.
pub fn create(world: &Data<World>, account: usize, config: StreamConfig) -> Result<u64, String> {
    config.check()?;
    let now = world.clock.now();
    let mut streams = lock(&world.streams);
    let runtime = streams
        .runtime
        .clone()
        .ok_or("the emulator has not started yet")?;
    let id = streams.last_id + 1;
    let position = now - config.history_seconds * 1000;
    let source = Source::new(account, config.kind, position);
    let status = Status {
        position,
        ..Status::default()
    };
    let shared = Arc::new(Shared {
        id,
        config,
        wake: Notify::new(),
        status: Mutex::new(status),
    });
    let push = Push::new(world.clone(), shared.clone(), account, source).map_err(|e| e.to_string())?;
    let task = runtime.spawn(push.run()).abort_handle();
    streams.last_id = id;
    streams.all.insert(id, Stream { shared, task });
    Ok(id)
}

impl Streams {
    /// Where streams run from now on; they end with it.
    pub fn run_on(&mut self, runtime: Handle) {
        self.runtime = Some(runtime);
    }

    /// Every stream, oldest first.
    pub fn list(&self, now: Millis) -> Vec<StreamTruth> {
        self.all.values().map(|stream| stream.shared.truth(now)).collect()
    }

    /// One stream.
    pub fn get(&self, id: u64, now: Millis) -> Option<StreamTruth> {
        self.all.get(&id).map(|stream| stream.shared.truth(now))
    }

    /// Lets streams see that the clock has moved.
    pub fn wake(&self) {
        for stream in self.all.values() {
            stream.shared.wake.notify_one();
        }
    }

    /// Lets a failed stream run again: where it failed, or from now on when it keeps no backlog. Others go on.
    pub fn restart(&self, id: u64, now: Millis) -> bool {
        self.change(id, |config, status| {
            if status.state == StreamState::Failed && !config.keeps_backlog {
                status.restarted_at = Some(now);
            }
            status.state = StreamState::Running;
        })
    }

    /// Stops a stream after its current attempt; a failed one stays failed.
    pub fn pause(&self, id: u64) -> bool {
        self.change(id, |_, status| {
            if status.state == StreamState::Running {
                status.state = StreamState::Paused;
            }
        })
    }

    /// Lets a paused stream go on; a failed one stays failed.
    pub fn resume(&self, id: u64) -> bool {
        self.change(id, |_, status| {
            if status.state == StreamState::Paused {
                status.state = StreamState::Running;
            }
        })
    }

    /// Ends a stream; a request under way is cut.
    pub fn delete(&mut self, id: u64) -> bool {
        let found = self.all.remove(&id);
        if let Some(stream) = &found {
            stream.task.abort();
        }
        found.is_some()
    }

    fn change(&self, id: u64, change: impl FnOnce(&StreamConfig, &mut Status)) -> bool {
        let Some(stream) = self.all.get(&id) else {
            return false;
        };
        let shared = &stream.shared;
        shared.change(|status| change(&shared.config, status));
        true
    }
}
