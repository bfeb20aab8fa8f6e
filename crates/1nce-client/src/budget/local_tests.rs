use super::*;
use crate::config::ClientConfig;
use domain::AccountSlug;
use proptest::prelude::*;

fn spec(rate: u32, replicas: u32) -> LimitSpec {
    let account = AccountSlug::parse("main").unwrap();
    let mut config = ClientConfig::new(account, "http://127.0.0.1:1", "id", "secret".into());
    config.sims_per_second = rate;
    config.replicas = replicas;
    LimitSpec::sims(&config)
}

fn any(lane: Lane) -> Caller {
    Caller {
        lane,
        organization: None,
    }
}

/// A person of an organization.
fn of(number: u128) -> Caller {
    Caller {
        lane: Lane::Interactive,
        organization: Some(OrganizationId(uuid::Uuid::from_u128(number))),
    }
}

/// Who is granted one call after the other when all these wait all the time.
fn served(spec: &LimitSpec, waiting: &[Caller], grants: usize) -> Vec<Caller> {
    let mut now = Instant::now();
    let mut window = LocalWindow::new(spec.clone(), now);
    let mut served = Vec::new();
    while served.len() < grants {
        let granted = waiting
            .iter()
            .filter(|caller| matches!(window.look(**caller, waiting, now), Turn::Granted(_)));
        served.extend(granted);
        now += Duration::from_millis(1);
    }
    served
}

fn count(served: &[Caller], caller: Caller) -> usize {
    served.iter().filter(|one| **one == caller).count()
}

/// Lets waiting callers of the given lanes run for a while and returns the moments of the grants.
fn run(window: &mut LocalWindow, start: Instant, lanes: &[Lane], lateness_ms: &[u64]) -> Vec<Instant> {
    let mut now = start;
    let mut grants = Vec::new();
    for (turn, lane) in lanes.iter().enumerate() {
        loop {
            match window.look(any(*lane), &[], now) {
                Turn::Granted(_) => break,
                Turn::Wait(wait) => {
                    now += wait + Duration::from_millis(lateness_ms[turn % lateness_ms.len()])
                }
            }
        }
        grants.push(now);
    }
    grants
}

