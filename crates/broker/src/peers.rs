//! `controller::Peers` over TCP: one connection to each node, opened when it is first needed, shared by all that is asked of it.
//!
//! It lives on the quorum's runtime. Answers come in any order and are told apart by their correlation id, so that a slow request holds up no
//! heartbeat. When a connection breaks or is refused, whoever waits is told at once, and so is the controller: a leader that is gone
//! is not waited for. The next message tries again; whoever sends pauses between tries. A connection on which nothing has come for two seconds though
//! something was asked is given up: one whose packets were lost for a while sleeps in its retransmissions for as long again.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use controller::{Controller, Loss, Peers};
use metadata::Publisher;
use model::{BrokerId, Pending, Reply};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};
use wire::{Deframer, FrameLimits, parse_peer_answer, peer_request};
use world::{Clock, Instant};

/// The way to the other nodes.
pub struct TcpPeers {
    /// Where voters are: `controller.quorum.voters`.
    voters: BTreeMap<BrokerId, String>,
    /// Where all others are.
    publisher: Arc<Publisher>,
    clock: Arc<dyn Clock>,
    lines: Mutex<BTreeMap<BrokerId, mpsc::Sender<Call>>>,
    controller: Arc<OnceLock<Controller>>,
}

/// A message that is to be sent, or waits for its answer.
struct Call {
    message: Bytes,
    reply: Reply<Bytes>,
    deadline: Instant,
}

impl TcpPeers {
    /// Voters are found by `voters` (id and `host:port`), brokers by the newest image.
    #[must_use]
    pub fn new(
        voters: BTreeMap<BrokerId, String>,
        publisher: Arc<Publisher>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { voters, publisher, clock, lines: Mutex::default(), controller: Arc::default() }
    }

    /// Whom to tell of connections that break.
    pub fn attach(&self, controller: Controller) {
        // The first is the only one.
        let _ = self.controller.set(controller);
    }

    fn address(&self, id: BrokerId) -> Option<String> {
        let voter = self.voters.get(&id).cloned();
        voter.or_else(|| {
            let image = self.publisher.current();
            image.broker(id).map(|broker| format!("{}:{}", broker.host, broker.port))
        })
    }
}

impl Peers for TcpPeers {
    fn send(&self, to: BrokerId, message: Bytes, limit: Duration) -> Pending<Bytes> {
        let (reply, pending) = Pending::channel();
        let Some(address) = self.address(to) else { return pending };
        let call = Call { message, reply, deadline: self.clock.now().plus(limit) };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.get(&to).filter(|line| !line.is_closed()).cloned();
        let line = line.unwrap_or_else(|| {
            let (line, calls) = mpsc::channel(CALLS_MAX);
            tokio::spawn(
                Line {
                    to,
                    address,
                    calls,
                    clock: Arc::clone(&self.clock),
                    controller: Arc::clone(&self.controller),
                }
                .run(),
            );
            lines.insert(to, line.clone());
            line
        });
        // A full line drops the reply: that says so.
        let _ = line.try_send(call);
        pending
    }
}

/// One node's connection, as long as it stands.
struct Line {
    to: BrokerId,
    address: String,
    calls: mpsc::Receiver<Call>,
    clock: Arc<dyn Clock>,
    controller: Arc<OnceLock<Controller>>,
}

impl Line {
    async fn run(mut self) {
        let loss = match self.connect().await {
            Ok(stream) => {
                self.serve(stream).await;
                // Whether its process has ended shows when it is dialled again.
                self.connect().await.err().unwrap_or(Loss::Broken)
            }
            Err(loss) => loss,
        };
        self.calls.close();
        while self.calls.try_recv().is_ok() {}
        if let Some(controller) = self.controller.get() {
            controller.on_disconnected(self.to, loss);
        }
    }

    async fn connect(&self) -> Result<TcpStream, Loss> {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address)).await {
            Ok(Ok(stream)) => stream.set_nodelay(true).map(|()| stream).map_err(|_| Loss::Broken),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Err(Loss::Refused)
            }
            Ok(Err(_)) | Err(_) => Err(Loss::Broken),
        }
    }

    async fn serve(&mut self, stream: TcpStream) {
        let (mut read, mut write) = stream.into_split();
        let mut waiting = HashMap::new();
        let mut deframer = Deframer::new(FrameLimits::RESPONSES);
        let mut next = 0_i32;
        // The first question since anything has come.
        let mut asked: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                is_open = read_answers(&mut read, &mut deframer, &mut waiting) => {
                    if !is_open {
                        return;
                    }
                    asked = None;
                }
                call = self.calls.recv() => {
                    let Some(call) = call else { return };
                    next = next.wrapping_add(1);
                    if !send(&mut write, next, call, (&mut waiting, self.clock.now())).await {
                        return;
                    }
                    asked.get_or_insert(self.clock.now());
                }
            }
            let now = self.clock.now();
            if asked.is_some_and(|asked| now.since(asked) >= SILENCE_MAX) {
                return;
            }
            waiting.retain(|_, (_, deadline)| *deadline > now);
        }
    }
}

type Waiting = HashMap<i32, (Reply<Bytes>, Instant)>;

/// Reads once and hands out what is whole; answers whether the connection stands. Loses nothing when it is dropped.
async fn read_answers(
    read: &mut OwnedReadHalf,
    deframer: &mut Deframer,
    waiting: &mut Waiting,
) -> bool {
    if !matches!(read.read_buf(deframer.room()).await, Ok(1..)) {
        return false;
    }
    loop {
        let frame = match deframer.next_frame() {
            Ok(Some(frame)) => frame.freeze(),
            Ok(None) => return true,
            Err(_) => return false,
        };
        let Some((correlation, body)) = parse_peer_answer(&frame) else { return false };
        if let Some((reply, _)) = waiting.remove(&correlation) {
            reply.send(body);
        }
    }
}

/// Writes a call; answers whether the connection stands. Half a frame on the socket ends it.
async fn send(
    write: &mut OwnedWriteHalf,
    correlation: i32,
    call: Call,
    (waiting, now): (&mut Waiting, Instant),
) -> bool {
    let frame = peer_request(correlation, &call.message);
    let is_sent =
        matches!(timeout(call.deadline.since(now), write.write_all(&frame)).await, Ok(Ok(())));
    if is_sent {
        waiting.insert(correlation, (call.reply, call.deadline));
    }
    is_sent
}

/// Messages to one node that may wait to be sent.
const CALLS_MAX: usize = 256;
/// How long a node may say nothing though it is asked: ten heartbeats would be unanswered.
const SILENCE_MAX: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
