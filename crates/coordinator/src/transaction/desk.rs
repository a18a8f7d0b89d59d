//! The desk of the transaction coordinator: cuts a question into requests of single transactional ids, hands orders for markers to
//! whoever writes them, and brings their reports back.

use std::{collections::BTreeMap, sync::Arc};

use model::{ErrorCode, PartitionId, ProducerEpoch, ProducerId, Reply, TopicPartition};
use wire::messages::{
    describe_transactions_response::TransactionState as Described,
    list_transactions_response::TransactionState as Listed,
};

use super::{
    asked::{AddPartitions, Answered, Asked, EndTransaction, InitProducer, ListFilter},
    cx::{Core, WriteMarkers},
    markers::{Mailbox, MarkerReport, Markers},
    options::{ProducerIds, TransactionOptions},
    shard::TransactionShard,
};
use crate::{
    budget::Budget,
    group::partition_for,
    limits,
    runtime::{Desk, Reign, Requests, Ticket, Timers, Wake},
};

/// A producer, or why there is none.
type ProducerReply = Reply<Result<(ProducerId, ProducerEpoch), ErrorCode>>;

/// What callers of [`crate::TransactionCoordinator`] ask, with where the answer goes.
pub(crate) enum Question {
    Init(InitProducer, ProducerReply),
    Add(AddPartitions, Reply<Vec<(TopicPartition, ErrorCode)>>),
    End(EndTransaction, ProducerReply),
    Describe(Arc<str>, Reply<Described>),
    List(ListFilter, Reply<Result<Vec<Listed>, ErrorCode>>),
}

/// Whom an answer goes to.
enum Waiting {
    Producer(ProducerReply),
    Add(Reply<Vec<(TopicPartition, ErrorCode)>>),
    Describe(Reply<Described>),
    /// A part of this listing.
    Part(u64),
}

/// Parts of a list, as they come.
struct Listing {
    missing: usize,
    listed: Result<Vec<Listed>, ErrorCode>,
    reply: Reply<Result<Vec<Listed>, ErrorCode>>,
}

pub(crate) struct TransactionDesk {
    options: Arc<TransactionOptions>,
    producer_ids: ProducerIds,
    markers: Arc<dyn Markers>,
    mailbox: Arc<Mailbox>,
    budget: Arc<Budget>,
    /// Bounded by the queue: nobody is parked for longer than a commit takes.
    waiting: BTreeMap<Ticket, Waiting>,
    listings: BTreeMap<u64, Listing>,
    last_number: u64,
}

