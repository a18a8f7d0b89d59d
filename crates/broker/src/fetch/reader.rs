//! Who reads: a consumer, or a follower in its present standing.

use metadata::Image;
use model::{Isolation, Offset};
use replication::{FetchRequest, Interest, Partition};

use super::{Outcome, Replica};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Consumer(Isolation),
    /// With whether the controller would take it into an ISR: what it reads counts differently then.
    Replica(Replica, bool),
}

impl Reader {
    /// `replica`, as `image` knows it; else a consumer.
    pub(crate) fn of(replica: Option<Replica>, isolation: Isolation, image: &Image) -> Self {
        match replica {
            // The image may have changed while the request was parked.
            Some(replica) => Self::Replica(replica, replica.is_eligible(image)),
            None => Self::Consumer(isolation),
        }
    }

    /// Reads; `log_start` is where a follower's log begins.
    pub(crate) fn read(
        &self,
        partition: &Partition,
        request: FetchRequest,
        log_start: Offset,
    ) -> Outcome {
        match self {
            Self::Consumer(_) => partition.read(request).into(),
            Self::Replica(replica, is_eligible) => {
                replica.read(partition, *is_eligible, log_start, request)
            }
        }
    }

    pub(crate) fn interest(&self) -> Interest {
        match self {
            Self::Consumer(isolation) => Interest::Consumer(*isolation),
            Self::Replica(..) => Interest::Replica,
        }
    }
}
