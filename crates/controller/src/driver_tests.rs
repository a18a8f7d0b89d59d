//! The driver: groups, publication before the answer, failure, restart.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use metadata::{Publisher, options::ServerOptions};
use model::{BrokerId, ErrorCode, Offset, Pending};
use storage::StorageError;
use world::{Chance, exec::Wait, sim::SimClock};

use crate::{
    Controller, ControllerError, ControllerOptions, IfThere, NewTopic, Quorum, QuorumError,
    Registration, TopicKey, Visit, VolatileQuorum, World,
};

/// A quorum whose disk a test can hold up or break, and that survives its controller.
#[derive(Clone, Default)]
struct Shared(Arc<Inner>);

#[derive(Default)]
struct Inner {
    quorum: Mutex<VolatileQuorum>,
    lives: AtomicUsize,
    appends: AtomicUsize,
    snapshots: AtomicUsize,
    is_broken: AtomicBool,
    /// While set, appends wait.
    is_held: Mutex<bool>,
    changed: Condvar,
}

impl Shared {
    fn hold(&self, is_held: bool) {
        *self.0.is_held.lock().unwrap() = is_held;
        self.0.changed.notify_all();
    }
}

impl Quorum for Shared {
    fn load(&mut self, visit: &mut Visit<'_>) -> Result<(), ControllerError> {
        self.0.quorum.lock().unwrap().load(visit)
    }

    fn end(&self) -> Offset {
        self.0.quorum.lock().unwrap().end()
    }

    fn append(&mut self, records: &[Vec<u8>]) -> Result<Offset, QuorumError> {
        self.0.appends.fetch_add(1, Ordering::SeqCst);
        let held = self.0.is_held.lock().unwrap();
        drop(self.0.changed.wait_while(held, |held| *held).unwrap());
        if self.0.is_broken.load(Ordering::SeqCst) {
            return Err(StorageError::Poisoned.into());
        }
        self.0.quorum.lock().unwrap().append(records)
    }

    fn has_grown(&self) -> bool {
        self.0.snapshots.load(Ordering::SeqCst) == 0
    }

    fn snapshot(
        &mut self,
        end: Offset,
        records: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), QuorumError> {
        assert_eq!(end, self.end());
        assert!(records.count() > 0);
        self.0.snapshots.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn close(&mut self) -> Result<(), QuorumError> {
        Ok(())
    }
}

fn start(quorum: &Shared, cluster: &str) -> Result<(Controller, Arc<Publisher>), ControllerError> {
    let publisher = Arc::new(Publisher::new());
    let world = World {
        clock: Arc::new(SimClock::new(model::TimestampMs(1_000))),
        chance: Chance::from_seed(1),
    };
    let server = ServerOptions::new(BrokerId(1));
    let options = ControllerOptions { cluster_id: cluster.into(), server };
    let controller =
        Controller::start(Box::new(quorum.clone()), Arc::clone(&publisher), world, options)?;
    let (id, host) = (BrokerId(1), "localhost".to_owned());
    let incarnation = u128::from(quorum.0.lives.fetch_add(1, Ordering::SeqCst) as u64);
    let (cluster_id, port, rack) = (cluster.to_owned(), 9092, None);
    let registration = Registration { id, cluster_id, incarnation, host, port, rack };
    controller.join(registration, &publisher).unwrap().unwrap();
    Ok((controller, publisher))
}

fn create(controller: &Controller, name: &str) -> Option<ErrorCode> {
    let topic =
        NewTopic { name: name.into(), partitions: 1, replication_factor: 1, ..NewTopic::default() };
    let answers = controller.create_topics(vec![topic], false).wait()?;
    Some(answers[0].as_ref().map_or_else(|refusal| refusal.code, |_| ErrorCode::None))
}

#[test]
fn an_answer_comes_after_subscribers_have_acted_and_readers_see_it() {
    let quorum = Shared::default();
    let (controller, publisher) = start(&quorum, "c").unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    publisher.subscribe(Box::new(move |_, new, delta| {
        for id in &delta.created {
            log.lock().unwrap().push(new.topic_by_id(*id).unwrap().name.to_string());
        }
    }));
    assert_eq!(create(&controller, "a"), Some(ErrorCode::None));
    assert_eq!(*seen.lock().unwrap(), ["a"]);
    assert!(publisher.current().topic("a").is_some());
    controller.close();
}

#[test]
fn a_restart_finds_what_was_answered() {
    let quorum = Shared::default();
    let (controller, publisher) = start(&quorum, "c").unwrap();
    create(&controller, "a");
    controller.put_job("j", "{}".into(), IfThere::Refuse).wait().unwrap().unwrap();
    let id = publisher.current().topic("a").unwrap().id;
    controller.close();
    assert!(controller.allocate_producer_ids().wait().is_none(), "closed is closed");

    let (controller, publisher) = start(&quorum, "c").unwrap();
    let image = publisher.current();
    assert_eq!(image.topic("a").unwrap().id, id);
    assert_eq!(image.topic("a").unwrap().partitions[0].leader_epoch.0, 2);
    assert_eq!(image.job("j"), Some("{}"));
    assert_eq!(create(&controller, "a"), Some(ErrorCode::TopicAlreadyExists));
    let gone = controller.delete_topics(vec![TopicKey::Id(id)]).wait().unwrap();
    assert!(gone[0].is_ok());
    controller.close();
}

#[test]
fn another_clusters_log_is_refused() {
    let quorum = Shared::default();
    start(&quorum, "c").unwrap().0.close();
    assert!(matches!(start(&quorum, "d"), Err(ControllerError::Cluster { .. })));
}

#[test]
fn requests_that_wait_for_the_disk_share_one_write() {
    let quorum = Shared::default();
    let (controller, publisher) = start(&quorum, "c").unwrap();
    quorum.hold(true);
    let first = controller.allocate_producer_ids();
    let before = quorum.0.appends.load(Ordering::SeqCst);
    // The first write is under way or about to be; what is asked until it ends comes into at most two more groups.
    let others: Vec<Pending<_>> = (0..50).map(|_| controller.allocate_producer_ids()).collect();
    quorum.hold(false);
    let mut starts = vec![first.wait().unwrap().start];
    starts.extend(others.into_iter().map(|pending| pending.wait().unwrap().start));
    assert_eq!(starts, (0..51).map(|block| block * 1000).collect::<Vec<_>>());
    assert!(quorum.0.appends.load(Ordering::SeqCst) <= before + 2);
    assert_eq!(publisher.current().producer_ids_next().0, 51_000);
    controller.close();
}

#[test]
fn a_failed_disk_answers_nobody_and_publishes_nothing() {
    let quorum = Shared::default();
    let (controller, publisher) = start(&quorum, "c").unwrap();
    quorum.0.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(create(&controller, "a"), None);
    assert!(publisher.current().topic("a").is_none());
    quorum.0.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(create(&controller, "b"), None, "what is on disk is not known until a restart");
    controller.close();
}

#[test]
fn a_log_that_has_grown_gets_a_snapshot() {
    let quorum = Shared::default();
    let (controller, _publisher) = start(&quorum, "c").unwrap();
    create(&controller, "a");
    controller.close();
    assert_eq!(quorum.0.snapshots.load(Ordering::SeqCst), 1);
}
