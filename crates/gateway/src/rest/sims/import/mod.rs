//! Labels, tags and metadata of many SIMs from a file, which is read while it comes.

mod csv;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::Either;
use futures_util::{Stream, StreamExt, stream};
use service_runtime::ignored::Ignored;
use tokio::sync::mpsc;
use uuid::Uuid;

use self::csv::Stop;
use crate::app::jobs::{NewImport, Part, import_sims as import};
use crate::error::{ApiCode, ApiError};
use crate::rest::frame::authenticate::WriteSims;
use crate::rest::frame::fields::{Flag, Text};
use crate::rest::frame::{Accepted, Call, Once, Operation, Query, Upload, fields, idempotency, operations};
use crate::rest::jobs::JobView;

/// The largest file.
const FILE_BYTES: usize = 16 * 1024 * 1024;
/// Chunks of the body, and parts of it that are read, that wait; a client that is faster waits as well.
const CHUNKS: usize = 8;
const PARTS: usize = 2;
/// The longest wait for the next chunk, and for the whole file.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(10);
const FILE_TIMEOUT: Duration = Duration::from_secs(600);

pub fn operations() -> Vec<Operation> {
    operations![import_sims]
}

fields! {
    /// How a file is taken.
    pub struct ImportParams {
        /// Only tell what would change: read it at the job's results.
        dry_run: Flag,
        /// The name of the file, for people.
        source: Option<Text<0, 255>>,
    }
}

/// Labels, tags and metadata from CSV
///
/// UTF-8, with `,` or `;` between cells, at most 16 MiB and 200,000 lines. The first line names the columns: `iccid`, and
/// `label`, `tags` (with `|` between them) and `metadata` (a JSON object) where they are to change. A column that is not
/// there changes nothing, an empty cell empties. The other columns of an export are passed over. Lines that cannot be
/// carried out are in the job's results, with their number and the reason; the others are carried out. A file that does
/// not arrive completely changes nothing.
#[utoipa::path(
    post, path = "/api/v1/sims/import", tag = "SIMs",
    request_body(
        content = String, content_type = "text/csv",
        example = json!("iccid,label,tags,metadata\n8988999000000000017,pump-17,north|pump,\"{\"\"site\"\":4}\"\n")
    )
)]
async fn import_sims(
    call: Call<WriteSims>,
    Query(params): Query<ImportParams>,
    Upload(payload): Upload,
) -> Result<Once<Accepted<JobView>>, ApiError> {
    let new = NewImport {
        dry_run: params.dry_run.0,
        source: params.source.map(|text| text.0).unwrap_or_default(),
    };
    check_head(call.request().headers())?;
    let permit = Arc::clone(&call.gateway().uploads).try_acquire_owned();
    let permit = permit.map_err(|_| busy())?;
    let (bytes, file) = if idempotency::is_asked_for(call.request()) {
        // Whether a repeat brings the same file is known when it is here as a whole.
        let whole = tokio::time::timeout(FILE_TIMEOUT, whole(payload)).await;
        let bytes = whole.map_err(|_| late())??;
        (bytes.clone(), Either::Left(stream::iter([Ok(bytes)])))
    } else {
        (Bytes::new(), Either::Right(payload))
    };
    call.once(&bytes, move |call, id| async move {
        let _permit = permit;
        upload(call, id, new, file).await
    })
    .await
}

/// Hands the lines to sim-service while they come.
async fn upload(
    call: Call<WriteSims>,
    id: Uuid,
    new: NewImport,
    file: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
) -> Result<Accepted<JobView>, ApiError> {
    let (chunks, read_chunks) = mpsc::channel(CHUNKS);
    let (parts, read_parts) = mpsc::channel(PARTS);
    let reading = web::block(move || read(ChunkReader::new(read_chunks), &parts));
    let job = call.run(|gateway, context| import(gateway, context, id, new, read_parts));
    let (job, read, ()) = futures_util::join!(job, reading, pump(file, chunks));
    read.ignored("reading an import");
    Ok(Accepted(job?.into()))
}

