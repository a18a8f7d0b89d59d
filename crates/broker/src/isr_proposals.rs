//! Leaders' proposals on their way to the controller: what comes while one request is under way goes together with the next.
//!
//! Told: proposals, each with who wants its answer. Answers each once: also when the controller drops the request, for then nobody knows what
//! became of it, and the leader must hear that.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use controller::{Answer, Controller, IsrChange, Request};
use metadata::Publisher;
use model::{BrokerEpoch, BrokerId, ErrorCode};
use replication::{IsrAnswer, IsrProposal, IsrProposals};

/// Proposals to `controller`, in the name of one broker.
pub struct ControllerProposals(Arc<Shared>);

struct Shared {
    node: BrokerId,
    controller: Controller,
    publisher: Arc<Publisher>,
    /// Guards what waits, and whether a request is under way. A partition has at most one proposal: that bounds it.
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(IsrProposal, IsrAnswer)>,
    is_under_way: bool,
}

/// Partitions in one request.
const CHANGES_MAX: usize = 1_000;

impl ControllerProposals {
    /// For `node`, whose life is found in the image.
    #[must_use]
    pub fn new(node: BrokerId, controller: Controller, publisher: Arc<Publisher>) -> Self {
        Self(Arc::new(Shared { node, controller, publisher, queue: Mutex::default() }))
    }
}

impl IsrProposals for ControllerProposals {
    fn propose(&self, proposal: IsrProposal, answer: IsrAnswer) {
        self.0.lock().waiting.push((proposal, answer));
        self.0.send_next();
    }
}

impl Shared {
    fn send_next(self: &Arc<Self>) {
        let batch = {
            let mut queue = self.lock();
            if queue.is_under_way || queue.waiting.is_empty() {
                return;
            }
            queue.is_under_way = true;
            let count = queue.waiting.len().min(CHANGES_MAX);
            queue.waiting.drain(..count).collect::<Vec<_>>()
        };
        let (proposals, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let under_way = UnderWay { shared: Arc::clone(self), answers };
        let image = self.publisher.current();
        let Some(me) = image.broker(self.node) else {
            return; // not registered: dropping it says that nobody knows
        };
        let (broker, epoch) = (self.node, me.epoch);
        let changes = proposals.into_iter().map(|proposal| change(proposal, (broker, epoch)));
        let request = Request::AlterPartition { broker, epoch, changes: changes.collect() };
        self.controller.request(request, Box::new(move |answer| under_way.end(answer)));
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request that the controller has; dropped, its answers are given all the same.
struct UnderWay {
    shared: Arc<Shared>,
    answers: Vec<IsrAnswer>,
}

impl UnderWay {
    fn end(mut self, answer: Answer) {
        let answers = mem::take(&mut self.answers);
        match answer {
            Answer::AlterPartition(Ok(decided)) => {
                for (answer, decided) in answers.into_iter().zip(decided) {
                    answer(decided.map(drop));
                }
            }
            Answer::AlterPartition(Err(refusal)) => {
                for answer in answers {
                    answer(Err(refusal.code));
                }
            }
            _ => self.answers = answers,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        for answer in mem::take(&mut self.answers) {
            answer(Err(ErrorCode::RequestTimedOut));
        }
        self.shared.lock().is_under_way = false;
        self.shared.send_next();
    }
}

/// The leader is in sync in its present life; who has not fetched in this reign, in any.
fn change(proposal: IsrProposal, (me, epoch): (BrokerId, BrokerEpoch)) -> IsrChange {
    let of = |(id, seen): (BrokerId, Option<BrokerEpoch>)| {
        let life = if id == me { epoch } else { seen.unwrap_or(BrokerEpoch::NONE) };
        (id, life)
    };
    IsrChange {
        topic: proposal.topic_id,
        partition: proposal.partition,
        leader_epoch: proposal.leader_epoch,
        partition_epoch: proposal.partition_epoch,
        isr: proposal.isr.into_iter().map(of).collect(),
    }
}
