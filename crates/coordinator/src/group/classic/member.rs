//! One member of a classic group.

use std::sync::Arc;

use bytes::Bytes;

use crate::{budget::Charge, runtime::Ticket};

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// What it can speak, the dearest first, with its metadata for each.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// It has joined and was never answered: it cannot send heartbeats, having no generation.
    pub(crate) is_new: bool,
    /// Who waits for the answer to its join.
    pub(crate) awaiting_join: Option<Ticket>,
    /// Who waits for the answer to its sync.
    pub(crate) awaiting_sync: Option<Ticket>,
    /// What it costs to hold it.
    pub(crate) _charge: Charge,
}

/// A protocol by name, and a member's metadata for it. The bytes are the member's own: nobody here reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: Arc<str>,
    pub(crate) metadata: Bytes,
}

impl Member {
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let chosen = self.protocols.iter().find(|known| &*known.name == protocol);
        chosen.map_or_else(Bytes::new, |known| known.metadata.clone())
    }

    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|known| &*known.name == protocol)
    }

    /// Whether silence is forgiven: a member whose join or sync is parked has its connection muted and cannot send.
    pub(crate) const fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}