fn most_in_a_second(grants: &[Instant]) -> usize {
    grants
        .iter()
        .map(|from| {
            let until = *from + Duration::from_secs(1);
            grants.iter().filter(|at| *at >= from && **at < until).count()
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn a_start_waits_for_the_unknown_past() {
    let start = Instant::now();
    let mut window = LocalWindow::new(spec(10, 1), start);
    assert_eq!(
        window.look(any(Lane::Interactive), &[], start),
        Turn::Wait(Duration::from_millis(1_150))
    );
}

#[test]
fn a_higher_lane_makes_a_lower_one_stand_back_even_when_there_is_room() {
    let start = Instant::now();
    let mut window = LocalWindow::new(spec(10, 1), start);
    let later = start + Duration::from_secs(5);
    assert_eq!(
        window.look(any(Lane::Background), &[any(Lane::Interactive)], later),
        Turn::Wait(STAND_BACK)
    );
    assert!(matches!(
        window.look(any(Lane::Interactive), &[], later),
        Turn::Granted(_)
    ));
}

#[test]
fn a_late_arrival_frees_its_place_later() {
    let start = Instant::now();
    let mut window = LocalWindow::new(spec(1, 1), start);
    let later = start + Duration::from_secs(5);
    let Turn::Granted(id) = window.look(any(Lane::Interactive), &[], later) else {
        panic!("there is room");
    };
    window.shift(id, Duration::from_millis(200));
    assert_eq!(
        window.look(any(Lane::Interactive), &[], later),
        Turn::Wait(Duration::from_millis(1_230))
    );
}

#[test]
fn full_load_uses_at_least_95_percent() {
    let start = Instant::now();
    let mut window = LocalWindow::new(spec(10, 1), start);
    let grants = run(&mut window, start, &[Lane::Background; 500], &[1]);
    let seconds = grants[499].duration_since(grants[0]).as_secs_f64();
    assert!(499.0 / seconds >= 9.5, "{}", 499.0 / seconds);
}

#[test]
fn a_429_blocks_then_halves_then_recovers() {
    let start = Instant::now();
    let mut window = LocalWindow::new(spec(10, 1), start);
    let at = start + Duration::from_secs(5);
    window.penalize(Some(Duration::from_secs(3)), 1.0, at);
    assert_eq!(
        window.look(any(Lane::Interactive), &[], at),
        Turn::Wait(Duration::from_secs(3))
    );
    assert!((window.snapshot(at).rate - 5.0 / 1.03).abs() < 0.1);
    window.penalize(
        Some(Duration::from_millis(1)),
        1.0,
        at + Duration::from_millis(500),
    );
    assert!(
        window.factor(at + Duration::from_millis(500)) > 0.5,
        "one 429 burst is one penalty"
    );
    let recovered = window.snapshot(at + RECOVERY);
    assert!((recovered.rate - 10.0 / 1.03).abs() < 0.01, "{}", recovered.rate);
}

#[test]
fn each_429_without_a_time_doubles_the_pause_until_1nce_calms_down() {
    let mut at = Instant::now();
    let mut window = LocalWindow::new(spec(10, 1), at);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        window.penalize(None, 1.0, at);
        let pause = window.snapshot(at).blocked_for.unwrap();
        pauses.push(pause.as_secs());
        at += pause;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32]);
    at += RECOVERY;
    window.penalize(None, 1.2, at);
    assert_eq!(
        window.snapshot(at).blocked_for,
        Some(Duration::from_millis(1_200))
    );
}

#[test]
fn a_sweep_leaves_a_part_of_a_long_window_to_commands_and_people() {
    let start = Instant::now();
    let spec = LimitSpec::per_ip("orders", 100, Duration::from_secs(300), 1);
    let mut window = LocalWindow::new(spec, start);
    let mut granted = |lane| {
        (0..200)
            .filter(|_| matches!(window.look(any(lane), &[], start), Turn::Granted(_)))
            .count()
    };
    let lanes = [Lane::Background, Lane::Command, Lane::Interactive];
    assert_eq!(lanes.map(&mut granted), [50, 25, 25]);
}

#[test]
fn more_replicas_than_calls_stretch_the_window() {
    let start = Instant::now();
    let mut window = LocalWindow::new(spec(10, 20), start);
    let grants = run(&mut window, start, &[Lane::Interactive; 5], &[0]);
    assert!(grants[4].duration_since(grants[0]) >= Duration::from_secs(8));
}

#[test]
fn the_background_gets_a_quarter_beside_a_bulk_job_and_a_fifth_like_bulk_edits_beside_commands_too() {
    let [command, bulk, sweep] = [Lane::Command, Lane::Bulk, Lane::Background].map(any);
    let beside_bulk = served(&spec(10, 1), &[bulk, sweep], 500);
    assert_eq!(
        (count(&beside_bulk, bulk), count(&beside_bulk, sweep)),
        (375, 125)
    );

    let all = served(&spec(10, 1), &[command, bulk, sweep], 500);
    let counts = [command, bulk, sweep].map(|caller| count(&all, caller));
    assert!(
        counts[0] >= 290 && counts[1] >= 99 && counts[2] >= 99,
        "{counts:?}"
    );
}

#[test]
fn commands_go_before_bulk_edits_and_people_before_all() {
    let [person, command, bulk] = [Lane::Interactive, Lane::Command, Lane::Bulk].map(any);
    assert_eq!(
        count(&served(&spec(10, 1), &[bulk, command, person], 100), person),
        100
    );
    let first: Vec<Caller> = served(&spec(10, 1), &[bulk, command], 4);
    assert_eq!(count(&first, command), 4);
}

#[test]
fn organizations_take_turns_and_so_do_those_who_name_none() {
    let waiting = [of(1), of(2), of(3), any(Lane::Interactive)];
    let served = served(&spec(10, 1), &waiting, 400);
    for caller in waiting {
        assert_eq!(count(&served, caller), 100);
    }
}

#[test]
fn one_organization_gets_half_while_a_sweep_waits_and_all_of_it_alone() {
    let sweep = any(Lane::Background);
    let together = served(&spec(10, 1), &[of(1), sweep], 400);
    assert!(
        (190..=210).contains(&count(&together, of(1))),
        "{}",
        count(&together, of(1))
    );

    let start = Instant::now();
    let mut window = LocalWindow::new(spec(10, 1), start);
    let now = start + Duration::from_secs(5);
    let alone = (0..20).filter(|_| matches!(window.look(of(1), &[of(1)], now), Turn::Granted(_)));
    assert_eq!(alone.count(), 10);
}

#[test]
fn the_rate_is_divided_by_the_processes_that_were_seen_and_by_the_configured_number_at_least() {
    let now = Instant::now();
    let mut window = LocalWindow::new(spec(10, 2), now);
    let mut rate = |seen| {
        window.share_with(seen);
        (window.snapshot(now).rate * 1.03).round()
    };
    assert_eq!([rate(1), rate(2), rate(5), rate(0)], [5.0, 5.0, 2.0, 5.0]);
}

proptest! {
    #[test]
    fn no_window_of_a_second_ever_holds_more_than_the_rate(
        rate in 1u32..40,
        replicas in 1u32..5,
        lanes in prop::collection::vec(0usize..Lane::COUNT, 1..200),
        lateness in prop::collection::vec(0u64..120, 1..20),
    ) {
        let start = Instant::now();
        let lanes: Vec<Lane> = lanes.into_iter().map(|lane| Lane::ALL[lane]).collect();
        let mut window = LocalWindow::new(spec(rate, replicas), start);
        let grants = run(&mut window, start, &lanes, &lateness);
        prop_assert!(most_in_a_second(&grants) <= (rate / replicas).max(1) as usize);
    }
}
