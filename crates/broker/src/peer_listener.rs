//! The controller's listener: the port of `controller.quorum.voters`, served on the quorum's own runtime, so that no message of
//! the quorum waits behind data. It takes the private `Peer` call and nothing else.
//!
//! Each message is answered when its answer is there, whatever was asked after it. The first message says whose connection it
//! is; when that breaks, the controller is told.

use std::{future::Future, io, pin::pin};

use bytes::Bytes;
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
                    connections.spawn(run(controller.clone(), stream));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

async fn run(controller: Controller, stream: TcpStream) {
    let mut sender = None;
    // Whatever ends it: the connection is gone.
    let _ = serve(&controller, stream, &mut sender).await;
    if let Some(sender) = sender {
        controller.on_disconnected(sender, Loss::Broken);
    }
}

async fn serve(
    controller: &Controller,
    stream: TcpStream,
    sender: &mut Option<model::BrokerId>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut read, write) = stream.into_split();
    let (answers, queue) = mpsc::channel(ANSWERS_MAX);
    let mut tasks = JoinSet::new();
    tasks.spawn(write_answers(write, queue));
    let mut deframer = Deframer::new(FrameLimits::REQUESTS);
    loop {
        while let Some(frame) = deframer.next_frame().map_err(io::Error::other)? {
            let Some((correlation, body)) = parse_peer_request(&frame.freeze()) else {
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
