//! What transactions need of whoever leads a partition, here or elsewhere: a thread that carries orders for markers out, and questions to
//! coordinators on other brokers.
//!
//! Told: orders and questions, which it takes without waiting. Answers: a code for each partition. An order is tried once: partitions led here are
//! written at once, the others go into the [lane](super::lane) of the broker that leads them now; those of topics that are gone count as written,
//! for there is nothing left to end. Who ordered a marker orders it again, and then its leader is looked up again.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    rc::Rc,
    sync::Arc,
};

use coordinator::{MarkerOrder, MarkerReport, Markers};
use metadata::{NO_LEADER, Publisher};
use model::{BrokerId, ErrorCode, Pending, Reply, TopicPartition};
use tokio::sync::mpsc;
use world::exec;

use super::{
    Addition, Codes, LocalMarkers, all,
    lane::{Lane, Question},
    markers::Writing,
};
use crate::links::BrokerLinks;

/// The handle of the thread, which ends with the last clone. Clones are the same.
#[derive(Clone)]
pub struct Outgoing(mpsc::Sender<Errand>);

/// Errands that the thread has not seen yet. One more is answered by nobody, and comes again.
const ERRANDS_MAX: usize = 1_024;
/// Orders under way. More than a lane holds: one dead broker's do not fill it.
const ORDERS_MAX: usize = 4_096;

enum Errand {
    /// Dropped uncalled, the last part says that nothing is written.
    Write(MarkerOrder, Box<dyn FnOnce(Codes) + Send>),
    Add(BrokerId, Addition, Reply<Codes>),
}

struct Desk {
    node: BrokerId,
    markers: LocalMarkers,
    links: Arc<dyn BrokerLinks>,
    publisher: Arc<Publisher>,
    orders: Lanes<MarkerOrder>,
    additions: Lanes<Addition>,
    orders_under_way: Cell<usize>,
}

/// One for each broker that has been asked.
struct Lanes<Q>(RefCell<BTreeMap<BrokerId, Lane<Q>>>);

impl Outgoing {
    /// From `node`, which writes its own with `markers`.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub(crate) fn start(
        node: BrokerId,
        markers: LocalMarkers,
        links: Arc<dyn BrokerLinks>,
        publisher: Arc<Publisher>,
    ) -> io::Result<Self> {
        let (sender, queue) = mpsc::channel(ERRANDS_MAX);
        exec::spawn("markers", move || {
            let (orders, additions) = (Lanes(RefCell::default()), Lanes(RefCell::default()));
            let orders_under_way = Cell::new(0);
            let desk =
                Desk { node, markers, links, publisher, orders, additions, orders_under_way };
            // Without an event queue of the system's, errands are answered by nobody.
            drop(exec::run_local(Rc::new(desk).run(queue)));
        })?;
        Ok(Self(sender))
    }

    /// Tries to write the markers of `order`, wherever its partitions are led: a code for each. None when there is no room: try again.
    #[must_use]
    pub fn write(&self, order: MarkerOrder) -> Pending<Vec<(TopicPartition, ErrorCode)>> {
        let (reply, pending) = Pending::channel();
        self.put(Errand::Write(order, Box::new(|codes| reply.send(codes))));
        pending
    }

    /// Asks the coordinator on `broker`: a code for each partition.
    pub(crate) fn add(&self, broker: BrokerId, question: Addition) -> Pending<Codes> {
        let (reply, pending) = Pending::channel();
        self.put(Errand::Add(broker, question, reply));
        pending
    }

    fn put(&self, errand: Errand) {
        // Refused, the errand says by its end that nobody was asked.
        let _ = self.0.try_send(errand);
    }
}

impl Markers for Outgoing {
    fn write(&self, order: MarkerOrder, report: MarkerReport) {
        self.put(Errand::Write(order, Box::new(|codes| report.send(codes))));
    }
}

impl Desk {
    async fn run(self: Rc<Self>, mut queue: mpsc::Receiver<Errand>) {
        while let Some(errand) = queue.recv().await {
            match errand {
                Errand::Add(broker, question, reply) => {
                    self.additions.to(broker, &self).put(question, reply);
                }
                Errand::Write(order, report) if self.orders_under_way.get() < ORDERS_MAX => {
                    self.orders_under_way.set(self.orders_under_way.get() + 1);
                    let desk = Rc::clone(&self);
                    drop(exec::spawn_local(async move {
                        report(desk.write(order).await);
                        desk.orders_under_way.set(desk.orders_under_way.get() - 1);
                    }));
                }
                Errand::Write(..) => {}
            }
        }
    }

    async fn write(&self, order: MarkerOrder) -> Codes {
        let image = self.publisher.current();
        let mut codes = Vec::with_capacity(order.partitions.len());
        let mut led: BTreeMap<BrokerId, Vec<TopicPartition>> = BTreeMap::new();
        for place in &order.partitions {
            let topic = image.topic_named(&place.topic);
            match topic.and_then(|topic| topic.partition(place.partition)) {
                None => codes.push((place.clone(), ErrorCode::None)),
                Some(state) if state.leader == NO_LEADER => {
                    codes.push((place.clone(), ErrorCode::LeaderNotAvailable));
                }
                Some(state) => led.entry(state.leader).or_default().push(place.clone()),
            }
        }
        let here = led.remove(&self.node).unwrap_or_default();
        let begun = self.markers.begin(&MarkerOrder { partitions: here, ..order.clone() });
        let ask = |(broker, partitions): (BrokerId, Vec<TopicPartition>)| {
            let (reply, answer) = Pending::channel();
            let order = MarkerOrder { partitions: partitions.clone(), ..order.clone() };
            self.orders.to(broker, self).put(order, reply);
            (partitions, answer)
        };
        let asked: Vec<_> = led.into_iter().map(ask).collect();
        codes.extend(begun.finish(&mut Writing::late()).await);
        for (places, answer) in asked {
            let unanswered = || all(&places, MarkerOrder::UNANSWERED);
            codes.extend(answer.await.unwrap_or_else(unanswered));
        }
        codes
    }
}

impl<Q: Question> Lanes<Q> {
    fn to(&self, broker: BrokerId, desk: &Desk) -> Lane<Q> {
        let mut lanes = self.0.borrow_mut();
        let lane =
            lanes.entry(broker).or_insert_with(|| Lane::new(broker, &desk.links, &desk.publisher));
        lane.clone()
    }
}
