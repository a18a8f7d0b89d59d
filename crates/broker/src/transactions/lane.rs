//! Questions of one kind to one broker: one request is under way, and what comes meanwhile goes together with the next.
//!
//! A lane per broker is what keeps a slow or dead one from holding up the others. Its queue is bounded: a question that finds no room is answered by
//! nobody, and asked again by whoever wants to know. A broker that is no longer the one to ask is not waited for.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use metadata::{Image, Publisher};
use model::{BrokerId, ErrorCode, Reply, TopicPartition};
use wire::{Api, messages::Encodable};
use world::exec;

use super::{Codes, all};
use crate::links::{BrokerLinks, LinkRequest};

/// What may be asked of another broker, many in one request.
pub(super) trait Question: 'static {
    const API: Api;
    const VERSION: i16;
    /// What is answered when nobody knows.
    const UNANSWERED: ErrorCode;
    type Request: Encodable;

    /// The partitions that the answer has a code for.
    fn places(&self) -> &[TopicPartition];
    /// Whether `broker` is the one to ask.
    fn is_for(&self, broker: BrokerId, image: &Image) -> bool;
    /// Whether the answers to both could be taken for each other's.
    fn is_like(&self, other: &Self) -> bool;
    fn request(batch: &[&Self]) -> Self::Request;
    /// The codes for each of `batch`; none if it is no answer.
    fn understand(batch: &[&Self], frame: Bytes) -> Option<Vec<Codes>>;
}

/// A clone is the same lane.
pub(super) struct Lane<Q>(Rc<Inner<Q>>);

/// Questions that may wait for one broker.
const WAITING_MAX: usize = 512;
/// Partitions in one request, unless a single question has more.
const PLACES_MAX: usize = 2_000;
/// How often a request that is under way is looked at: is its broker still the one to ask?
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// After a request that was not answered.
const BACKOFF: Duration = Duration::from_millis(20);

type Asked<Q> = (Q, Reply<Codes>);

struct Inner<Q> {
    broker: BrokerId,
    links: Arc<dyn BrokerLinks>,
    publisher: Arc<Publisher>,
    waiting: RefCell<VecDeque<Asked<Q>>>,
    is_under_way: Cell<bool>,
}

impl<Q: Question> Lane<Q> {
    /// To `broker`.
    pub(super) fn new(
        broker: BrokerId,
        links: &Arc<dyn BrokerLinks>,
        publisher: &Arc<Publisher>,
    ) -> Self {
        Self(Rc::new(Inner {
            broker,
            links: Arc::clone(links),
            publisher: Arc::clone(publisher),
            waiting: RefCell::default(),
            is_under_way: Cell::new(false),
        }))
    }

    /// Asks when its turn comes. On a thread that runs local tasks.
    pub(super) fn put(&self, question: Q, reply: Reply<Codes>) {
        if self.0.waiting.borrow().len() >= WAITING_MAX {
            return; // the reply says by its end that nobody was asked
        }
        self.0.waiting.borrow_mut().push_back((question, reply));
        if !self.0.is_under_way.replace(true) {
            let inner = Rc::clone(&self.0);
            drop(exec::spawn_local(async move { inner.run().await }));
        }
    }
}

impl<Q> Clone for Lane<Q> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<Q: Question> Inner<Q> {
    async fn run(&self) {
        let _under_way = UnderWay(&self.is_under_way);
        while let Some(batch) = self.take() {
            let (questions, replies): (Vec<Q>, Vec<_>) = batch.into_iter().unzip();
            let questions: Vec<&Q> = questions.iter().collect();
            match self.exchange(&questions).await {
                Some(answers) => {
                    replies.into_iter().zip(answers).for_each(|(reply, codes)| reply.send(codes));
                }
                None => {
                    for (reply, question) in replies.into_iter().zip(questions) {
                        reply.send(all(question.places(), Q::UNANSWERED));
                    }
                    exec::delay(BACKOFF).await;
                }
            }
        }
    }

    /// What goes together next; the rest keeps its order.
    fn take(&self) -> Option<Vec<Asked<Q>>> {
        let image = self.publisher.current();
        let mut waiting = self.waiting.borrow_mut();
        let (mut batch, mut places): (Vec<Asked<Q>>, usize) = (Vec::new(), 0);
        for (question, reply) in std::mem::take(&mut *waiting) {
            let count = question.places().len();
            if !question.is_for(self.broker, &image) {
                reply.send(all(question.places(), Q::UNANSWERED));
            } else if !batch.is_empty() && places + count > PLACES_MAX
                || batch.iter().any(|(other, _)| question.is_like(other))
            {
                waiting.push_back((question, reply));
            } else {
                places += count;
                batch.push((question, reply));
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    async fn exchange(&self, batch: &[&Q]) -> Option<Vec<Codes>> {
        let client_id = format!("to-broker-{}", self.broker);
        let frame = wire::encode_request(Q::API, Q::VERSION, 0, &client_id, &Q::request(batch));
        let request = LinkRequest { api: Q::API, version: Q::VERSION, frame: frame.ok()? };
        let mut answer = self.links.ask(self.broker, request);
        loop {
            if let Some(answered) = exec::timeout(LOOK_AGAIN, &mut answer).await {
                return Q::understand(batch, answered?);
            }
            let image = self.publisher.current();
            if !batch.iter().any(|question| question.is_for(self.broker, &image)) {
                return None;
            }
        }
    }
}

/// Lets the next question start the lane again, however this run ends.
struct UnderWay<'a>(&'a Cell<bool>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
