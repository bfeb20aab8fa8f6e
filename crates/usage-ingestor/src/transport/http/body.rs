//! A body under two limits: its own, and that of all bodies in work together.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Decompress;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{HttpRequest, web};
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A sender that takes longer keeps the memory from others.
const TIME: Duration = Duration::from_secs(30);
/// Memory is counted in pieces of so many bytes.
const PIECE: usize = 4096;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Over its own limit, as sent or unpacked.
    #[error("the body is over {0} MiB")]
    TooLarge(usize),
    /// Too many bodies are in work.
    #[error("too much is in work already")]
    Overload,
    /// A packing that is not taken.
    #[error("Content-Encoding is gzip or none")]
    Encoding,
    /// It broke off, is no gzip, or came too slowly.
    #[error("the body did not come whole: {0}")]
    Broken(String),
}

/// The memory of all bodies in work.
#[derive(Clone)]
pub struct Memory {
    free: Arc<Semaphore>,
    max_body: usize,
}

/// A body, and its part of the memory until it is dropped.
pub struct Body {
    pub bytes: BytesMut,
    held: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// `bytes` for all bodies; one body has at most `max_body`.
    pub fn new(bytes: usize, max_body: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(bytes / PIECE)),
            max_body,
        }
    }

    /// Bytes that are free.
    pub fn free(&self) -> usize {
        self.free.available_permits() * PIECE
    }

    /// Reads a body whole, gzip unpacked.
    ///
    /// # Errors
    /// [`BodyError`]; with [`BodyError::Overload`] at once when the memory does not reach.
    pub async fn read(&self, request: &HttpRequest, payload: web::Payload) -> Result<Body, BodyError> {
        match tokio::time::timeout(TIME, self.read_slowly(request, payload)).await {
            Ok(read) => read,
            Err(_) => Err(BodyError::Broken("it took over 30 seconds".to_owned())),
        }
    }

    async fn read_slowly(&self, request: &HttpRequest, payload: web::Payload) -> Result<Body, BodyError> {
        let headers = request.headers();
        let encoding = headers
            .get(CONTENT_ENCODING)
            .map(|value| value.to_str().unwrap_or("?"));
        if !matches!(encoding, None | Some("gzip" | "identity")) {
            return Err(BodyError::Encoding);
        }
        let announced = headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let mut body = Body {
            bytes: BytesMut::new(),
            held: None,
        };
        // What is announced is taken at once: a sender that cannot be served is told before it has sent everything.
        self.hold(&mut body, announced.unwrap_or(0))?;
        body.bytes.reserve(announced.unwrap_or(0));
        let mut chunks = Decompress::from_headers(payload, headers);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| BodyError::Broken(error.to_string()))?;
            let length = body.bytes.len() + chunk.len();
            self.hold(&mut body, length)?;
            body.bytes.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Makes the body's part of the memory large enough.
    fn hold(&self, body: &mut Body, bytes: usize) -> Result<(), BodyError> {
        if bytes > self.max_body {
            return Err(BodyError::TooLarge(self.max_body >> 20));
        }
        let pieces = bytes.div_ceil(PIECE);
        let has = body.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if pieces <= has {
            return Ok(());
        }
        let more = u32::try_from(pieces - has).map_err(|_| BodyError::Overload)?;
        let more = Arc::clone(&self.free)
            .try_acquire_many_owned(more)
            .map_err(|_| BodyError::Overload)?;
        match &mut body.held {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}
