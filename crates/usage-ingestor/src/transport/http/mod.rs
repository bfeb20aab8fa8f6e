//! The receiver of the Data Streamer.

use std::net::SocketAddr;

use actix_web::{App as HttpApp, HttpResponse, HttpServer, web};
use service_runtime::ignored::Ignored;
use service_runtime::shutdown::Shutdown;

use crate::StartError;
use crate::app::App;

/// Binds and serves; the end of the process waits for it.
pub fn serve(app: &App, shutdown: &Shutdown) -> Result<SocketAddr, StartError> {
    let listen = app.config.listen.clone();
    let failed = |source| StartError::Listen {
        listen: listen.clone(),
        source,
    };
    let data = web::Data::new(app.clone());
    let server = HttpServer::new(move || {
        HttpApp::new()
            .app_data(data.clone())
            .default_service(web::to(HttpResponse::NotFound))
    })
    .disable_signals()
    .bind(listen.as_str())
    .map_err(failed)?;
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
