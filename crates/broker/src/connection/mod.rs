//! One client's connection: frames in, answers out, in order. Its first frame says whether it is a client's: another node's, whose frames are
//! the quorum's, is given to [`peer_listener`](crate::peer_listener); a client waits until the broker has opened.
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
    handlers::data::produce::Producing,
    peer_listener,
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
    /// It was another node's, and was served as such to its end.
    #[error("a node's connection has ended")]
    OfNode,
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
        match self.is_of_node().await {
            Ok(true) => return self.run_for_node().await,
            Ok(false) => self.shared.opened().await,
            Err(ended) => return self.end(ended).await,
        }
        match self.serve().await {
            Ok(never) => match never {},
            Err(ended) => self.end(ended).await,
        }
    }

    /// Whether the first frame is another node's.
    async fn is_of_node(&mut self) -> Result<bool, Ended> {
        loop {
            if let Some(frame) = self.inbound.next_frame()? {
                let is_peer = wire::is_peer_request(&frame);
                self.inbound.put_back(frame);
                return Ok(is_peer);
            }
            if self.shared.is_stopping() {
                return Err(Ended::Stopping);
            }
            self.inbound.wait(&mut self.ahead, true).await?;
        }
    }

    async fn run_for_node(self) -> Ended {
        let Self { shared, inbound, .. } = self;
        if let Ok(_permit) = shared.nodes.try_acquire() {
            peer_listener::take_over(&shared.controller, inbound.into_begun()).await;
        }
        Ended::OfNode
    }

    async fn end(mut self, ended: Ended) -> Ended {
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

    async fn on_frame(&mut self, frame: BytesMut) -> Result<(), Ended> {
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
        // What this request waits for, the answers before it need not.
        self.flush().await
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
