//! The whole machine over a model of the two systems, killed at every step.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

const MOST: u32 = 3;

/// A place where the process can die.
async fn step() {
    tokio::task::yield_now().await;
}

/// How the other system treats a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Accepted,
    Refused,
    /// So often nothing is sent, then it is accepted.
    NotSent(u32),
    LostBeforeEffect,
    LostAfterEffect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Intended,
    Open { looks: u32 },
    Done,
    Refused,
    Uncertain,
}

#[derive(Debug, Clone)]
struct Script {
    fates: Vec<Fate>,
    /// Whether the readings of the other system succeed, one after the other; all later ones do.
    readable: Vec<bool>,
    /// Readings after the effect that do not show it yet.
    hidden: u32,
    /// The work is cancelled, or has failed, before this step of its worker.
    stopped_at: Option<u32>,
    /// After so many steps each process dies.
    lives: Vec<u32>,
}

/// What stays when a process dies: our rows, and the other system.
#[derive(Debug, Default)]
struct World {
    rows: BTreeMap<usize, State>,
    ended: bool,
    reached: BTreeMap<usize, u32>,
    effects: BTreeMap<usize, u32>,
    attempts: BTreeMap<usize, u32>,
    shown: BTreeMap<usize, u32>,
    readings: usize,
    steps: u32,
}

struct Model {
    script: Script,
    world: Mutex<World>,
}

impl Model {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    async fn make(&self, call: usize) -> Made<(), ()> {
        step().await;
        let fate = self.script.fates[call];
        let attempt = {
            let mut world = self.world();
            let attempt = world.attempts.entry(call).or_default();
            *attempt += 1;
            *attempt
        };
        if matches!(fate, Fate::NotSent(times) if attempt <= times) {
            return Made::NotSent(());
        }
        *self.world().reached.entry(call).or_default() += 1;
        step().await;
        if !matches!(fate, Fate::Refused | Fate::LostBeforeEffect) {
            *self.world().effects.entry(call).or_default() += 1;
        }
        step().await;
        match fate {
            Fate::Refused => Made::Refused(()),
            Fate::LostBeforeEffect | Fate::LostAfterEffect => Made::Unknown(()),
            Fate::Accepted | Fate::NotSent(_) => Made::Done(()),
        }
    }

    async fn look(&self, call: usize) -> Seen {
        step().await;
        let mut world = self.world();
        world.readings += 1;
        if self.script.readable.get(world.readings - 1) == Some(&false) {
            return Seen::Unreadable;
        }
        if !world.effects.contains_key(&call) {
            return Seen::Nothing;
        }
        let shown = world.shown.entry(call).or_default();
        *shown += 1;
        if *shown > self.script.hidden {
            Seen::Done
        } else {
            Seen::Nothing
        }
    }

    fn first(&self, wanted: impl Fn(State) -> bool) -> Option<(usize, State)> {
        let world = self.world();
        let mut rows = world.rows.iter().map(|(call, state)| (*call, *state));
        rows.find(|(_, state)| wanted(*state))
    }

    /// A process that works until the work is over.
    async fn work(&self) {
        loop {
            let begins = {
                let mut world = self.world();
                world.steps += 1;
                self.script.stopped_at.is_none_or(|at| world.steps < at)
            };
            let open = self.first(|state| matches!(state, State::Open { .. }));
            let intended = self.first(|state| state == State::Intended);
            let left = |found: bool| if found { Left::Due } else { Left::No };
            match next_step(begins, left(open.is_some()), left(intended.is_some())) {
                Step::Settle => {
                    let Some((call, State::Open { looks })) = open else {
                        unreachable!()
                    };
                    let verdict = judge(self.look(call).await, looks, MOST);
                    step().await;
                    let next = match verdict {
                        Verdict::Done => State::Done,
                        Verdict::ReadAgain { looks } => State::Open { looks },
                        Verdict::Uncertain => State::Uncertain,
                    };
                    self.world().rows.insert(call, next);
                }
                Step::Begin => {
                    let (call, _) = intended.unwrap();
                    call_once(self, &call, self.make(call)).await.unwrap();
                }
                Step::Wait => unreachable!("everything is due"),
                Step::End => {
                    step().await;
                    self.world().ended = true;
                    return;
                }
            }
            step().await;
        }
    }
}

impl Ledger for Model {
    type Call = usize;
    type Receipt = ();
    type Failure = ();
    type Error = ();

    async fn open(&self, call: &usize) -> Result<bool, ()> {
        step().await;
        let intended = self.world().rows[call] == State::Intended;
        if intended {
            self.world().rows.insert(*call, State::Open { looks: 0 });
        }
        step().await;
        Ok(intended)
    }

