use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;

use tokio::net::TcpSocket;

use crate::checkout::{ADDRESSES, Checkout};

const SIMS: &str = "/api/v1/sims?page_size=1";

#[tokio::test]
async fn up_starts_both_programs_and_tells_how_to_reach_them() {
    let checkout = Checkout::new().await;

    let told = checkout.succeeds(&["up"], &[]);

    assert_eq!(checkout.get(SIMS).await, 200);
    for name in ["SIMWARD_URL", "SIMWARD_ADMIN_KEY", "DATASTREAMER_URL"] {
        assert!(told.contains(&checkout.value("dev.env", name)), "{name}: {told}");
    }
    for file in ["dev.env", "secrets.env", "run/remembered.env"] {
        let mode = fs::metadata(checkout.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let status = checkout.succeeds(&["status"], &[]);
    assert_eq!(status.matches(" ready ").count(), 2, "{status}");
    let found = checkout.dev(&["exec", "doctor"], &[]);
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stdout)
    );
}

#[tokio::test]
async fn a_second_up_leaves_what_runs_and_another_setting_restarts_only_what_reads_it() {
    let checkout = Checkout::new().await;
    checkout.succeeds(&["up"], &[]);
    let (simward, emulator) = (checkout.pid("simward"), checkout.pid("once-emulator"));
    let key = checkout.value("dev.env", "SIMWARD_ADMIN_KEY");

    checkout.succeeds(&["up"], &[("LANG", "C")]);
    assert_eq!(
        (checkout.pid("simward"), checkout.pid("once-emulator")),
        (simward, emulator)
    );

    checkout.succeeds(&["up"], &[("SIMWARD_SWEEP_INTERVAL", "1234")]);

    assert_ne!(checkout.pid("simward"), simward);
    assert_eq!(checkout.pid("once-emulator"), emulator);
    assert_eq!(checkout.value("dev.env", "SIMWARD_ADMIN_KEY"), key);
    assert_eq!(checkout.get(SIMS).await, 200);
}

#[tokio::test]
async fn a_key_that_the_database_does_not_know_is_replaced() {
    let checkout = Checkout::new().await;
    checkout.succeeds(&["up"], &[]);
    let address = checkout.value("dev.env", "SIMWARD_URL");
    checkout.write(
        "dev.env",
        &format!("SIMWARD_URL={address}\nSIMWARD_ADMIN_KEY=sk_unknown\n"),
    );

    checkout.succeeds(&["up"], &[]);

    assert_eq!(checkout.get(SIMS).await, 200);
}

#[tokio::test]
async fn addresses_that_somebody_else_has_are_left_for_free_ones() {
    let checkout = Checkout::new().await;
    let taken = ADDRESSES.map(|name| checkout.value("run/remembered.env", name));
    let _others = taken
        .each_ref()
        .map(|address| TcpListener::bind(socket(address)).unwrap());

    checkout.succeeds(&["up"], &[]);

    assert_all_moved(&checkout, &taken);
    assert_eq!(checkout.get(SIMS).await, 200);
}

/// As when another checkout is faster: the ports look free, and starting there fails.
#[tokio::test]
async fn addresses_that_are_taken_in_the_last_moment_are_left_for_free_ones() {
    let checkout = Checkout::new().await;
    let taken = ADDRESSES.map(|name| checkout.value("run/remembered.env", name));
    let _others = taken.each_ref().map(|address| {
        let other = TcpSocket::new_v4().unwrap();
        other.bind(socket(address)).unwrap();
        other
    });

    checkout.succeeds(&["up"], &[]);

    assert_all_moved(&checkout, &taken);
    assert_eq!(checkout.get(SIMS).await, 200);
    let emulator = fs::read(format!("/proc/{}/environ", checkout.pid("once-emulator"))).unwrap();
    let told = format!(
        "EMULATOR_STREAM_URL={}\0",
        checkout.value("dev.env", "DATASTREAMER_URL")
    );
    assert!(
        String::from_utf8_lossy(&emulator).contains(&told),
        "the emulator posts to where nobody listens"
    );
}

#[tokio::test]
async fn a_given_address_that_is_taken_is_an_error() {
    let checkout = Checkout::new().await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    for (name, value) in ADDRESSES.into_iter().zip([&address, &address, &port]) {
        let told = checkout.fails(&["up"], &[(name, value)]);
        assert!(
            told.contains(&format!("error: {name}={value}: something else listens there")),
            "{told}"
        );
    }
}

#[test]
fn what_up_would_refuse_is_refused_before_a_build() {
    let checkout = Checkout::without_servers();
    checkout.write("run/remembered.env", "SIM_SOURCE=emulator\nFLEET=1000\n");
    checkout.succeeds(&["check"], &[]);
    for (name, value, reason) in [
        (
            "FLEET",
            "999",
            "the fleet has 1000 SIMs already: run 'make clean' for a smaller one",
        ),
        ("FLEET", "007", "FLEET=007 is no number"),
        (
            "DATASTREAMER_USER",
            "1nce",
            "DATASTREAMER_USER and DATASTREAMER_PASSWORD go together",
        ),
        (
            "ONCE_API_BASE_URL",
            "https://api.1nce.com/management-api",
            "the SIMs in .local come from emulator: run 'make clean', then 'make up'",
        ),
    ] {
        let told = checkout.fails(&["check"], &[(name, value)]);
        assert_eq!(told, format!("error: {reason}\n"));
    }
}

fn assert_all_moved(checkout: &Checkout, taken: &[String]) {
    for (name, before) in ADDRESSES.into_iter().zip(taken) {
        assert_ne!(&checkout.value("run/remembered.env", name), before, "{name}");
    }
}

/// Of an address, or of a port of this machine.
fn socket(address: &str) -> SocketAddr {
    let port = address.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    (Ipv4Addr::LOCALHOST, port).into()
}
