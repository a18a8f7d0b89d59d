//! Requests that this node does not decide: passed on to the one that leads, and answered with its answer.
//!
//! While nobody leads, or the one that did does not answer, it is tried again until the request's deadline, after a pause each time. A request
//! may so be decided twice, when an answer is lost on the way: its second answer then says that the topic exists already, as Kafka's does.
//! openraft may name this node while it decides nothing (a leader that hears no majority is refused at once; a committed vote whose log is gone; a
//! moment, when leadership moves): as if nobody led.

mod codec;

use std::{sync::Arc, time::Duration};

use ::bytes::Bytes;
use model::{BrokerId, Pending, Reply};
use openraft::async_runtime::{AsyncRuntime, WatchReceiver};
use world::Clock;

use crate::{
    Answer, QuorumOptions,
    inbox::{Asked, Inbox, Role},
    raft::{Message, Network, Raft, Runtime, Status},
};

/// See the file's head. A clone is the same.
#[derive(Clone)]
pub(crate) struct Forwarder {
    raft: Raft,
    network: Network,
    own_id: u64,
    voters: Arc<[BrokerId]>,
    clock: Arc<dyn Clock>,
    inbox: Arc<Inbox>,
}

impl Forwarder {
    pub(crate) fn new(
        raft: Raft,
        network: Network,
        options: &QuorumOptions,
        clock: Arc<dyn Clock>,
        inbox: Arc<Inbox>,
    ) -> Self {
        let own_id = network.own_id;
        let voters = options.voters.clone().into();
        Self { raft, network, own_id, voters, clock, inbox }
    }

    /// Passes `asked` on until it is answered or nobody waits any more.
    pub(crate) fn forward(&self, asked: Asked) {
        let forwarder = self.clone();
        drop(Runtime::spawn(async move { forwarder.run(asked).await }));
    }

    /// Decides a request that another node has passed on.
    pub(crate) async fn decide(&self, bytes: Bytes) -> Status {
        let Some(request) = codec::decode_request(&bytes) else { return Status::Refused };
        if matches!(self.inbox.role(), Role::Following | Role::Failed) {
            return Status::NotController;
        }
        let (reply, pending): (Reply<Bytes>, _) = Pending::channel();
        let reply = Box::new(move |answer: Answer| reply.send(codec::encode_answer(&answer)));
        let deadline = self.clock.now().plus(ASK_TIMEOUT);
        self.inbox.ask(Asked { request, reply, deadline, is_forwarded: true });
        pending.await.map_or(Status::NotController, Status::Done)
    }

    async fn run(&self, asked: Asked) {
        let Some(bytes) = codec::encode_request(&asked.request) else { return };
        let mut turn = 0;
        loop {
            let left = asked.deadline.since(self.clock.now());
            if left.is_zero() {
                return; // dropping the reply says so
            }
            match self.whom_to_ask(turn) {
                Some(leader) if leader == self.own_id => match self.inbox.role() {
                    Role::Taking | Role::Leading(_) if turn > 0 => return self.inbox.ask(asked),
                    Role::Failed => return, // as above
                    // Given back it would be here again at once: whoever leads has just been refused by its quorum.
                    Role::Following | Role::Taking | Role::Leading(_) => {}
                },
                Some(leader) => {
                    let message = Message::Ask(bytes.clone());
                    let timeout = left.min(ASK_TIMEOUT);
                    match self.network.send(leader, &message, timeout).await {
                        Some(Status::Done(body)) => {
                            if let Some(answer) = codec::decode_answer(&body) {
                                (asked.reply)(answer);
                            }
                            return;
                        }
                        Some(Status::Refused) => return,
                        Some(Status::NotController) | None => {}
                    }
                }
                None => {}
            }
            turn += 1;
            Runtime::sleep(RETRY_AFTER.min(left)).await;
        }
    }

    /// The leader; a node that knows none and does not vote asks the voters in turn.
    fn whom_to_ask(&self, turn: usize) -> Option<u64> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        if let Some(leader) = metrics.current_leader {
            return Some(leader);
        }
        let is_voter = self.voters.iter().any(|id| node_id(*id) == self.own_id);
        if is_voter || self.voters.is_empty() {
            return None;
        }
        self.voters.get(turn % self.voters.len()).map(|id| node_id(*id))
    }
}

fn node_id(id: BrokerId) -> u64 {
    u64::from(id.0.unsigned_abs())
}

/// How long one node is waited for before another is asked.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(20);
