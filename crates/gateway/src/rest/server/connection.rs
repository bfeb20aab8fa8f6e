//! A connection whose client has to get on: actix-web limits the time of the first head only, and of no answer.
//! Its limit is switched off, for it sends an answer that nobody asked for to a client that connects ahead.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a head, from its first byte to its last.
    pub head: Duration,
    /// To take anything of its answer.
    pub write: Duration,
    /// For the next request.
    pub keep_alive: Duration,
}

impl Patience {
    /// actix-web closes a connection that is silent for so long, but not always one that is silent within a head.
    fn next_head(&self) -> Instant {
        Instant::now() + self.keep_alive + self.head
    }
}

/// What the connection's bytes belong to; the connection and the outermost layer of the service tell each other.
#[derive(Debug)]
pub struct Stage {
    now: Cell<At>,
    patience: Patience,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// No request is open. The next head, whose first bytes may be here already, is complete by then.
    Idle(Instant),
    /// Bytes of a head came, or the connection is new; the head is complete by then.
    Head(Instant),
    /// A request is served.
    Serving,
}

impl Stage {
    fn bytes_came(&self) {
        if let At::Idle(end) = self.now.get() {
            let soon = Instant::now() + self.patience.head;
            self.now.set(At::Head(end.min(soon)));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.now.get() {
            At::Idle(end) | At::Head(end) => Some(end),
            At::Serving => None,
        }
    }

    fn answered(&self) {
        self.now.set(At::Idle(self.patience.next_head()));
    }
}

/// A request is served while this lives.
#[derive(Debug)]
pub struct Serving(Rc<Stage>);

impl Serving {
    pub fn begin(stage: &Rc<Stage>) -> Self {
        stage.now.set(At::Serving);
        Self(Rc::clone(stage))
    }

    /// Ends with the last byte of the answer.
    pub fn until_the_end_of(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        if matches!(response.response().body().size(), BodySize::Stream) {
            response.map_body(|_, body| BoxBody::new(Streamed { body, _serving: self }))
        } else {
            response
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.answered();
    }
}

struct Streamed {
    body: BoxBody,
    _serving: Serving,
}

impl MessageBody for Streamed {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

/// A connection that fails when its client takes too long.
pub struct Connection {
    io: TcpStream,
    stage: Rc<Stage>,
    read: Timer,
    write: Timer,
    /// Since the client took nothing, the time by which it does.
    write_end: Option<Instant>,
}

impl Connection {
    pub fn new(io: TcpStream, patience: Patience) -> Self {
        let stage = Stage {
            now: Cell::new(At::Head(Instant::now() + patience.head)),
            patience,
        };
        Self {
            io,
            stage: Rc::new(stage),
            read: Timer::default(),
            write: Timer::default(),
            write_end: None,
        }
    }

    pub fn stage(&self) -> Rc<Stage> {
        Rc::clone(&self.stage)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before {
                self.stage.bytes_came();
            }
            return read;
        }
        match self.stage.deadline() {
            Some(end) if self.read.is_over(end, cx) => too_late(),
            _ => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if written.is_ready() {
            self.write_end = None;
            return written;
        }
        let soon = Instant::now() + self.stage.patience.write;
        let end = *self.write_end.get_or_insert(soon);
        if self.write.is_over(end, cx) {
            too_late()
        } else {
            Poll::Pending
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn too_late<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(
        ErrorKind::TimedOut,
        "the client takes too long",
    )))
}

/// Wakes the connection at a time or before. It is seldom set anew: most deadlines are met before it rings.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    rang: bool,
}

impl Timer {
    fn is_over(&mut self, end: Instant, cx: &mut Context<'_>) -> bool {
        loop {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if self.rang || sleep.deadline() > end {
                sleep.as_mut().reset(end);
                self.rang = false;
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.rang = true;
            if Instant::now() >= end {
                return true;
            }
        }
    }
}
