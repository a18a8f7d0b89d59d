//! One socket to one broker: requests go out in order and without waiting for each other, answers come back in the same order.
//!
//! A writer's lock gives a request its correlation id, its place in the queue of those that wait, and its bytes on the socket, in one
//! step; so the queue is in the order of the socket, and a reader task needs nothing but its front. When the reader stops (closed
//! socket, bad frame, nobody left), everyone who waits is told.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
    time,
};
use wire::{
    Api, Deframer, FrameLimits, Versions, decode_response, encode_request,
    messages::{ApiVersionsRequest, ApiVersionsResponse, Decodable, Encodable, text},
};

use crate::{ClientError, error::check};

/// Requests without an answer on one connection.
const REQUESTS_IN_FLIGHT_MAX: usize = 256;
/// Where the correlation id lies in a request frame: after length, key and version.
const CORRELATION_AT: usize = 8;
/// The version that a broker of any age answers.
const API_VERSIONS_FIRST: i16 = 0;
const API_VERSIONS_ASKED: i16 = 3;

/// How connections behave.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// Who we say we are.
    pub client_id: String,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            client_id: "logmill".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// A connection that has agreed on versions. Cheap to clone; the socket closes with the last clone.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    address: String,
    options: ConnectionOptions,
    served: Vec<(i16, Versions)>,
    writer: Mutex<Writer>,
    waiting: mpsc::Sender<Waiting>,
    reader: JoinHandle<()>,
}

struct Writer {
    half: OwnedWriteHalf,
    next_correlation: i32,
}

struct Waiting {
    correlation: i32,
    answer: oneshot::Sender<Bytes>,
}

/// The frame that will answer a request: its bytes without the length.
#[must_use]
pub struct Answer {
    frame: oneshot::Receiver<Bytes>,
    connection: Connection,
}

impl Connection {
    /// Connects to `address` (`host:port`) and asks which versions it serves.
    ///
    /// # Errors
    /// No connection within the time allowed, or no answer of a Kafka broker.
    pub async fn connect(address: &str, options: ConnectionOptions) -> Result<Self, ClientError> {
        let limit = options.connect_timeout;
        let late = ClientError::TimedOut { what: "connect", ms: limit.as_millis() };
        time::timeout(limit, Self::open(address, options)).await.unwrap_or(Err(late))
    }

    async fn open(address: &str, options: ConnectionOptions) -> Result<Self, ClientError> {
        let failed = |error: io::Error| ClientError::io(address, &error);
        let mut stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let served = agree(&mut stream, address, &options).await?;
        let (read, half) = stream.into_split();
        let (waiting, queue) = mpsc::channel(REQUESTS_IN_FLIGHT_MAX);
        let reader = tokio::spawn(read_answers(read, queue));
        let writer = Mutex::new(Writer { half, next_correlation: 1 });
        let address = address.to_owned();
        Ok(Self(Arc::new(Shared { address, options, served, writer, waiting, reader })))
    }

