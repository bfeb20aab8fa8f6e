//! How much of the rate that 1NCE grants a sweep uses, and how long a person waits beside it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use once_emulator::{CallFilter, EmulatorConfig, Fault, FaultKind};
use serde_json::Value;
use tests_e2e::Sandbox;

use crate::fleet::SETTINGS;
use crate::load::Load;
use crate::report::{Report, ms};

/// Calls per second that 1NCE grants (FACTS §3).
const RATE: usize = 10;
/// Between two looks of a person at a SIM.
const PAUSE: Duration = Duration::from_millis(100);

/// How much longer which part of the answers takes than the others, milliseconds.
const UNEVEN: [(u64, f64); 4] = [(60, 1.0), (90, 0.3), (200, 0.15), (700, 0.05)];

/// Four sweeps of 100 pages: of a new fleet, of a known one, beside a person who refreshes single SIMs, and of a 1NCE whose
/// answers take uneven time.
pub async fn measure(report: &mut Report) {
    let mut settings = SETTINGS.to_vec();
    settings.push(("SIMWARD__SIM__PAGE_SIZE", "10"));
    let sandbox = Sandbox::start(EmulatorConfig::default(), &settings).await;
    let seen = last_call(&sandbox).await;
    sandbox.sync().await;
    let first = rate_since(&sandbox, seen).await;
    let seen = last_call(&sandbox).await;
    sandbox.sync().await;
    let alone = rate_since(&sandbox, seen).await;
    let seen = last_call(&sandbox).await;
    let (run, looks) = sweep_beside_a_person(&sandbox).await;
    assert_eq!(run["state"], "completed", "{run}");
    let together = rate_since(&sandbox, seen).await;
    let uneven = sweep_with_uneven_answers(&sandbox).await;
    let granted = format!("{RATE} calls/s granted");
    for (name, rate) in [
        ("first sweep", first),
        ("sweep alone", alone),
        ("sweep beside ?refresh=true", together),
        ("sweep, uneven answers", uneven),
    ] {
        let ratio = rate / RATE as f64;
        report.at_least(name, format!("{rate:.2} calls/s"), granted.clone(), ratio, 0.95);
    }
    let stats = sandbox.once().stats().await.expect("the emulator's counters");
    report.none_of("calls over 1NCE's limit", stats.violations);
    let measured = format!(
        "p50 {}, p95 {}, {} of them",
        ms(looks.percentile(50)),
        ms(looks.percentile(95)),
        looks.count()
    );
    let name = "get ?refresh=true during a sweep";
    // 1NCE counts by the second: the longest wait of whoever is next.
    let ratio = looks.percentile(95).as_secs_f64();
    report.note(name, measured, "1 s, 1NCE's window", Some(ratio));
}

/// Calls per second.
async fn sweep_with_uneven_answers(sandbox: &Sandbox) -> f64 {
    for (ms, share) in UNEVEN {
        let delay = Fault::new(FaultKind::Delay, "*/sims")
            .delay_ms(ms)
            .probability(share);
        sandbox.once().faults_add(&delay).await.expect("a fault");
    }
    let seen = last_call(sandbox).await;
    sandbox.sync().await;
    let rate = rate_since(sandbox, seen).await;
    sandbox.once().faults_clear().await.expect("no fault");
    rate
}

/// Refreshes one SIM after the other until the sweep is over.
async fn sweep_beside_a_person(sandbox: &Sandbox) -> (Value, Load) {
    let iccids: Vec<String> = sandbox
        .once()
        .sims()
        .await
        .expect("the fleet")
        .into_iter()
        .map(|sim| sim.iccid)
        .collect();
    let run = sandbox.start_sync().await.expect("a sync starts");
    let began = Instant::now();
    let over = AtomicBool::new(false);
    let sweep = async {
        let run = sandbox.finished(&run).await;
        over.store(true, Ordering::Relaxed);
        run
    };
    let person = async {
        let mut times = Vec::new();
        for iccid in iccids.iter().step_by(7).cycle() {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let asked = Instant::now();
            let path = format!("/api/v1/sims/{iccid}?refresh=true");
            sandbox.simward().get(&path).await.expect("a fresh SIM");
            times.push(asked.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        times
    };
    let (run, times) = tokio::join!(sweep, person);
    (run, Load::new(times, began.elapsed()))
}

async fn last_call(sandbox: &Sandbox) -> u64 {
    let calls = sandbox.once().calls(&CallFilter::default()).await.expect("calls");
    calls.last().map_or(0, |call| call.id)
}

/// Calls per second on `/sims*` after a call: between the last of the first ten and the last of all, because the
/// first ten may come at once.
async fn rate_since(sandbox: &Sandbox, id: u64) -> f64 {
    let filter = CallFilter {
        since_id: Some(id),
        path: Some("/sims".to_owned()),
        ..CallFilter::default()
    };
    let calls = sandbox.once().calls(&filter).await.expect("calls");
    assert!(calls.len() > 5 * RATE, "{} calls", calls.len());
    let elapsed = calls[calls.len() - 1].at_ms - calls[RATE - 1].at_ms;
    (calls.len() - RATE) as f64 * 1000.0 / elapsed as f64
}
