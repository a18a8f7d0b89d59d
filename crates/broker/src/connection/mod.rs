//! One client's connection: frames in, answers out, in order.
//!
//! ```text
//!   socket ─▶ inbound (deframe, charged) ─▶ Produce ───▶ stage one ─▶ ahead (answers in order) ─▶ outbox ─▶ socket
//!                                           others ────▶ barrier: ahead empty ─▶ handler ──────────▶
//! ```
//! One task does it all: there is no channel between reading, handling and writing. Produce runs ahead: its first stage (parse,
//! check, append) runs here, in the connection's order, and never awaits; what waits for replication stays in [`ahead`]
//! while reading goes on, within bounds. Every other request first waits until nothing is ahead: clients read their own
//! writes. While answers cannot be sent, nothing is read.

mod ahead;
mod inbound;
mod outbox;

use std::{io, net::SocketAddr, sync::Arc};

use bytes::BytesMut;
use tokio::{net::TcpStream, task};
use wire::{Api, RequestHeader, WireError};

use self::{ahead::Ahead, inbound::Inbound};
pub(crate) use self::{
    ahead::{Produced, Unanswered},
    outbox::Outbox,
};
use crate::{
    broker::Shared,
    dispatch::{self, Answer, Asker},
    handlers::{cluster, data::produce::Producing},
};

/// Answers that wait in the outbox before they are sent without waiting for more.
const OUTBOX_BYTES_EAGER: usize = 64 << 10;

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The peer closed, or the network failed.
    #[error("connection lost: {0}")]
    Lost(#[from] io::Error),
    /// What the peer sent is no request that is served.
    #[error("bad request: {0}")]
    Refused(#[from] WireError),
    /// No memory for its frame in time.
    #[error(transparent)]
    Exhausted(#[from] crate::budget::Exhausted),
    /// It was silent, or too slow while memory was short.
    #[error("peer is {0}")]
    Silent(&'static str),
    /// A Produce that wants no answer failed: the producer must notice (Kafka does the same).
    #[error("unanswered produce failed")]
    UnansweredFailure,
    /// The broker stops.
    #[error("broker stops")]
    Stopping,
}

/// A connection and all that it holds.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    asker: Arc<Asker>,
    inbound: Inbound,
    producing: Producing,
    ahead: Ahead,
    outbox: Outbox,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) -> Self {
        let asker = Arc::new(Asker::new(peer));
        let inbound = Inbound::new(Arc::clone(&shared), stream);
        Self {
            shared,
            asker,
            inbound,
            producing: Producing::default(),
            ahead: Ahead::default(),
            outbox: Outbox::default(),
        }
    }

    /// Serves until the connection ends.
    pub(crate) async fn run(mut self) -> Ended {
        let ended = match self.serve().await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        if matches!(ended, Ended::Refused(_)) {
            self.shared.metrics.connections_refused.add(1);
        }
        if matches!(ended, Ended::Refused(_) | Ended::UnansweredFailure) {
            // What was asked before is answered; should that fail too, the connection ends all the same.
            let _ = self.flush().await;
        }
        self.count_sent();
        ended
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Ended> {
        loop {
            self.ahead.settle(&mut self.outbox)?;
            match self.inbound.next_frame()? {
                Some(frame) if self.ahead.has_room() => {
                    self.on_frame(frame).await?;
                    if self.outbox.size_bytes() >= OUTBOX_BYTES_EAGER {
                        self.flush().await?;
                    }
                    task::coop::consume_budget().await;
                }
                Some(frame) => {
                    self.inbound.put_back(frame);
                    self.flush().await?;
                    self.inbound.wait(&mut self.ahead, false).await?;
                }
                None => {
                    self.flush().await?;
                    if self.shared.is_stopping() && self.ahead.is_empty() {
                        return Err(Ended::Stopping);
                    }
                    self.inbound.wait(&mut self.ahead, true).await?;
                }
            }
        }
    }

    /// Takes a message of another node; hands back any other frame.
    async fn on_peer(&mut self, frame: BytesMut) -> Result<Option<BytesMut>, Ended> {
        if !wire::is_peer_request(&frame) {
            return Ok(Some(frame));
        }
        self.barrier().await?;
        let answer = cluster::peer::handle(&self.shared, frame.freeze()).await;
        self.outbox.push(answer.ok_or(Ended::Stopping)?);
        Ok(None)
    }

    async fn on_frame(&mut self, frame: BytesMut) -> Result<(), Ended> {
        let frame = match self.on_peer(frame).await? {
            Some(frame) => frame,
            None => return Ok(()),
        };
        let began = self.shared.clock.now();
        let header = RequestHeader::parse(&frame)?;
        if header.api == Api::Produce {
            self.verify(&header, &frame).await?;
            let produced = self.producing.stage_one(&self.shared, &self.asker, &header, frame)?;
            match produced {
                Produced::Unanswered => {}
                Produced::Refused => return Err(Ended::UnansweredFailure),
                Produced::Answer(answer) => self.ahead.push(answer, &mut self.outbox),
            }
            self.shared.metrics.observe_request(Api::Produce, self.shared.clock.now().since(began));
            return Ok(());
        }
        self.barrier().await?;
        let api = header.api;
        // Boxed: the largest handler's future would else be part of every idle connection.
        let answer = Box::pin(dispatch::answer(&self.shared, &self.asker, header, frame)).await?;
        match answer {
            Answer::Frame(bytes) => self.outbox.push(bytes),
            Answer::Fetched(segments) => segments.queue(&mut self.outbox)?,
        }
        self.shared.metrics.observe_request(api, self.shared.clock.now().since(began));
        Ok(())
    }

    /// Of a transactional Produce: asks the coordinator for what its partitions do not know. Others pass.
    async fn verify(&mut self, header: &RequestHeader, frame: &[u8]) -> Result<(), Ended> {
        if let Some(asked) = self.producing.unverified(&self.shared, header, frame)? {
            self.flush().await?;
            self.producing.verify(&self.shared, header.version, asked).await;
        }
        Ok(())
    }

    /// Waits until every Produce before this request is answered.
    async fn barrier(&mut self) -> Result<(), Ended> {
        while !self.ahead.is_empty() {
            self.flush().await?;
            self.inbound.wait(&mut self.ahead, false).await?;
            self.ahead.settle(&mut self.outbox)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let sent = self.outbox.flush(self.inbound.stream(), self.shared.patience).await;
        self.count_sent();
        Ok(sent?)
    }

    fn count_sent(&mut self) {
        self.shared.metrics.network_out.add(self.outbox.take_sent_bytes());
    }
}