impl TransactionDesk {
    pub(crate) fn new(
        options: TransactionOptions,
        producer_ids: ProducerIds,
        markers: Arc<dyn Markers>,
    ) -> Self {
        Self {
            options: Arc::new(options),
            producer_ids,
            markers,
            mailbox: Arc::default(),
            budget: Budget::new(limits::TRANSACTIONS_BYTES_MAX),
            waiting: BTreeMap::new(),
            listings: BTreeMap::new(),
            last_number: 0,
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// One request to the partition of `id`. An id that is none, or that no record can hold, is refused here.
    fn one(&mut self, id: &str, asked: Asked, waiting: Waiting) -> Requests<Self> {
        let ticket = Ticket(self.next_number());
        self.waiting.insert(ticket, waiting);
        if id.is_empty() || id.len() > limits::TEXT_BYTES_MAX {
            self.settle(ticket, asked.refuse(ErrorCode::InvalidRequest));
            return Vec::new();
        }
        vec![(partition_for(id, self.options.partitions), ticket, asked)]
    }

    fn list(
        &mut self,
        filter: ListFilter,
        reply: Reply<Result<Vec<Listed>, ErrorCode>>,
        led: &[PartitionId],
    ) -> Requests<Self> {
        if led.is_empty() {
            reply.send(Ok(Vec::new()));
            return Vec::new();
        }
        let (number, filter) = (self.next_number(), Arc::new(filter));
        self.listings.insert(number, Listing { missing: led.len(), listed: Ok(Vec::new()), reply });
        let mut requests = Vec::with_capacity(led.len());
        for partition in led {
            let ticket = Ticket(self.next_number());
            self.waiting.insert(ticket, Waiting::Part(number));
            requests.push((*partition, ticket, Asked::List(Arc::clone(&filter))));
        }
        requests
    }

    /// A partition that is still loading makes the whole list an error, as in Kafka; one that was lost meanwhile is left out.
    fn settle_part(&mut self, number: u64, part: Result<Vec<Listed>, ErrorCode>) {
        let Some(listing) = self.listings.get_mut(&number) else { return };
        match (part, &mut listing.listed) {
            (Ok(part), Ok(listed)) => listed.extend(part),
            (Err(ErrorCode::NotCoordinator), _) | (Ok(_), Err(_)) => {}
            (Err(code), listed) => *listed = Err(code),
        }
        listing.missing -= 1;
        if listing.missing == 0
            && let Some(Listing { listed, reply, .. }) = self.listings.remove(&number)
        {
            reply.send(listed);
        }
    }
}

impl Desk for TransactionDesk {
    const NAME: &'static str = "transactions";
    type Shard = TransactionShard;
    type Question = Question;

    fn open(&mut self, question: Question, led: &[PartitionId]) -> Requests<Self> {
        match question {
            Question::Init(asked, reply) => {
                let id = Arc::clone(&asked.transactional_id);
                self.one(&id, Asked::Init(asked), Waiting::Producer(reply))
            }
            Question::Add(asked, reply) => {
                let id = Arc::clone(&asked.producing.transactional_id);
                self.one(&id, Asked::Add(asked), Waiting::Add(reply))
            }
            Question::End(asked, reply) => {
                let id = Arc::clone(&asked.producing.transactional_id);
                self.one(&id, Asked::End(asked), Waiting::Producer(reply))
            }
            Question::Describe(id, reply) => {
                self.one(&Arc::clone(&id), Asked::Describe(id), Waiting::Describe(reply))
            }
            Question::List(filter, reply) => self.list(filter, reply, led),
        }
    }

    fn settle(&mut self, ticket: Ticket, answer: Answered) {
        match (self.waiting.remove(&ticket), answer) {
            (Some(Waiting::Producer(reply)), Answered::Init(answer) | Answered::End(answer)) => {
                reply.send(answer);
            }
            (Some(Waiting::Add(reply)), Answered::Add(answer)) => reply.send(answer),
            (Some(Waiting::Describe(reply)), Answered::Describe(answer)) => reply.send(answer),
            (Some(Waiting::Part(number)), Answered::List(part)) => self.settle_part(number, part),
            (None, answer) => debug_assert!(
                matches!(answer, Answered::Done) || ticket == Ticket::NOBODY,
                "nobody waits for {answer:?}"
            ),
            (Some(_), answer) => debug_assert!(false, "an answer of another kind: {answer:?}"),
        }
    }

    fn shard(&mut self) -> TransactionShard {
        TransactionShard::new(Core {
            options: Arc::clone(&self.options),
            producer_ids: Arc::clone(&self.producer_ids),
            budget: Arc::clone(&self.budget),
            timers: Timers::new(),
            epoch: model::LeaderEpoch::NONE,
            last_attempt: 0,
            sending: BTreeMap::new(),
        })
    }

    fn perform(&mut self, reign: Reign, effect: WriteMarkers) {
        let WriteMarkers { attempt, order } = effect;
        let places = order.partitions.clone();
        let report = MarkerReport::new(&self.mailbox, reign.partition, attempt, places);
        self.markers.write(order, report);
    }

    fn reports(&mut self) -> Requests<Self> {
        let reports = self.mailbox.take().into_iter();
        let requests = reports
            .map(|(partition, written)| (partition, Ticket::NOBODY, Asked::Written(written)));
        requests.collect()
    }

    fn wakes(&mut self, wake: Wake) {
        self.mailbox.wakes(wake);
    }
}
