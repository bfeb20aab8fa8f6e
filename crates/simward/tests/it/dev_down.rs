use std::net::TcpStream;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use test_support::eventually;

use crate::checkout::{Checkout, free_ports};

#[tokio::test]
async fn what_was_killed_is_started_again_with_the_same_key() {
    let checkout = Checkout::new().await;
    checkout.succeeds(&["up"], &[]);
    let key = checkout.value("dev.env", "SIMWARD_ADMIN_KEY");
    let killed = checkout.pid("simward");
    kill_process(Pid::from_raw(killed).unwrap(), Signal::KILL).unwrap();
    eventually("status tells of it", || async {
        let output = checkout.dev(&["status"], &[]);
        let status = String::from_utf8(output.stdout)?;
        anyhow::ensure!(status.contains("simward        stopped\n"), "{status}");
        anyhow::ensure!(!output.status.success());
        Ok(())
    })
    .await;

    checkout.succeeds(&["up"], &[]);

    assert_ne!(checkout.pid("simward"), killed);
    assert_eq!(checkout.value("dev.env", "SIMWARD_ADMIN_KEY"), key);
    assert_eq!(checkout.get("/api/v1/sims?page_size=1").await, 200);
}

#[tokio::test]
async fn down_ends_both_programs_and_a_second_one_has_nothing_to_do() {
    let checkout = Checkout::new().await;
    checkout.succeeds(&["up"], &[]);
    let address = checkout.value("run/remembered.env", "SIMWARD_LISTEN");

    let told = checkout.dev(&["down"], &[]);

    assert!(told.status.success());
    assert!(String::from_utf8_lossy(&told.stderr).contains("The emulated 1NCE forgets"));
    assert!(TcpStream::connect(address).is_err());
    let status = String::from_utf8(checkout.dev(&["status"], &[]).stdout).unwrap();
    assert_eq!(status, "once-emulator  stopped\nsimward        stopped\n");
    let again = checkout.dev(&["down"], &[]);
    assert!(again.status.success());
    assert!(!String::from_utf8_lossy(&again.stderr).contains("forgets"));
}

/// Ended by its test, whatever the test's result.
struct Stranger(Child);

impl Stranger {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // Already gone where the test has failed.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

#[test]
fn another_program_that_has_the_number_now_is_never_touched() {
    let checkout = Checkout::without_servers();
    let mut stranger = Stranger::start(Command::new("sleep").arg("300"));
    let simward = env!("CARGO_BIN_EXE_simward");
    checkout.write("run/simward.pid", &format!("{}\n{simward}\n", stranger.0.id()));

    checkout.succeeds(&["down"], &[]);

    assert!(stranger.runs());
}

#[test]
fn another_process_of_the_same_program_is_never_touched() {
    let checkout = Checkout::without_servers();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_simward")).with_file_name("once-emulator");
    let [port, ..] = free_ports();
    let mut stranger = Stranger::start(Command::new(&program).args([
        "--listen",
        &format!("127.0.0.1:{port}"),
        "--fleet",
        "1",
    ]));
    let id = stranger.0.id();
    checkout.write(
        "run/once-emulator.pid",
        &format!("{id}\n{}\n1\n", program.display()),
    );
    checkout.succeeds(&["down"], &[]);
    assert!(
        stranger.runs(),
        "it began at another time than the one that was started here"
    );

    checkout.write("run/once-emulator.pid", &format!("{id}\n{}\n", program.display()));
    checkout.succeeds(&["down"], &[]);

    assert!(!stranger.runs(), "a file of an earlier version lacks the time");
}
