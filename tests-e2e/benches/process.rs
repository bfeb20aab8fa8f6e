//! The process itself: how much memory it takes and how fast it starts.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use test_support::Simward;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fleet::{Fleet, REST};
use crate::report::{Report, median, ms};
use crate::sizes::Sizes;

const MEMORY_MIB: f64 = 150.0;
const START: Duration = Duration::from_secs(2);
const STARTS: usize = 5;
/// Of `/proc`, on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// After the sweep that stored the first SIMs, when all is quiet.
pub async fn idle_memory(report: &mut Report, sizes: &Sizes) {
    // Idle is a time without requests.
    tokio::time::sleep(REST).await;
    let name = format!("memory, idle, {} SIMs, after the sweep", sizes.swept());
    report.within_mib(&name, resident_mib(), MEMORY_MIB);
}

/// After every other measurement.
pub fn loaded_memory(report: &mut Report, sizes: &Sizes) {
    let name = format!("memory, {} SIMs, after all loads", sizes.sims);
    let mib = resident_mib();
    report.note(
        &name,
        format!("{mib:.0} MiB"),
        "150 MiB allowed when idle",
        Some(mib / MEMORY_MIB),
    );
}

/// From the start of the process to the first 200 of its health check, on a migrated database with the whole fleet.
pub async fn start_up(report: &mut Report, fleet: &mut Fleet) {
    fleet.sandbox.processes.clear();
    let mut times = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..STARTS {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let addr = port.expect("a free port");
        let options = fleet.sandbox.options.clone().with("SIMWARD_LISTEN", addr);
        let began = Instant::now();
        let ready = tokio::spawn(until_ready(addr, began));
        let simward = Simward::start_with_key(&fleet.sandbox.scope, &options, &fleet.key).await;
        times.push(ready.await.expect("the watcher"));
        resident.push(resident_mib());
        drop(simward);
    }
    let time = median(times.iter().copied());
    let slowest = times.iter().max().copied().unwrap_or_default();
    let measured = format!("{}, slowest {}", ms(time), ms(slowest));
    report.within("start to ready", measured, time, START);
    report.within_mib("memory, just started, whole fleet", median(resident), MEMORY_MIB);
}

/// Asks every few milliseconds; the process's own client would ask too seldom.
async fn until_ready(addr: SocketAddr, began: Instant) -> Duration {
    loop {
        if is_ready(addr).await.unwrap_or(false) {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "not ready");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

async fn is_ready(addr: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    let request = b"GET /health/ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// What the only running Simward of this program holds in memory.
fn resident_mib() -> f64 {
    status_mib("VmRSS:")
}

/// The most that it has held since its start.
pub fn peak_mib() -> f64 {
    status_mib("VmHWM:")
}

fn status_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string(simward().join("status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: Option<f64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.expect("a size") / 1024.0
}

/// How long it has worked since its start, on all cores together and in the kernel too.
pub fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string(simward().join("stat")).expect("its stat");
    // The name may hold spaces, so that fields are counted behind it: the 14th and 15th of all are the times.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// The only running Simward of this program.
fn simward() -> PathBuf {
    let mine = format!("PPid:\t{}", std::process::id());
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut running: Vec<PathBuf> = processes
        .map(|entry| entry.path())
        .filter(|folder| {
            let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
            status.starts_with("Name:\tsimward\n") && status.lines().any(|line| line == mine)
        })
        .collect();
    assert_eq!(running.len(), 1, "one Simward runs");
    running.remove(0)
}
