//! The receiver of the Data Streamer (FACTS §15.1): exactly 200 says that every record is durable.

mod body;
mod login;
mod receive_metrics;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{App as HttpApp, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::json;
use service_runtime::ignored::Ignored;
use service_runtime::shutdown::Shutdown;
use tracing::Instrument;

use crate::app::App;
use crate::app::receive::{Receipt, ReceiveError};
use body::{BodyError, Memory};
use login::Logins;
use receive_metrics::ReceiveMetrics;

/// A sender sends its headers within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than usual load balancers keep a connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections of one HTTP thread.
const MAX_CONNECTIONS: usize = 1024;
/// A body in work ends within this time: reading 30 seconds, storing 10.
const STOP_SECONDS: u64 = 30;
/// What 1NCE waits before it sends again what could not be taken, seconds.
const AGAIN: u64 = 5;

/// What every HTTP thread shares.
struct Receiver {
    app: App,
    logins: Logins,
    memory: Memory,
    metrics: ReceiveMetrics,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    address: String,
    source: std::io::Error,
}

/// Binds and serves; the end of the process waits for it.
pub fn serve(app: &App, shutdown: &Shutdown) -> Result<SocketAddr, ListenError> {
    let config = &app.config;
    let listen = config.listen.clone();
    let failed = |source| ListenError {
        address: listen.clone(),
        source,
    };
    let receiver = web::Data::new(Receiver {
        logins: Logins::new(config),
        memory: Memory::new(config.receive_memory(), config.max_body()),
        metrics: ReceiveMetrics::new(&app.metrics),
        app: app.clone(),
    });
    if receiver.logins.is_empty() {
        tracing::warn!("DATASTREAMER_USER and DATASTREAMER_PASSWORD are not set: nothing is received");
    }
    let mut server = HttpServer::new(move || {
        let mut http = HttpApp::new().app_data(receiver.clone());
        // A stream of usage and one of events may share a URL, and records are told apart by their fields.
        for path in [
            "/datastreamer/v1",
            "/datastreamer/v1/usage",
            "/datastreamer/v1/events",
        ] {
            http = http.service(
                web::resource(path)
                    .route(web::post().to(receive))
                    .default_service(web::to(|| async {
                        refusal(StatusCode::METHOD_NOT_ALLOWED, "the Data Streamer posts")
                    })),
            );
        }
        http.default_service(web::to(|| async {
            refusal(StatusCode::NOT_FOUND, "there is nothing at this path")
        }))
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals();
    if config.workers > 0 {
        server = server.workers(config.workers);
    }
    let server = server.bind(listen.as_str()).map_err(failed)?;
    let addr = server.addrs().first().copied();
    let addr = addr.ok_or_else(|| failed(std::io::ErrorKind::AddrNotAvailable.into()))?;
    let server = server.run();
    let (handle, end) = (server.handle(), shutdown.clone());
    shutdown.spawn(async move {
        let server = tokio::spawn(server);
        end.started().await;
        handle.stop(true).await;
        match server.await {
            Ok(outcome) => outcome.ignored("stopping the receiver"),
            Err(error) => tracing::error!(%error, "the receiver did not stop in order"),
        }
    });
    Ok(addr)
}

async fn receive(receiver: web::Data<Receiver>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let began = Instant::now();
    let span = tracing::info_span!("receive", path = request.path(), received = tracing::field::Empty);
    let taken = take(&receiver, &request, payload).instrument(span.clone()).await;
    let response = match taken {
        Ok(receipt) => {
            span.record("received", receipt.received);
            HttpResponse::Ok().json(json!({ "received": receipt.received, "rejected": receipt.rejected }))
        }
        Err(refused) => {
            let _entered = span.enter();
            tracing::warn!(status = refused.status().as_u16(), reason = %refused, "a body was not taken");
            refused.answer()
        }
    };
    receiver.metrics.answered(response.status(), began.elapsed());
    response
}

async fn take(receiver: &Receiver, request: &HttpRequest, payload: web::Payload) -> Result<Receipt, Refused> {
    if receiver.logins.is_empty() {
        return Err(Refused::NoLogin);
    }
    if !receiver.logins.accept(request.headers()) {
        return Err(Refused::Login);
    }
    let body = receiver.memory.read(request, payload).await?;
    receiver.metrics.read(body.bytes.len(), receiver.memory.free());
    let receipt = receiver.app.receive(&body.bytes).await?;
    receiver.metrics.stored(&receipt);
    Ok(receipt)
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("DATASTREAMER_USER and DATASTREAMER_PASSWORD are not set here")]
    NoLogin,
    #[error("user or password is wrong")]
    Login,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Login => StatusCode::UNAUTHORIZED,
            Self::Body(BodyError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::Encoding) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyError::Broken(_)) | Self::Receive(ReceiveError::NoArray(_)) => {
                StatusCode::BAD_REQUEST
            }
            Self::NoLogin | Self::Body(BodyError::Overload) | Self::Receive(ReceiveError::NotStored(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn answer(&self) -> HttpResponse {
        // What JetStream said is for the log.
        let text = match self {
            Self::Receive(ReceiveError::NotStored(_)) => "the records could not be stored".to_owned(),
            other => other.to_string(),
        };
        let mut response = refusal(self.status(), &text);
        let (name, value) = match self.status() {
            StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "Basic realm=\"datastreamer\"".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE => (RETRY_AFTER, AGAIN.to_string()),
            _ => return response,
        };
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn refusal(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": text }))
}
