//! A connection without a socket: a frame in, its answer out. Whoever brings frames by other means (a simulated network) is served by
//! the same code behind the frame as a client is.

use std::{future::poll_fn, net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use wire::{Api, RequestHeader};

use crate::{
    BrokerParts,
    broker::Shared,
    connection::{Ended, Outbox, Produced, Unanswered},
    dispatch::{self, Answer, Asker},
    handlers::data::produce::Producing,
};

/// Kafka's face of one node, for connections without sockets.
#[derive(Clone)]
pub struct Face(Arc<Shared>);

/// One client's connection. Its requests are answered one after the other.
pub struct Loopback {
    shared: Arc<Shared>,
    asker: Arc<Asker>,
    producing: Producing,
}

/// The broker ends the connection.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Hangup(#[from] Ended);

impl Face {
    /// The face of the broker that `parts` make.
    #[must_use]
    pub fn new(parts: BrokerParts) -> Self {
        Self(Arc::new(Shared::new(parts)))
    }

    /// A connection of a client at `peer`.
    #[must_use]
    pub fn connect(&self, peer: SocketAddr) -> Loopback {
        Loopback {
            shared: Arc::clone(&self.0),
            asker: Arc::new(Asker::new(peer)),
            producing: Producing::default(),
        }
    }
}

impl Loopback {
    /// The answer's frame, with its length; none when the request wants none. `frame` comes without its length.
    ///
    /// # Errors
    /// [`Hangup`]: what was sent is no request that is served.
    pub async fn answer(&mut self, frame: BytesMut) -> Result<Option<Bytes>, Hangup> {
        let header = RequestHeader::parse(&frame).map_err(Ended::from)?;
        if header.api == Api::Produce {
            return self.produce(&header, frame).await;
        }
        let answer = dispatch::answer(&self.shared, &self.asker, header, frame);
        match answer.await.map_err(Ended::from)? {
            Answer::Frame(bytes) => Ok(Some(bytes)),
            Answer::Fetched(segments) => {
                let mut outbox = Outbox::default();
                segments.queue(&mut outbox).map_err(Ended::from)?;
                Ok(Some(outbox.into_bytes().map_err(Ended::from)?))
            }
        }
    }

    async fn produce(
        &mut self,
        header: &RequestHeader,
        frame: BytesMut,
    ) -> Result<Option<Bytes>, Hangup> {
        let asked = self.producing.unverified(&self.shared, header, &frame).map_err(Ended::from)?;
        if let Some(asked) = asked {
            self.producing.verify(&self.shared, header.version, asked).await;
        }
        let staged = self.producing.stage_one(&self.shared, &self.asker, header, frame);
        match staged.map_err(Ended::from)? {
            Produced::Unanswered => Ok(None),
            Produced::Refused => Err(Ended::UnansweredFailure.into()),
            Produced::Answer(Unanswered::Ready(bytes)) => Ok(Some(bytes)),
            Produced::Answer(Unanswered::Replicating(mut waiting)) => {
                while !waiting.is_done() {
                    poll_fn(|cx| waiting.poll(cx)).await;
                }
                Ok(Some(waiting.into_answer()))
            }
        }
    }
}
