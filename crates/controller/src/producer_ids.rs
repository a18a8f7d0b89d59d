//! Producer ids, in blocks: a broker takes one and hands its ids out alone. A block that is lost with its broker stays unused.

use metadata::{Fact, Image};
use model::ProducerId;

use crate::{Answer, machine::Outcome};

/// Ids in a block: Kafka's `PRODUCER_ID_BLOCK_SIZE`.
const BLOCK_IDS: i64 = 1000;

pub(crate) fn allocate(image: &Image) -> Outcome {
    let first = image.producer_ids_next().0;
    let next = first.checked_add(BLOCK_IDS).expect("2^63 producer ids are never used up");
    Outcome {
        facts: vec![Fact::ProducerIds { next: ProducerId(next) }],
        answer: Answer::AllocateProducerIds(first..next),
    }
}
