//! The handle of the transaction coordinator: every question is put into its thread's queue and answered later.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    ErrorCode, LeaderEpoch, PartitionId, Pending, ProducerEpoch, ProducerId, Reply, TopicPartition,
};
use wire::messages::{
    describe_transactions_response::TransactionState as Described,
    list_transactions_response::TransactionState as Listed,
};
use world::{Clock, exec::JoinHandle};

use crate::{
    group::partition_for,
    runtime::{Command, Driver, Inbox, Log},
    transaction::{
        AddPartitions, EndTransaction, InitProducer, Markers, ProducerIds, Question,
        TransactionDesk, TransactionFilter, TransactionOptions,
    },
};

/// The transaction coordinator of one broker. Clones are the same coordinator; its thread ends with [`TransactionCoordinator::stop`], or
/// after the last clone is dropped.
///
/// An answer that never comes (`None`) means that the queue was full or the thread is gone: COORDINATOR_NOT_AVAILABLE.
#[derive(Clone)]
pub struct TransactionCoordinator(Arc<Shared>);

struct Shared {
    inbox: Inbox<TransactionDesk>,
    partitions: i32,
    /// Taken by the one who stops it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl TransactionCoordinator {
    /// Starts the coordinator's thread. It leads nothing until it is [elected](Self::elect).
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start(
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        options: TransactionOptions,
        producer_ids: ProducerIds,
        markers: Arc<dyn Markers>,
    ) -> io::Result<Self> {
        let partitions = options.partitions;
        let desk = TransactionDesk::new(options, producer_ids, markers);
        let (inbox, thread) = Driver::start(desk, log, clock)?;
        let thread = Mutex::new(Some(thread));
        Ok(Self(Arc::new(Shared { inbox, partitions, thread })))
    }

    /// This broker leads a partition of `__transaction_state`: it is loaded, then its transactions are served.
    pub fn elect(&self, partition: PartitionId, epoch: LeaderEpoch) {
        self.0.inbox.tell(Command::Elect(partition, epoch));
    }

    /// This broker no longer leads the partition: whoever waits there is told NOT_COORDINATOR.
    pub fn resign(&self, partition: PartitionId) {
        self.0.inbox.tell(Command::Resign(partition));
    }

    /// Makes the thread look at its clock, for clocks that are moved by hand.
    pub fn tick(&self) {
        self.0.inbox.tick();
    }

    /// The partition of `__transaction_state` on which `transactional_id` lives.
    #[must_use]
    pub fn partition_for(&self, transactional_id: &str) -> PartitionId {
        partition_for(transactional_id, self.0.partitions)
    }

    /// Answers whoever waits, and ends the thread. What is asked later is not answered.
    pub fn stop(&self) {
        self.0.inbox.tell(Command::Stop);
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }

    /// InitProducerId: the producer's id and epoch.
    #[must_use]
    pub fn init(
        &self,
        asked: InitProducer,
    ) -> Pending<Result<(ProducerId, ProducerEpoch), ErrorCode>> {
        self.ask(|reply| Question::Init(asked, reply))
    }

    /// AddPartitionsToTxn, AddOffsetsToTxn, or the verification of a partition's leader: a code for each partition asked for.
    #[must_use]
    pub fn add(&self, asked: AddPartitions) -> Pending<Vec<(TopicPartition, ErrorCode)>> {
        self.ask(|reply| Question::Add(asked, reply))
    }

    /// EndTxn: the producer as it goes on.
    #[must_use]
    pub fn end(
        &self,
        asked: EndTransaction,
    ) -> Pending<Result<(ProducerId, ProducerEpoch), ErrorCode>> {
        self.ask(|reply| Question::End(asked, reply))
    }

    /// DescribeTransactions, one of them.
    #[must_use]
    pub fn describe(&self, transactional_id: Arc<str>) -> Pending<Described> {
        self.ask(|reply| Question::Describe(transactional_id, reply))
    }

    /// ListTransactions: those of the partitions that this broker leads.
    #[must_use]
    pub fn list(&self, filter: TransactionFilter) -> Pending<Result<Vec<Listed>, ErrorCode>> {
        self.ask(|reply| Question::List(filter, reply))
    }

    fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Pending<T> {
        let (reply, pending) = Pending::channel();
        self.0.inbox.ask(question(reply));
        pending
    }
}

impl Drop for Shared {
    /// Stops the thread without waiting for its end. On that thread itself there is no waiting for room in its queue either.
    fn drop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner);
        match thread {
            Some(thread) if thread.is_current() => {
                self.inbox.try_stop();
            }
            Some(_) => {
                self.inbox.tell(Command::Stop);
            }
            None => {}
        }
    }
}
