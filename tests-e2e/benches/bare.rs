//! What actix-web can do at best: a handler that does nothing but answer.

use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::load::Connection;

/// Headers that the server writes by itself.
const OWN: [&str; 3] = ["date", "content-length", "connection"];

/// Serves the last answer of a connection, with its headers, on one thread per core as Simward does. It works until
/// the program ends.
pub fn serve(sample: &Connection) -> SocketAddr {
    let body = web::Bytes::copy_from_slice(sample.body());
    let text = sample.head();
    let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> = lines
        .filter(|(name, _)| !OWN.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("its address");
    std::thread::spawn(move || actix_web::rt::System::new().block_on(work(listener, body, headers)));
    addr
}

async fn work(listener: TcpListener, body: web::Bytes, headers: Vec<(String, String)>) {
    let server = HttpServer::new(move || {
        let (body, headers) = (body.clone(), headers.clone());
        let handler = move || {
            let mut answer = HttpResponse::Ok();
            for (name, value) in &headers {
                answer.insert_header((name.as_str(), value.as_str()));
            }
            let answer = answer.body(body.clone());
            async move { answer }
        };
        App::new().route("/api/v1/sims/{iccid}", web::get().to(handler))
    });
    let server = server.disable_signals().listen(listener).expect("a server");
    server.run().await.expect("the server");
}