    async fn close(&self, call: &usize, made: &Made<(), ()>) -> Result<(), ()> {
        step().await;
        let state = match made {
            Made::Done(()) => State::Done,
            Made::Refused(()) => State::Refused,
            Made::NotSent(()) => State::Intended,
            Made::Unknown(()) => State::Open { looks: 0 },
        };
        self.world().rows.insert(*call, state);
        step().await;
        Ok(())
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Accepted),
        Just(Fate::Refused),
        (1_u32..3).prop_map(Fate::NotSent),
        Just(Fate::LostBeforeEffect),
        Just(Fate::LostAfterEffect),
    ]
}

prop_compose! {
    fn scripts()(
        fates in prop::collection::vec(fates(), 1..5),
        readable in prop::collection::vec(any::<bool>(), 0..12),
        hidden in 0_u32..5,
        stopped_at in prop::option::of(1_u32..20),
        lives in prop::collection::vec(0_u32..25, 0..12),
    ) -> Script {
        Script { fates, readable, hidden, stopped_at, lives }
    }
}

/// Runs a process for so many steps and drops it where it is.
fn live(model: &Model, steps: u32) {
    let mut work = pin!(model.work());
    for _ in 0..steps {
        if work.as_mut().now_or_never().is_some() {
            return;
        }
    }
}

/// Runs the work to its end, whatever dies on the way.
fn run(script: Script) -> Model {
    let rows = (0..script.fates.len()).map(|call| (call, State::Intended));
    let world = World {
        rows: rows.collect(),
        ..World::default()
    };
    let lives = script.lives.clone();
    let model = Model {
        script,
        world: Mutex::new(world),
    };
    for steps in lives {
        if !model.world().ended {
            live(&model, steps);
        }
    }
    if !model.world().ended {
        live(&model, 10_000);
    }
    model
}

fn check(model: &Model) -> Result<(), TestCaseError> {
    let world = model.world();
    prop_assert!(world.ended, "{world:?}");
    for (call, state) in &world.rows {
        let has_effect = world.effects.contains_key(call);
        prop_assert!(
            world.reached.get(call).is_none_or(|times| *times == 1),
            "called twice: {world:?}"
        );
        match state {
            State::Open { .. } => prop_assert!(false, "forgotten: {world:?}"),
            State::Intended => prop_assert!(!has_effect && model.script.stopped_at.is_some(), "{world:?}"),
            State::Done => prop_assert!(has_effect, "claimed: {world:?}"),
            State::Refused => prop_assert!(!has_effect, "{world:?}"),
            // Told to a person, who finds what the other system shows late or never.
            State::Uncertain => prop_assert!(
                !has_effect || model.script.hidden >= MOST,
                "not proven: {world:?}"
            ),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_call_is_never_made_twice_nor_forgotten_wherever_processes_die(script in scripts()) {
        check(&run(script))?;
    }
}

#[test]
fn a_call_is_safe_at_each_single_step_at_which_its_process_dies() {
    for fate in [
        Fate::Accepted,
        Fate::Refused,
        Fate::NotSent(1),
        Fate::LostBeforeEffect,
        Fate::LostAfterEffect,
    ] {
        for steps in 0..40 {
            for stopped_at in [None, Some(1), Some(2), Some(3)] {
                let script = Script {
                    fates: vec![fate],
                    readable: vec![false, false, false, false],
                    hidden: 1,
                    stopped_at,
                    lives: vec![steps],
                };
                check(&run(script)).unwrap();
            }
        }
    }
}

#[test]
fn a_reading_that_failed_does_not_count() {
    assert_eq!(judge(Seen::Unreadable, 2, MOST), Verdict::ReadAgain { looks: 2 });
    assert_eq!(judge(Seen::Nothing, 1, MOST), Verdict::ReadAgain { looks: 2 });
    assert_eq!(judge(Seen::Nothing, 2, MOST), Verdict::Uncertain);
    assert_eq!(judge(Seen::Done, 2, MOST), Verdict::Done);
}

#[test]
fn nothing_ends_while_a_call_is_open() {
    for begins in [false, true] {
        for intended in [Left::No, Left::Later, Left::Due] {
            assert_eq!(next_step(begins, Left::Due, intended), Step::Settle);
            assert_ne!(next_step(begins, Left::Later, intended), Step::End);
        }
        assert_eq!(next_step(begins, Left::No, Left::No), Step::End);
    }
    assert_eq!(next_step(false, Left::No, Left::Due), Step::End);
    assert_eq!(next_step(true, Left::No, Left::Later), Step::Wait);
}