fn busy() -> ApiError {
    let mut error = ApiError::new(
        ApiCode::Unavailable,
        "other imports are being uploaded; try again soon",
    );
    error.retry_after = Some(Duration::from_secs(5));
    error
}

fn too_large() -> ApiError {
    ApiError::new(ApiCode::PayloadTooLarge, "a file has at most 16 MiB")
}

/// What the headers tell before the first byte.
fn check_head(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text(CONTENT_TYPE).unwrap_or_default();
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_csv = parts.next().as_deref() == Some("text/csv");
    let is_utf8 = parts.all(|part| match part.strip_prefix("charset=") {
        Some(charset) => matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"),
        None => true,
    });
    if !is_csv || !is_utf8 {
        let message = "send the file with Content-Type: text/csv, in UTF-8";
        return Err(ApiError::new(ApiCode::UnsupportedMediaType, message));
    }
    let announced = text(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    match announced {
        Some(length) if length > FILE_BYTES => Err(too_large()),
        _ => Ok(()),
    }
}

/// Takes the body off the connection. Nothing is said when it breaks off: the missing end says it.
async fn pump(payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin, chunks: mpsc::Sender<Chunk>) {
    let body = take(payload, &chunks);
    let end = match tokio::time::timeout(FILE_TIMEOUT, body).await {
        Ok(Ok(())) => Chunk::End,
        Ok(Err(error)) => Chunk::Fault(error),
        Err(_) => Chunk::Fault(late()),
    };
    if chunks.send(end).await.is_err() {
        tracing::debug!("the import ended before its file");
    }
}

async fn take(
    mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    chunks: &mpsc::Sender<Chunk>,
) -> Result<(), ApiError> {
    let mut left = FILE_BYTES;
    loop {
        let next = tokio::select! {
            next = next_chunk(&mut payload) => next,
            () = chunks.closed() => return Ok(()),
        };
        let Some(chunk) = next? else { return Ok(()) };
        left = left.checked_sub(chunk.len()).ok_or_else(too_large)?;
        if chunks.send(Chunk::Bytes(chunk)).await.is_err() {
            return Ok(());
        }
    }
}

/// The file when all of it has come.
async fn whole(mut payload: Payload) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = next_chunk(&mut payload).await? {
        if bytes.len() + chunk.len() > FILE_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

async fn next_chunk(
    payload: &mut (impl Stream<Item = Result<Bytes, PayloadError>> + Unpin),
) -> Result<Option<Bytes>, ApiError> {
    let next = tokio::time::timeout(CHUNK_TIMEOUT, payload.next()).await;
    let next = next.map_err(|_| ApiError::field("body", "did not arrive: 10 seconds without a byte"))?;
    next.transpose()
        .map_err(|_| ApiError::field("body", "did not arrive completely"))
}

fn late() -> ApiError {
    ApiError::field("body", "did not arrive within 10 minutes")
}

/// Reads the lines on a thread of its own and hands them on.
fn read(body: ChunkReader, parts: &mpsc::Sender<Part>) {
    let outcome = csv::read(body, |part| parts.blocking_send(part).is_ok());
    if let Err(Stop::Fault(error)) = outcome
        && parts.blocking_send(Part::Fault(error)).is_err()
    {
        tracing::debug!("the import ended before its file");
    }
}

/// A piece of the body. Without an end the client hung up.
enum Chunk {
    Bytes(Bytes),
    End,
    Fault(ApiError),
}

/// The body for readers that wait.
struct ChunkReader {
    chunks: mpsc::Receiver<Chunk>,
    rest: Bytes,
    ended: bool,
}

impl ChunkReader {
    fn new(chunks: mpsc::Receiver<Chunk>) -> Self {
        Self {
            chunks,
            rest: Bytes::new(),
            ended: false,
        }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Chunk::Bytes(bytes)) => self.rest = bytes,
                Some(Chunk::End) => self.ended = true,
                Some(Chunk::Fault(error)) => return Err(io::Error::other(error)),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = self.rest.len().min(into.len());
        self.rest.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}