    /// The broker's address, as it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Whether it can take no more requests.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.waiting.is_closed()
    }

    /// The newest version of `api` that both sides speak.
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] when there is none.
    pub fn version(&self, api: Api) -> Result<i16, ClientError> {
        self.version_at_most(api, i16::MAX)
    }

    /// The newest version of `api` up to `ceiling` that both sides speak.
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] when there is none.
    pub fn version_at_most(&self, api: Api, ceiling: i16) -> Result<i16, ClientError> {
        let none = || ClientError::Unsupported { address: self.0.address.clone(), api: api.name() };
        let row = self.0.served.iter().find(|(key, _)| *key == api.key());
        let theirs = row.ok_or_else(none)?.1;
        let ours = api.served();
        let best = theirs.last.min(ours.last).min(ceiling);
        if best < theirs.first || best < ours.first { Err(none()) } else { Ok(best) }
    }

    /// Asks, and waits for the answer at most the request timeout.
    ///
    /// # Errors
    /// A closed connection, no answer in time, or bytes that are no answer.
    pub async fn ask<A: Decodable>(
        &self,
        api: Api,
        version: i16,
        request: &impl Encodable,
    ) -> Result<A, ClientError> {
        let frame = encode_request(api, version, 0, &self.0.options.client_id, request)?;
        let frame = self.begin(frame).await?.frame(self.0.options.request_timeout, api).await?;
        Ok(decode_response(api, version, frame)?.1)
    }

    /// The frame that asks `request`, for [`begin`](Self::begin).
    ///
    /// # Errors
    /// The request holds what its version lacks.
    pub fn frame(
        &self,
        api: Api,
        version: i16,
        request: &impl Encodable,
    ) -> Result<BytesMut, ClientError> {
        Ok(encode_request(api, version, 0, &self.0.options.client_id, request)?)
    }

    /// Sends a request frame, whose correlation id is set here. Waits for room on the socket only, not for the answer.
    ///
    /// # Errors
    /// A closed connection, or no room within the request timeout.
    pub async fn begin(&self, mut frame: BytesMut) -> Result<Answer, ClientError> {
        let (sender, receiver) = oneshot::channel();
        self.within(self.write(&mut frame, Some(sender))).await?;
        Ok(Answer { frame: receiver, connection: self.clone() })
    }

    /// As [`begin`](Self::begin), from a buffer that the caller uses again.
    ///
    /// # Errors
    /// A closed connection, or no room within the request timeout.
    pub async fn begin_again(&self, frame: &mut [u8]) -> Result<Answer, ClientError> {
        let (sender, receiver) = oneshot::channel();
        self.within(self.write(frame, Some(sender))).await?;
        Ok(Answer { frame: receiver, connection: self.clone() })
    }

    /// Sends a request that has no answer (Produce with `acks=0`).
    ///
    /// # Errors
    /// A closed connection, or no room within the request timeout.
    pub async fn tell(&self, frame: &mut [u8]) -> Result<(), ClientError> {
        self.within(self.write(frame, None)).await
    }

    async fn within(
        &self,
        sending: impl Future<Output = Result<(), ClientError>>,
    ) -> Result<(), ClientError> {
        let limit = self.0.options.request_timeout;
        match time::timeout(limit, sending).await {
            Ok(done) => done,
            Err(_) => {
                // Half a frame may be on the socket: nothing can follow it.
                self.0.reader.abort();
                Err(ClientError::TimedOut { what: "send", ms: limit.as_millis() })
            }
        }
    }

    async fn write(
        &self,
        frame: &mut [u8],
        answer: Option<oneshot::Sender<Bytes>>,
    ) -> Result<(), ClientError> {
        let closed = || ClientError::Closed(self.0.address.clone());
        let mut writer = self.0.writer.lock().await;
        let correlation = writer.next_correlation;
        writer.next_correlation = correlation.wrapping_add(1);
        if let Some(place) = frame.get_mut(CORRELATION_AT..CORRELATION_AT + 4) {
            place.copy_from_slice(&correlation.to_be_bytes());
        }
        if let Some(answer) = answer {
            let waiting = Waiting { correlation, answer };
            self.0.waiting.send(waiting).await.map_err(|_| closed())?;
        } else if self.is_closed() {
            return Err(closed());
        }
        let done = writer.half.write_all(frame).await;
        done.map_err(|error| {
            self.0.reader.abort();
            ClientError::io(&self.0.address, &error)
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Answer {
    /// The answer's frame, waited for at most `limit`.
    ///
    /// # Errors
    /// The connection closed, or no answer in time: then the connection is closed, for answers come in order.
    pub async fn frame(self, limit: Duration, api: Api) -> Result<Bytes, ClientError> {
        let connection = self.connection.clone();
        time::timeout(limit, self).await.unwrap_or_else(|_| {
            connection.0.reader.abort();
            Err(ClientError::TimedOut { what: api.name(), ms: limit.as_millis() })
        })
    }
}

impl Future for Answer {
    type Output = Result<Bytes, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.frame).poll(cx);
        polled.map_err(|_| ClientError::Closed(self.connection.0.address.clone()))
    }
}

/// Hands each frame to the one who waits first. Dropping the queue tells the others that it is over.
async fn read_answers(mut read: OwnedReadHalf, mut queue: mpsc::Receiver<Waiting>) {
    let mut deframer = Deframer::new(FrameLimits::RESPONSES);
    loop {
        while let Ok(Some(frame)) = deframer.next_frame() {
            let correlation = frame.first_chunk().copied().map(i32::from_be_bytes);
            // A request takes its place in the queue before its bytes leave, so its answer finds it there.
            match queue.try_recv() {
                Ok(waiting) if Some(waiting.correlation) == correlation => {
                    drop(waiting.answer.send(frame.freeze()));
                }
                _ => return,
            }
        }
        match read.read_buf(deframer.room()).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The first exchange on a fresh socket: which versions does the broker serve?
async fn agree(
    stream: &mut TcpStream,
    address: &str,
    options: &ConnectionOptions,
) -> Result<Vec<(i16, Versions)>, ClientError> {
    for version in [API_VERSIONS_ASKED, API_VERSIONS_FIRST] {
        let mut request = ApiVersionsRequest::default();
        if version >= API_VERSIONS_ASKED {
            request.client_software_name = text("logmill");
            request.client_software_version = text(env!("CARGO_PKG_VERSION"));
        }
        let frame = encode_request(Api::ApiVersions, version, 0, &options.client_id, &request)?;
        let frame =
            exchange(stream, &frame).await.map_err(|error| ClientError::io(address, &error))?;
        // A broker that is too old for what was asked answers error 35 in v0.
        let is_refused = frame.get(4..6) == Some(&[0, 35]);
        if is_refused && version != API_VERSIONS_FIRST {
            continue;
        }
        let (_, answer): (i32, ApiVersionsResponse) =
            decode_response(Api::ApiVersions, version, frame)?;
        check("ApiVersions", answer.error_code)?;
        let row = |api: &wire::messages::api_versions_response::ApiVersion| {
            (api.api_key, Versions { first: api.min_version, last: api.max_version })
        };
        return Ok(answer.api_keys.iter().map(row).collect());
    }
    Err(ClientError::Unsupported { address: address.to_owned(), api: Api::ApiVersions.name() })
}

/// One request and its answer, on a socket that nobody else uses yet.
async fn exchange(stream: &mut TcpStream, frame: &[u8]) -> io::Result<Bytes> {
    stream.write_all(frame).await?;
    let mut deframer = Deframer::new(FrameLimits::RESPONSES);
    loop {
        if let Some(answer) = deframer.next_frame().map_err(io::Error::other)? {
            return Ok(answer.freeze());
        }
        if stream.read_buf(deframer.room()).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
