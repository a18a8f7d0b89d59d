//! The single writer: takes what is queued, decides it in order, commits it in one write, publishes, answers.
//!
//! Requests that queue up while the disk syncs are committed together. A request sees the facts of those before it, also
//! uncommitted ones: `newest` runs ahead of what is published. When the log fails, everything since the last commit is dropped with
//! the answers to it, and nothing is decided any more until a restart: what is on disk is not known.

use std::{mem, sync::Arc};

use metadata::{Delta, Fact, Image, Publisher};
use model::Offset;
use world::exec::{Receiver, TryRecvError};

use crate::{
    Answer, ControllerError, ControllerOptions, Quorum, Request, World,
    machine::{Machine, Outcome},
};

/// Requests that may wait for the controller; the next one is not answered.
pub const QUEUE_REQUESTS_MAX: usize = 1024;
/// Requests that are committed together.
const GROUP_REQUESTS_MAX: usize = 256;
/// Bytes of facts from which on a group is committed.
const GROUP_BYTES_MAX: usize = 1 << 20;

pub(crate) type Reply = Box<dyn FnOnce(Answer) + Send>;

/// What the driver is told.
pub(crate) enum Message {
    Request(Request, Reply),
    Close,
}

pub(crate) struct Driver {
    quorum: Box<dyn Quorum>,
    publisher: Arc<Publisher>,
    machine: Machine,
    /// With the facts that are being committed; equal to the published image between two groups.
    newest: Image,
    has_failed: bool,
}

impl Driver {
    /// Reads the log and publishes the image that it makes.
    pub(crate) fn load(
        mut quorum: Box<dyn Quorum>,
        publisher: Arc<Publisher>,
        world: World,
        options: ControllerOptions,
    ) -> Result<Self, ControllerError> {
        let mut newest = Image::default();
        quorum.load(&mut |offset, record| {
            let fact = Fact::decode(record)
                .map_err(|source| ControllerError::Record { offset, source })?;
            newest.apply(&fact);
            newest.set_version(offset);
            Ok(())
        })?;
        let mut machine = Machine::new(world, options);
        let now = machine.world.clock.now();
        machine.on_elected(&newest, now);
        let mut driver = Self { quorum, publisher, machine, newest, has_failed: false };
        driver.name_cluster()?;
        driver.publisher.publish(Arc::new(driver.newest.clone()), &Delta::everything());
        Ok(driver)
    }

    /// The first fact of a new cluster is its id; an old one must have ours.
    fn name_cluster(&mut self) -> Result<(), ControllerError> {
        let expected = self.machine.cluster_id();
        let found = self.newest.cluster_id();
        if found == expected {
            return Ok(());
        }
        if !found.is_empty() {
            let (found, expected) = (found.to_owned(), expected.to_owned());
            return Err(ControllerError::Cluster { found, expected });
        }
        let fact = Fact::Cluster { id: expected.to_owned() };
        let version = self.quorum.append(&[fact.encode()])?;
        self.newest.apply(&fact);
        self.newest.set_version(version);
        Ok(())
    }

    pub(crate) fn run(mut self, queue: &Receiver<Message>) {
        while let Ok(first) = queue.recv() {
            let mut group = Group::new(&self.newest);
            let mut is_open = self.take(first, &mut group);
            while is_open && group.has_room() {
                match queue.try_recv() {
                    Ok(message) => is_open = self.take(message, &mut group),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => is_open = false,
                }
            }
            self.commit(group);
            if !is_open {
                break;
            }
            self.snapshot_if_grown();
        }
        if !self.has_failed {
            // A log that cannot be closed is recovered at the next start: nothing that was answered is lost.
            let _ = self.quorum.close();
        }
    }

    /// Decides one message; answers whether there may be more.
    fn take(&mut self, message: Message, group: &mut Group) -> bool {
        let Message::Request(request, reply) = message else { return false };
        if self.has_failed {
            return true; // dropping the reply says so
        }
        let Outcome { facts, answer } = self.machine.decide(&self.newest, request);
        for fact in &facts {
            group.delta.note(&self.newest, fact);
            self.newest.apply(fact);
            group.add(fact.encode());
        }
        group.answers.push((reply, answer));
        true
    }

    fn commit(&mut self, group: Group) {
        let Group { before, records, delta, answers, .. } = group;
        if !records.is_empty() {
            let expected = self.quorum.end().plus(records.len() as i64 - 1);
            match self.quorum.append(&records) {
                Ok(committed) => {
                    assert_eq!(committed, expected, "a single writer knows its offsets");
                    self.newest.set_version(committed);
                    self.publisher.publish(Arc::new(self.newest.clone()), &delta);
                }
                Err(_) => {
                    self.has_failed = true;
                    self.newest = before;
                    return;
                }
            }
        }
        for (reply, answer) in answers {
            reply(answer);
        }
    }

    fn snapshot_if_grown(&mut self) {
        if !self.has_failed && self.quorum.has_grown() {
            let end = self.newest.version().plus(1);
            let mut facts = self.newest.facts().map(|fact| fact.encode());
            // Without it the log is longer, and the next commit shows whether the disk is at fault.
            let _ = self.quorum.snapshot(end, &mut facts);
        }
    }
}

/// Requests that are committed together.
struct Group {
    before: Image,
    records: Vec<Vec<u8>>,
    bytes: usize,
    delta: Delta,
    answers: Vec<(Reply, Answer)>,
}

impl Group {
    fn new(before: &Image) -> Self {
        let before = before.clone();
        let (records, answers) = (Vec::new(), Vec::new());
        Self { before, records, bytes: 0, delta: Delta::default(), answers }
    }

    fn add(&mut self, record: Vec<u8>) {
        self.bytes += record.len() + mem::size_of::<Offset>();
        self.records.push(record);
    }

    fn has_room(&self) -> bool {
        self.answers.len() < GROUP_REQUESTS_MAX && self.bytes < GROUP_BYTES_MAX
    }
}
