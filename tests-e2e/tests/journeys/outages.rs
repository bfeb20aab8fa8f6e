use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::ensure;
use once_emulator::{EmulatorConfig, SimPatch};
use serde_json::{Value, json};
use test_support::{eventually, eventually_within};
use tests_e2e::{Books, Sandbox};

const FLEET: u32 = 1_600;
/// SIMs that people may change during one outage; each of them once.
const PER_OUTAGE: usize = 500;
/// SIMs behind the people's, which change at 1NCE.
const CHANGED_THERE: usize = 3 * PER_OUTAGE;

#[tokio::test]
async fn each_server_is_killed_and_started_under_load_and_nothing_is_lost() {
    let emulator = EmulatorConfig::default().with_fleet(FLEET).with_rate(60);
    let settings = [("SIMWARD__SIM__PAGE_SIZE", "20"), ("SIMWARD_SWEEP_INTERVAL", "1")];
    let sandbox = Sandbox::start_on_own_servers(emulator, &settings).await;
    sandbox.first_sync().await;
    let fleet: Vec<String> = sandbox
        .once()
        .sims()
        .await
        .unwrap()
        .into_iter()
        .map(|sim| sim.iccid)
        .collect();
    for (round, server) in ["redis", "nats", "postgres"].into_iter().enumerate() {
        let people = People::new(&sandbox, &fleet[round * PER_OUTAGE..][..PER_OUTAGE]);
        let there = &fleet[CHANGED_THERE + round * 20..][..20];

        tokio::join!(
            people.outlive(server, there),
            people.work(),
            people.work(),
            people.work()
        );

        people.find_every_accepted_change().await;
        eventually_within(Duration::from_secs(60), "the books balance", || async {
            Books::read(&sandbox).await?.balance()
        })
        .await;
    }
    let stats = sandbox.once().stats().await.unwrap();
    assert_eq!(stats.violations, 0, "{stats:?}");
}

/// People who change one SIM after the other, and try again until each change is accepted.
struct People<'a> {
    sandbox: &'a Sandbox,
    sims: &'a [String],
    next: AtomicUsize,
    accepted: AtomicUsize,
    over: AtomicBool,
}

impl<'a> People<'a> {
    fn new(sandbox: &'a Sandbox, sims: &'a [String]) -> Self {
        Self {
            sandbox,
            sims,
            next: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// The part of a SIM that is kept at 1NCE, and the one that is kept here only.
    fn change(number: usize) -> Value {
        json!({ "label": format!("change {number}"), "metadata": { "change": number } })
    }

    /// One person.
    async fn work(&self) {
        while !self.over.load(Relaxed) {
            let number = self.next.fetch_add(1, Relaxed);
            let iccid = self.sims.get(number).expect("enough SIMs for the outage");
            let path = format!("/api/v1/sims/{iccid}");
            eventually_within(Duration::from_secs(120), "a change is accepted", || async {
                let change = Some(Self::change(number));
                let (status, answer) = self.sandbox.simward().request("PUT", &path, change).await?;
                ensure!(status == 200, "{status} {answer}");
                Ok(())
            })
            .await;
            self.accepted.fetch_add(1, Relaxed);
        }
    }

    /// Waits until so many more changes were accepted.
    async fn go_on(&self, changes: usize) {
        let before = self.accepted.load(Relaxed);
        eventually_within(Duration::from_secs(60), "people are served", || async {
            let accepted = self.accepted.load(Relaxed);
            ensure!(accepted >= before + changes, "{accepted} changes");
            Ok(())
        })
        .await;
    }

    /// Kills the server under a running sweep and changes in flight, and starts it when that was felt.
    async fn outlive(&self, server: &str, there: &[String]) {
        let (sandbox, stack) = (self.sandbox, self.sandbox.stack.as_ref().unwrap());
        let (before, meanwhile) = there.split_at(there.len() / 2);
        change_at_1nce(sandbox, before, &format!("before {server}")).await;
        self.go_on(5).await;
        eventually("a sweep runs", || async {
            let status = sandbox.sync_status().await?;
            ensure!(status["running"]["state"] == "running", "{status}");
            Ok(())
        })
        .await;
        stack.kill(server).await;
        eventually(&format!("simward misses {server}"), || async {
            let report = sandbox.simward().get("/health").await?;
            ensure!(!is_well(&report, server), "{report}");
            Ok(())
        })
        .await;
        change_at_1nce(sandbox, meanwhile, &format!("without {server}")).await;
        if server == "redis" {
            self.go_on(5).await;
        }
        stack.start(server).await;
        eventually_within(Duration::from_secs(60), "simward is whole again", || async {
            let report = sandbox.simward().get("/health").await?;
            ensure!(is_well(&report, server), "{report}");
            sandbox.simward().get("/health/ready").await
        })
        .await;
        self.go_on(5).await;
        self.over.store(true, Relaxed);
    }

    /// What was answered 200 is there, at 1NCE and here.
    async fn find_every_accepted_change(&self) {
        for (number, iccid) in self.sims[..self.accepted.load(Relaxed)].iter().enumerate() {
            let change = Self::change(number);
            let there = self.sandbox.once().sim(iccid).await.unwrap();
            assert_eq!(
                there.label.as_deref(),
                change["label"].as_str(),
                "{iccid} at 1NCE"
            );
            let here = self
                .sandbox
                .simward()
                .get(&format!("/api/v1/sims/{iccid}"))
                .await
                .unwrap();
            assert_eq!(
                (&here["data"]["label"], &here["data"]["metadata"]),
                (&change["label"], &change["metadata"]),
                "{iccid} here"
            );
        }
    }
}

/// Whether the gateway's own check of the server holds.
fn is_well(report: &Value, server: &str) -> bool {
    let name = if server == "postgres" { "database" } else { server };
    let checks = report["services"][0]["checks"].as_array().expect("checks");
    checks
        .iter()
        .any(|check| check["name"] == name && check["ok"] == true)
}

/// Changes that a sweep has to find.
async fn change_at_1nce(sandbox: &Sandbox, iccids: &[String], label: &str) {
    let patch = SimPatch {
        label: Some(label.to_owned()),
        ..SimPatch::default()
    };
    for iccid in iccids {
        sandbox.once().patch_sim(iccid, &patch).await.unwrap();
    }
}
