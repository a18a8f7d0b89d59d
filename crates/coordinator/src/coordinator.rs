//! The handle of the group coordinator: every question is put into its thread's queue and answered later.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    ErrorCode, LeaderEpoch, PartitionId, Pending, ProducerEpoch, ProducerId, Reply, Verification,
};
use records::control::Marker;
use wire::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};
use world::{Clock, exec::JoinHandle};

use crate::{
    asked::RequestContext,
    gather::{GroupDesk, Question},
    group::partition_for,
    options::{GroupOptions, Topics},
    runtime::{Command, Driver, Inbox, Log, Producer},
};

/// The group coordinator of one broker. Clones are the same coordinator; its thread ends with [`Coordinator::stop`], or after the
/// last clone is dropped.
///
/// An answer that never comes (`None`) means that the queue was full or the thread is gone: COORDINATOR_NOT_AVAILABLE.
#[derive(Clone)]
pub struct Coordinator(Arc<Shared>);

struct Shared {
    inbox: Inbox<GroupDesk>,
    offsets_partitions: i32,
    /// Taken by the one who stops it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Coordinator {
    /// Starts the coordinator's thread. It leads nothing until it is [elected](Self::elect).
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start(
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
        seed: u64,
        options: GroupOptions,
        topics: Topics,
    ) -> io::Result<Self> {
        let offsets_partitions = options.offsets_partitions;
        let desk = GroupDesk::new(options, topics, seed);
        let (inbox, thread) = Driver::start(desk, log, clock)?;
        let thread = Mutex::new(Some(thread));
        Ok(Self(Arc::new(Shared { inbox, offsets_partitions, thread })))
    }

    /// This broker leads a partition of `__consumer_offsets`: it is loaded, then its groups are served.
    pub fn elect(&self, partition: PartitionId, epoch: LeaderEpoch) {
        self.0.inbox.tell(Command::Elect(partition, epoch));
    }

    /// This broker no longer leads the partition: whoever waits there is told NOT_COORDINATOR.
    pub fn resign(&self, partition: PartitionId) {
        self.0.inbox.tell(Command::Resign(partition));
    }

    /// More of a partition is committed: answers that waited for it may go. Cheap; may be called under a lock.
    pub fn on_committed(&self) {
        self.0.inbox.tick();
    }

    /// Makes the thread look at its clock, for clocks that are moved by hand.
    pub fn tick(&self) {
        self.0.inbox.tick();
    }

    /// These topics are gone: so are the offsets committed in them.
    pub fn on_topics_deleted(&self, names: Vec<String>) {
        self.0.inbox.tell(Command::Ask(Question::TopicsDeleted(names)));
    }

    /// The partition of `__consumer_offsets` on which `group` lives.
    #[must_use]
    pub fn partition_for(&self, group: &str) -> PartitionId {
        partition_for(group, self.0.offsets_partitions)
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

    /// JoinGroup: answered when the rebalance has heard from everybody.
    #[must_use]
    pub fn join(
        &self,
        cx: RequestContext,
        request: JoinGroupRequest,
    ) -> Pending<JoinGroupResponse> {
        self.ask(|reply| Question::Join(cx, Box::new(request), reply))
    }

    /// SyncGroup: answered when the leader's assignments are committed.
    #[must_use]
    pub fn sync(
        &self,
        _cx: RequestContext,
        request: SyncGroupRequest,
    ) -> Pending<SyncGroupResponse> {
        self.ask(|reply| Question::Sync(Box::new(request), reply))
    }

    /// Heartbeat.
    #[must_use]
    pub fn heartbeat(
        &self,
        _cx: RequestContext,
        request: HeartbeatRequest,
    ) -> Pending<HeartbeatResponse> {
        self.ask(|reply| Question::Heartbeat(Box::new(request), reply))
    }

    /// LeaveGroup.
    #[must_use]
    pub fn leave(
        &self,
        cx: RequestContext,
        request: LeaveGroupRequest,
    ) -> Pending<LeaveGroupResponse> {
        self.ask(|reply| Question::Leave(cx, request, reply))
    }

    /// OffsetCommit.
    #[must_use]
    pub fn commit_offsets(
        &self,
        cx: RequestContext,
        request: OffsetCommitRequest,
    ) -> Pending<OffsetCommitResponse> {
        self.ask(|reply| Question::CommitOffsets(cx, Box::new(request), reply))
    }

    /// TxnOffsetCommit: offsets that become true with their transaction. `verification` is what is known of its right to begin
    /// in this group's partition.
    #[must_use]
    pub fn commit_in_transaction(
        &self,
        request: TxnOffsetCommitRequest,
        verification: Verification,
    ) -> Pending<TxnOffsetCommitResponse> {
        self.ask(|reply| Question::CommitInTransaction(Box::new(request), verification, reply))
    }

    /// The end of a transaction that commits offsets of groups on `partition`: writes the marker, and makes what was pending true or
    /// forgets it. Answered with the error of the log.
    #[must_use]
    pub fn end_transaction(
        &self,
        partition: PartitionId,
        (producer, epoch): (ProducerId, ProducerEpoch),
        marker: Marker,
        coordinator_epoch: i32,
    ) -> Pending<ErrorCode> {
        let producer = Producer { id: producer, epoch };
        self.ask(|reply| {
            Question::EndTransaction(partition, producer, marker, coordinator_epoch, reply)
        })
    }

    /// OffsetFetch, in the shape of the version: one group up to 7, several from 8 on.
    #[must_use]
    pub fn fetch_offsets(
        &self,
        cx: RequestContext,
        request: OffsetFetchRequest,
    ) -> Pending<OffsetFetchResponse> {
        self.ask(|reply| Question::FetchOffsets(cx, request, reply))
    }

    /// ListGroups: those of the partitions that this broker leads.
    #[must_use]
    pub fn list_groups(
        &self,
        _cx: RequestContext,
        request: ListGroupsRequest,
    ) -> Pending<ListGroupsResponse> {
        self.ask(|reply| Question::List(request, reply))
    }

    /// DescribeGroups. Authorised operations are the caller's to fill in.
    #[must_use]
    pub fn describe_groups(
        &self,
        cx: RequestContext,
        request: DescribeGroupsRequest,
    ) -> Pending<DescribeGroupsResponse> {
        self.ask(|reply| Question::Describe(cx, request, reply))
    }

    /// DeleteGroups.
    #[must_use]
    pub fn delete_groups(
        &self,
        _cx: RequestContext,
        request: DeleteGroupsRequest,
    ) -> Pending<DeleteGroupsResponse> {
        self.ask(|reply| Question::Delete(request, reply))
    }

    /// OffsetDelete.
    #[must_use]
    pub fn delete_offsets(
        &self,
        _cx: RequestContext,
        request: OffsetDeleteRequest,
    ) -> Pending<OffsetDeleteResponse> {
        self.ask(|reply| Question::DeleteOffsets(request, reply))
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
