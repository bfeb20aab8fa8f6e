//! Starting and stopping an emulator; it runs on a thread of its own, whatever runtime the caller uses.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, PayloadConfig};
use actix_web::{App, HttpServer};
use tokio::sync::oneshot;

use crate::config::EmulatorConfig;
use crate::control::client::ControlClient;
use crate::error::EmulatorError;
use crate::fleet::seeded::{MAX_CUSTOMERS, SLOT_SIZE};
use crate::streams::types::StreamConfig;
use crate::world::{World, lock};
use crate::{api, control, streams};

/// SIMs a customer can start with; the rest of its numbers is kept for SIMs added later.
pub const MAX_FLEET: u32 = 3_000_000;
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// A running emulator. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    handle: ServerHandle,
    control: ControlClient,
    thread: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

fn check(config: &EmulatorConfig) -> Result<(), EmulatorError> {
    let refuse = |text: String| Err(EmulatorError::Config(text));
    if config.fleet > MAX_FLEET {
        return refuse(format!("fleet is at most {MAX_FLEET}"));
    }
    if config.customers.is_empty() || config.customers.len() > MAX_CUSTOMERS as usize {
        return refuse(format!("1 to {MAX_CUSTOMERS} customers are possible"));
    }
    let mut ids: Vec<&str> = config
        .customers
        .iter()
        .map(|customer| customer.client_id.as_str())
        .collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("two customers share a client id".to_owned());
    }
    if config
        .customers
        .iter()
        .any(|c| c.client_id.contains(':') || c.client_id.is_empty() || c.client_secret.is_empty())
    {
        return refuse("client ids and secrets must not be empty, and a client id holds no colon".to_owned());
    }
    config.settings.check().map_err(EmulatorError::Config)?;
    for stream in &config.streams {
        stream.check().map_err(EmulatorError::Config)?;
    }
    const { assert!(MAX_FLEET < SLOT_SIZE) };
    Ok(())
}

impl Emulator {
    /// Listens and serves; returns when calls are answered.
    pub async fn start(config: EmulatorConfig) -> Result<Self, EmulatorError> {
        check(&config)?;
        let failed = |source| EmulatorError::Listen {
            address: config.listen.clone(),
            source,
        };
        let listener = TcpListener::bind(&config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let world = Data::new(World::new(&config));
        let workers = config.workers.max(1);
        let streams = config.streams.clone();
        let (ready, started) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("once-emulator".to_owned())
            .spawn(move || serve(listener, world, workers, streams, ready))
            .map_err(|_| EmulatorError::Thread)?;
        let handle = started.await.map_err(|_| EmulatorError::Thread)?;
        Ok(Self {
            address,
            handle,
            control: ControlClient::new(format!("http://{address}{}", control::PREFIX)),
            thread: Some(thread),
        })
    }

    /// Base URL of the API, `http://127.0.0.1:PORT/management-api`.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, api::PREFIX)
    }

    /// URL of the control API, `http://127.0.0.1:PORT/_emulator`.
    pub fn control_url(&self) -> String {
        format!("http://{}{}", self.address, control::PREFIX)
    }

    /// A client of the control API; all share their connections, as making one reads every root certificate.
    pub fn control(&self) -> ControlClient {
        self.control.clone()
    }

    /// Ends open connections and frees the port.
    pub async fn stop(mut self) {
        self.handle.stop(false).await;
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(Ok(())))) {
                tracing::warn!("the emulator thread ended with an error");
            }
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The command is sent by the call; the future would only wait for the end.
        drop(self.handle.stop(false));
    }
}

fn serve(
    listener: TcpListener,
    world: Data<World>,
    workers: usize,
    streams: Vec<StreamConfig>,
    ready: oneshot::Sender<ServerHandle>,
) -> std::io::Result<()> {
    actix_web::rt::System::new().block_on(async move {
        // The workers have threads of their own: streams do not slow calls down.
        lock(&world.streams).run_on(tokio::runtime::Handle::current());
        for config in streams {
            streams::create(&world, 0, config).map_err(std::io::Error::other)?;
        }
        let server = HttpServer::new(move || {
            App::new()
                .app_data(world.clone())
                .app_data(PayloadConfig::new(BODY_LIMIT))
                .configure(control::routes)
                .default_service(web::to(api::handle))
        })
        .workers(workers)
        .keep_alive(Duration::from_secs(75))
        .disable_signals()
        .listen(listener)?
        .run();
        // Nobody waits any more if the starter was cancelled: then the server ends here.
        if ready.send(server.handle()).is_err() {
            return Ok(());
        }
        server.await
    })
}
