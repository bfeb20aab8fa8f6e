//! The HTTP server: sockets, connections and how long they last.

mod connection;
mod cors;
mod front;
mod route_metrics;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Server, ServiceFactory, ServiceRequest, ServiceResponse, fn_service};
use actix_web::{App, web};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use self::connection::{Connection, Patience};
use self::front::Front;

use crate::app::{CHANGE_LIMIT, Gateway};
use crate::error::GatewayError;
use crate::rest::frame::routes::{Routes, dispatch};

/// What running requests get at the end, seconds: a change to its limit, and its answer. Connections without a request
/// close at once.
const STOP_SECONDS: u64 = CHANGE_LIMIT.as_secs() + 2;
/// How long a connection that is being closed waits for its client.
const CLOSE: Duration = Duration::from_secs(1);
/// Connections of one HTTP thread; more wait. Each costs a file descriptor.
const MAX_CONNECTIONS: usize = 4096;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds every address of the setting; the server and the first of them.
pub fn server(
    gateway: &Arc<Gateway>,
    routes: &web::Data<Routes>,
) -> Result<(Server, SocketAddr), GatewayError> {
    let config = &gateway.config.listen;
    let failed = |source| GatewayError::Listen {
        listen: config.listen.clone(),
        source,
    };
    let listeners = listen(&config.listen).map_err(failed)?;
    let first = listeners.first().map(TcpListener::local_addr);
    let first = first.unwrap_or_else(|| Err(io::ErrorKind::AddrNotAvailable.into()));
    let addr = first.map_err(failed)?;
    let patience = Patience {
        head: Duration::from_millis(config.head_timeout_ms),
        write: Duration::from_millis(config.write_timeout_ms),
        keep_alive: Duration::from_millis(config.keep_alive_ms),
    };
    let mut builder = Server::build()
        .max_concurrent_connections(MAX_CONNECTIONS)
        .shutdown_timeout(STOP_SECONDS)
        .disable_signals();
    if config.workers > 0 {
        builder = builder.workers(config.workers);
    }
    let end = builder.graceful_shutdown_signal();
    for listener in listeners {
        let (data, routes) = (web::Data::from(Arc::clone(gateway)), routes.clone());
        let end = end.clone();
        let service = move || {
            let end = end.clone();
            let app = self::app(data.clone(), routes.clone()).into_factory();
            let app = app.map_err(|error: actix_web::Error| error.error_response());
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let end = end.clone();
                    async move { end.notified().await }
                })
                .keep_alive(patience.keep_alive)
                // A client that left is noticed at once, also while its stream of events is silent.
                .h1_allow_half_closed(false)
                .client_request_timeout(Duration::ZERO)
                .client_disconnect_timeout(CLOSE)
                .on_connect_ext(|connection: &Connection, data| {
                    data.insert(connection.stage());
                })
                .h1(map_config(app, |()| AppConfig::default()));
            fn_service(move |io: TcpStream| async move {
                let peer = io.peer_addr().ok();
                Ok((Connection::new(io, patience), peer))
            })
            .and_then(http)
        };
        builder = builder.listen("rest", listener, service).map_err(failed)?;
    }
    Ok((builder.run(), addr))
}

fn app(
    data: web::Data<Gateway>,
    routes: web::Data<Routes>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let front = Front::new(
        data.metrics.clone(),
        data.shutdown.clone(),
        data.config.listen.hsts_seconds,
    );
    let cors = cors::layer(&data.config.listen.cors_origins);
    App::new()
        .app_data(data)
        .app_data(routes)
        .wrap(cors)
        .wrap(front)
        .default_service(web::to(dispatch))
}

fn listen(addresses: &str) -> io::Result<Vec<TcpListener>> {
    let bind = |addr: SocketAddr| {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // A restart does not wait for the connections of the process before it.
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    addresses.to_socket_addrs()?.map(bind).collect()
}
