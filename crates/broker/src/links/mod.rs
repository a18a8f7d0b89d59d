//! The way from one broker to another: a request goes, its answer comes, or nobody knows what has become of it.
//!
//! Told: whom to ask, and a whole request frame. Answers: the frame that came back. [`SocketLinks`] is the real one; a simulated network has its
//! own. Transactions go this way ([`crate::Outgoing`]); followers have one of their own to their leaders ([`crate::SocketLeaders`]), which they
//! can interrupt.

mod sockets;

use bytes::{Bytes, BytesMut};
use model::{BrokerId, Pending};
use wire::Api;

pub use sockets::SocketLinks;

/// The other brokers of the cluster, as they can be asked.
pub trait BrokerLinks: Send + Sync {
    /// Sends `request` to `broker`, and answers with what it answers: a response frame without its length. No answer is `None`: it was not reached,
    /// or not in time, or too much is under way; it may have done what was asked. Never waits.
    fn ask(&self, broker: BrokerId, request: LinkRequest) -> Pending<Bytes>;
}

/// A request as it goes over a link.
#[derive(Debug)]
pub struct LinkRequest {
    /// What is asked.
    pub api: Api,
    /// In which version: a broker that does not speak it is not asked.
    pub version: i16,
    /// With its length; the link sets the correlation id.
    pub frame: BytesMut,
}
