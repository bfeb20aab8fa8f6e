//! `simward dev status`: both programs, their ports and whether they serve.

use std::process::ExitCode;

use super::health::{Probe, client};
use super::installation::{Installation, Source};
use super::ports::{port_of, url};
use crate::services::listeners;

/// Prints a line each.
///
/// # Errors
/// When the installation cannot be read; a program that does not serve is the exit code's.
pub async fn show(installation: &Installation) -> anyhow::Result<ExitCode> {
    let client = client()?;
    let mut all_serve = true;
    match installation.source() {
        Source::Real(address) => println!("{:14} 1NCE at {address}", installation.emulator.name),
        Source::Emulator => {
            let port = installation.remembered.get("EMULATOR_PORT")?;
            let port = port.and_then(|port| port.parse().ok()).unwrap_or(0);
            let probe = Probe {
                process: &installation.emulator,
                port,
                url: format!("http://127.0.0.1:{port}/_emulator/health"),
            };
            all_serve &= line(&probe, &client, &port.to_string()).await;
        }
    }
    let mut ports = Vec::new();
    let mut api = None;
    for listener in listeners() {
        let address = installation.address(&listener)?;
        let port = port_of(&address)?;
        if api.is_none() {
            ports.push(port.to_string());
            api = Some((address, port));
        } else {
            ports.push(format!("{} {port}", listener.purpose));
        }
    }
    if let Some((address, port)) = api {
        let probe = Probe {
            process: &installation.simward,
            port,
            url: format!("{}/health/ready", url(&address)),
        };
        all_serve &= line(&probe, &client, &ports.join(", ")).await;
    }
    Ok(if all_serve {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether it serves.
async fn line(probe: &Probe<'_>, client: &reqwest::Client, ports: &str) -> bool {
    let name = probe.process.name;
    let Some(pid) = probe.process.pid() else {
        println!("{name:14} stopped");
        return false;
    };
    let serves = probe.serves(client).await;
    let state = if serves { "ready" } else { "unready" };
    println!("{name:14} {state:8} pid {pid:<8} port {ports}");
    serves
}
