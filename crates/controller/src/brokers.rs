//! Brokers: a registration begins a life.
//!
//! The broker's epoch is the offset of the record (KRaft's rule). A lone node takes its place at once, also from a life of its own that
//! ended without a goodbye: nobody else can be using it, because the data directory is locked. The fact begins a new reign on every partition that
//! the broker leads: see `metadata::Fact::RegisterBroker`.

use metadata::Fact;
use model::{BrokerEpoch, Offset};

use crate::{Answer, Registration, machine::Outcome};

pub(crate) fn register(next: Offset, registration: Registration) -> Outcome {
    let Registration { id, incarnation, host, port, rack } = registration;
    let epoch = BrokerEpoch(next.0);
    Outcome {
        facts: vec![Fact::RegisterBroker { id, incarnation, epoch, host, port, rack }],
        answer: Answer::RegisterBroker(Ok(epoch)),
    }
}
