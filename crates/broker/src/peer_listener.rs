//! The controller's listener: the port of `controller.quorum.voters`, served on the quorum's own runtime, so that no message of
//! the quorum waits behind data. It takes the private `Peer` call and nothing else. A broker that is no controller has no such listener: a
//! connection on its Kafka listener that begins with that call is served here as well ([`take_over`]).
//!
//! Each message is answered when its answer is there, whatever was asked after it. The first message says whose connection it
//! is; when that breaks, the controller is told.

use std::{future::Future, io, pin::pin};

use bytes::{Bytes, BytesMut};
use controller::{Controller, Loss};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::mpsc,
    task::JoinSet,
};
use wire::{Deframer, FrameLimits, parse_peer_request, peer_answer};

/// Serves other nodes on `listener` until `shutdown` is done. To be run on [`Controller::runtime`].
pub async fn serve_peers(controller: Controller, listener: TcpListener, shutdown: impl Future) {
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            _ = &mut shutdown => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(run(controller.clone(), Begun::of(stream)));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// A connection, with what has been read of it.
pub(crate) struct Begun {
    pub(crate) stream: TcpStream,
    pub(crate) deframer: Deframer,
    /// The foremost frame, if it has been cut out already.
    pub(crate) frame: Option<BytesMut>,
}

impl Begun {
    fn of(stream: TcpStream) -> Self {
        Self { stream, deframer: Deframer::new(FrameLimits::REQUESTS), frame: None }
    }
}

/// Serves a connection that was accepted elsewhere, on the quorum's runtime, until it ends or this future is dropped.
pub(crate) async fn take_over(controller: &Controller, begun: Begun) {
    let Some(runtime) = controller.runtime() else { return };
    let Begun { stream, deframer, frame } = begun;
    // Out of the runtime that accepted it, which may be busy with data.
    let Ok(stream) = stream.into_std() else { return };
    let controller = controller.clone();
    let mut served = JoinSet::new();
    served.spawn_on(
        async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                run(controller, Begun { stream, deframer, frame }).await;
            }
        },
        &runtime,
    );
    // A panic has been printed where it happened.
    let _ = served.join_next().await;
}

async fn run(controller: Controller, begun: Begun) {
    let mut sender = None;
    // Whatever ends it: the connection is gone.
    let _ = serve(&controller, begun, &mut sender).await;
    if let Some(sender) = sender {
        controller.on_disconnected(sender, Loss::Broken);
    }
}

async fn serve(
    controller: &Controller,
    begun: Begun,
    sender: &mut Option<model::BrokerId>,
) -> io::Result<()> {
    let Begun { stream, mut deframer, mut frame } = begun;
    stream.set_nodelay(true)?;
    let (mut read, write) = stream.into_split();
    let (answers, queue) = mpsc::channel(ANSWERS_MAX);
    let mut tasks = JoinSet::new();
    tasks.spawn(write_answers(write, queue));
    loop {
        if frame.is_none() {
            frame = deframer.next_frame().map_err(io::Error::other)?;
        }
        while let Some(whole) = frame.take() {
            let Some((correlation, body)) = parse_peer_request(&whole.freeze()) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            *sender = sender.or_else(|| Controller::sender(&body));
            let pending = controller.on_peer(body);
            let answers = answers.clone();
            while tasks.try_join_next().is_some() {}
            if tasks.len() > ANSWERS_MAX {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            tasks.spawn(async move {
                if let Some(answer) = pending.await {
                    // An error means that the connection is gone.
                    let _ = answers.send(peer_answer(correlation, &answer)).await;
                }
            });
            frame = deframer.next_frame().map_err(io::Error::other)?;
        }
        if read.read_buf(deframer.room()).await? == 0 {
            return Ok(());
        }
    }
}

async fn write_answers(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(answer) = queue.recv().await {
        if write.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Nodes of a cluster, each with a connection or two.
const CONNECTIONS_MAX: usize = 1024;
/// Messages of one connection that may be without their answer.
const ANSWERS_MAX: usize = 512;
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
