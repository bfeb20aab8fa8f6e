//! The emulator as a process.

use anyhow::Context;
use clap::Parser;
use clap::builder::FalseyValueParser;
use once_emulator::{
    Customer, Emulator, EmulatorConfig, Generation, Mode, Settings, StreamConfig, StreamKind,
};
use tokio::signal::unix::{SignalKind, signal};

/// Emulates the 1NCE Management API on a local port.
#[derive(Debug, Parser)]
#[command(name = "once-emulator")]
struct Args {
    /// Address to listen on.
    #[arg(long, env = "EMULATOR_LISTEN", default_value = "127.0.0.1:8090")]
    listen: String,
    /// SIMs per customer.
    #[arg(long, env = "FLEET", default_value_t = 1000)]
    fleet: u32,
    /// Same seed, same fleet.
    #[arg(long, env = "EMULATOR_SEED", default_value_t = 1)]
    seed: u64,
    /// `recorded` or `spec`.
    #[arg(long, env = "EMULATOR_MODE", default_value = "recorded")]
    mode: Mode,
    /// Customers as `client_id:secret`, separated by commas; each account number has a fleet and a rate window.
    #[arg(
        long = "customer",
        env = "EMULATOR_CUSTOMERS",
        value_delimiter = ',',
        default_value = "990001_simward:emulator-secret",
        hide_env_values = true
    )]
    customers: Vec<String>,
    /// Calls per second and customer on /sims; 0 = no limit.
    #[arg(long, env = "EMULATOR_RATE", default_value_t = 10)]
    rate: u32,
    /// Switches every rate limit off.
    #[arg(long, env = "EMULATOR_NO_LIMITS", value_parser = FalseyValueParser::new())]
    no_limits: bool,
    /// Starts with API v1 retired.
    #[arg(long, env = "EMULATOR_V1_RETIRED", value_parser = FalseyValueParser::new())]
    v1_retired: bool,
    /// Leaves `detail` out of v2 events: its published schema accepts no natural value.
    #[arg(long, env = "EMULATOR_NO_EVENT_DETAILS", value_parser = FalseyValueParser::new())]
    no_event_details: bool,
    /// Other settings as a JSON object, as the control API takes it: `{"arrival_ms": 20, "v2_only_from": 500}`.
    #[arg(long, env = "EMULATOR_SETTINGS", default_value = "{}")]
    settings: String,
    /// Milliseconds added to every answer.
    #[arg(long, env = "EMULATOR_LATENCY_MS", default_value_t = 0)]
    latency_ms: u64,
    /// HTTP worker threads.
    #[arg(long, env = "EMULATOR_WORKERS", default_value_t = 2)]
    workers: usize,
    /// Pushes the usage and event records of the first customer to this URL from the start, and never gives up.
    #[arg(long, env = "EMULATOR_STREAM_URL")]
    stream_url: Option<String>,
    /// User of the streams' basic authorization.
    #[arg(long, env = "EMULATOR_STREAM_USER", default_value = "")]
    stream_user: String,
    /// Password of the streams' basic authorization.
    #[arg(
        long,
        env = "EMULATOR_STREAM_PASSWORD",
        default_value = "",
        hide_env_values = true
    )]
    stream_password: String,
    /// Days before now the streams begin.
    #[arg(long, env = "EMULATOR_STREAM_HISTORY_DAYS", default_value_t = 0)]
    stream_history_days: u32,
}

/// One stream of usage and one of events; none without a URL.
fn streams(args: &Args) -> Vec<StreamConfig> {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let Some(url) = args.stream_url.as_ref().and_then(given) else {
        return Vec::new();
    };
    let stream = |kind| StreamConfig {
        url: url.clone(),
        user: given(&args.stream_user),
        password: given(&args.stream_password),
        kind,
        history_seconds: i64::from(args.stream_history_days) * 86_400,
        max_failures: 0,
        ..StreamConfig::default()
    };
    vec![stream(StreamKind::Usage), stream(StreamKind::Events)]
}

fn customer(text: &str) -> anyhow::Result<Customer> {
    let (id, secret) = text
        .split_once(':')
        .context("a customer is given as client_id:secret")?;
    Ok(Customer {
        client_id: id.to_owned(),
        client_secret: secret.to_owned(),
    })
}

fn config(args: Args) -> anyhow::Result<EmulatorConfig> {
    let v1 = if args.v1_retired {
        Generation::Retired
    } else {
        Generation::Active
    };
    let settings = Settings {
        mode: args.mode,
        v1,
        rate_per_second: args.rate,
        latency_ms: args.latency_ms,
        event_details: !args.no_event_details,
        ..Settings::default()
    };
    let given = serde_json::from_str(&args.settings).context("the settings are no JSON")?;
    let settings = settings.merged(&given).map_err(anyhow::Error::msg)?;
    let customers = args
        .customers
        .iter()
        .map(|text| customer(text))
        .collect::<anyhow::Result<_>>()?;
    let streams = streams(&args);
    let config = EmulatorConfig {
        streams,
        listen: args.listen,
        fleet: args.fleet,
        seed: args.seed,
        start: None,
        customers,
        settings,
        workers: args.workers,
    };
    Ok(if args.no_limits {
        config.without_limits()
    } else {
        config
    })
}

/// Logs are off unless `RUST_LOG` asks for them; then they are JSON on stderr.
fn init_logs() {
    if let Some(filter) = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()) {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    init_logs();
    let config = config(Args::parse())?;
    let mut term = signal(SignalKind::terminate())?;
    let emulator = Emulator::start(config).await?;
    println!("once-emulator listening on {}", emulator.base_url());
    tokio::select! {
        _ = term.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    emulator.stop().await;
    Ok(())
}
