//! Whatever producers, coordinators that die at any record, partitions and time do, and in whatever order: a transaction is all or
//! nothing over its partitions, as its producer was told, and none hangs.
//!
//! The model's partitions judge as a log does: epochs, guards (KIP-890), markers. Two producers fight over one transactional id.

use std::{collections::BTreeMap, time::Duration};

use model::{ErrorCode, Offset, ProducerEpoch, ProducerId, TopicPartition};
use proptest::prelude::*;
use records::control::Marker;

use super::{
    asked::{AddPartitions, Answered, Asked, EndTransaction, InitProducer, Producing},
    cx::WriteMarkers,
    markers::MarkerOrder,
    options::TransactionOptions,
    state::TransactionResult,
    test_world::{PARTITION, World, place},
    transaction::ClientVersion,
};

const CLIENTS: [&str; 2] = ["a", "b"];
const PLACES: i32 = 3;
const TIMEOUT_MS: i32 = 30_000;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A producer that is not initialised asks to be; one that is begins anew.
    Init {
        who: usize,
    },
    /// It asks for a partition to be added and writes to it once that is granted.
    Write {
        who: usize,
        place: i32,
    },
    /// A batch whose addition was granted arrives at its partition, late.
    Arrive {
        which: usize,
    },
    End {
        who: usize,
        is_commit: bool,
    },
    /// An order for markers, also one of a coordinator that is dead, is tried; a bit says where it fails.
    Mark {
        which: usize,
        failing: u8,
    },
    /// An order is lost.
    Lose {
        which: usize,
    },
    /// One more record is committed.
    Commit,
    /// The coordinator dies with so many of its uncommitted records known to the next.
    Crash {
        kept: usize,
    },
    Refuse {
        is_refused: bool,
    },
    Advance {
        ms: u64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let who = 0..CLIENTS.len();
    prop_oneof![
        3 => who.clone().prop_map(|who| Event::Init { who }),
        10 => (who.clone(), 0..PLACES).prop_map(|(who, place)| Event::Write { who, place }),
        6 => any::<usize>().prop_map(|which| Event::Arrive { which }),
        9 => (who, any::<bool>()).prop_map(|(who, is_commit)| Event::End { who, is_commit }),
        8 => (any::<usize>(), 0_u8..8).prop_map(|(which, failing)| Event::Mark { which, failing }),
        1 => any::<usize>().prop_map(|which| Event::Lose { which }),
        14 => Just(Event::Commit),
        2 => (0_usize..4).prop_map(|kept| Event::Crash { kept }),
        1 => any::<bool>().prop_map(|is_refused| Event::Refuse { is_refused }),
        3 => (0_u64..40_000).prop_map(|ms| Event::Advance { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn transactions_are_all_or_nothing_and_none_hangs(
        version in prop_oneof![Just(ClientVersion(0)), Just(ClientVersion::TWO)],
        events in prop::collection::vec(event(), 0..600),
    ) {
        let mut play = Play::new(version);
        for event in events {
            play.step(event);
        }
        play.quiesce();
        play.check();
    }
}

/// A transaction of a producer, by the order in which producers began theirs.
type Serial = usize;

/// What a log keeps of its producers, and what became of their records.
#[derive(Default)]
struct Place {
    epochs: BTreeMap<ProducerId, ProducerEpoch>,
    coordinators: BTreeMap<ProducerId, i32>,
    open: BTreeMap<ProducerId, Vec<Serial>>,
    guards: BTreeMap<ProducerId, (ProducerEpoch, u64)>,
    ended: Vec<(Serial, Marker)>,
    last_guard: u64,
}

/// A batch on its way.
struct Batch {
    serial: Serial,
    place: i32,
    producer: (ProducerId, ProducerEpoch),
    guard: u64,
}

struct Client {
    producer: Option<(ProducerId, ProducerEpoch)>,
    serial: Serial,
    waiting: Waiting,
    /// It has asked for its transaction to be ended, and does not know whether it is.
    ending: Option<bool>,
}

enum Waiting {
    Nothing,
    Init,
    Add(Batch),
    End,
}

struct Play {
    world: World,
    version: ClientVersion,
    clients: Vec<Client>,
    places: Vec<Place>,
    batches: Vec<Batch>,
    orders: Vec<WriteMarkers>,
    /// Whether the producer was told so: the end of this transaction.
    told: BTreeMap<Serial, bool>,
    last_serial: Serial,
}

impl Place {
    fn guard(&mut self, (id, epoch): (ProducerId, ProducerEpoch)) -> u64 {
        if let Some((_, guard)) = self.guards.get(&id).filter(|(of, _)| *of == epoch) {
            return *guard;
        }
        self.last_guard += 1;
        self.guards.insert(id, (epoch, self.last_guard));
        self.last_guard
    }

    fn append(&mut self, batch: &Batch) {
        let (id, epoch) = batch.producer;
        let known = self.epochs.get(&id).copied().unwrap_or(ProducerEpoch::NONE);
        if epoch < known {
            return;
        }
        let is_open = known == epoch && self.open.contains_key(&id);
        if is_open || self.guards.get(&id) == Some(&(epoch, batch.guard)) {
            self.guards.remove(&id);
            self.epochs.insert(id, epoch);
            self.open.entry(id).or_default().push(batch.serial);
        }
    }

    fn mark(&mut self, order: &MarkerOrder) -> ErrorCode {
        let id = order.producer_id;
        if self.epochs.get(&id).is_some_and(|known| order.producer_epoch < *known) {
            return ErrorCode::InvalidProducerEpoch;
        }
        if self.coordinators.get(&id).is_some_and(|known| order.coordinator_epoch < *known) {
            return ErrorCode::TransactionCoordinatorFenced;
        }
        self.guards.remove(&id);
        self.epochs.insert(id, order.producer_epoch);
        self.coordinators.insert(id, order.coordinator_epoch);
        let ended = self.open.remove(&id).unwrap_or_default();
        self.ended.extend(ended.into_iter().map(|serial| (serial, order.marker)));
        ErrorCode::None
    }
}

impl Play {
    fn new(version: ClientVersion) -> Self {
        let world = World::new(TransactionOptions::default());
        world.log.be_replicated();
        world.log.hold_commits(Some(Offset(0)));
        let client =
            || Client { producer: None, serial: 0, waiting: Waiting::Nothing, ending: None };
        Self {
            world,
            version,
            clients: CLIENTS.iter().map(|_| client()).collect(),
            places: (0..PLACES).map(|_| Place::default()).collect(),
            batches: Vec::new(),
            orders: Vec::new(),
            told: BTreeMap::new(),
            last_serial: 0,
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Init { who } => self.init(who),
            Event::Write { who, place } => self.write(who, place),
            Event::Arrive { which } => {
                if !self.batches.is_empty() {
                    let batch = self.batches.remove(which % self.batches.len());
                    self.place(batch.place).append(&batch);
                }
            }
            Event::End { who, is_commit } => self.end(who, is_commit),
            Event::Mark { which, failing } => self.mark(which, failing),
            Event::Lose { which } => {
                if !self.orders.is_empty() {
                    let lost = self.orders.remove(which % self.orders.len());
                    self.world.report(lost, |_| ErrorCode::CoordinatorNotAvailable);
                }
            }
            Event::Commit => self.commit(),
            Event::Crash { kept } => self.crash(kept),
            Event::Refuse { is_refused } => {
                let refusal = is_refused.then_some(ErrorCode::NotEnoughReplicas);
                self.world.log.refuse_appends(refusal);
            }
            Event::Advance { ms } => self.world.advance(Duration::from_millis(ms)),
        }
        self.take();
    }

    fn init(&mut self, who: usize) {
        let client = &mut self.clients[who];
        if !matches!(client.waiting, Waiting::Nothing) {
            return;
        }
        (client.producer, client.ending, client.waiting) = (None, None, Waiting::Init);
        let asked =
            InitProducer { transactional_id: "id".into(), timeout_ms: TIMEOUT_MS, expected: None };
        self.world.ask(CLIENTS[who], Asked::Init(asked));
    }

    /// Producers of the first version flush before they end: theirs may not be on the way then.
    fn write(&mut self, who: usize, place: i32) {
        let client = &self.clients[who];
        let Some(producer) = client.producer else { return };
        if !matches!(client.waiting, Waiting::Nothing) || client.ending.is_some() {
            return;
        }
        let serial = client.serial;
        let guard = self.place(place).guard(producer);
        let asked = AddPartitions {
            producing: self.producing(producer),
            partitions: vec![place_of(place)],
            client_version: self.version,
            is_verify_only: false,
        };
        self.clients[who].waiting = Waiting::Add(Batch { serial, place, producer, guard });
        self.world.ask(CLIENTS[who], Asked::Add(asked));
    }

    fn end(&mut self, who: usize, is_commit: bool) {
        let client = &self.clients[who];
        let Some(producer) = client.producer else { return };
        let is_on_the_way = self.batches.iter().any(|batch| batch.serial == client.serial);
        let must_flush = is_on_the_way && (is_commit || self.version != ClientVersion::TWO);
        if !matches!(client.waiting, Waiting::Nothing) || must_flush {
            return;
        }
        let is_commit = client.ending.unwrap_or(is_commit);
        self.clients[who].ending = Some(is_commit);
        self.clients[who].waiting = Waiting::End;
        let result = if is_commit { TransactionResult::Commit } else { TransactionResult::Abort };
        let producing = self.producing(producer);
        let asked = EndTransaction { producing, result, client_version: self.version };
        self.world.ask(CLIENTS[who], Asked::End(asked));
    }

    fn mark(&mut self, which: usize, failing: u8) {
        if self.orders.is_empty() {
            return;
        }
        let order = self.orders.remove(which % self.orders.len());
        let outcomes: BTreeMap<TopicPartition, ErrorCode> = order
            .order
            .partitions
            .iter()
            .map(|named| {
                let is_failing = failing & (1 << named.partition.0) != 0;
                let code = if is_failing {
                    ErrorCode::NotLeaderOrFollower
                } else {
                    self.place(named.partition.0).mark(&order.order)
                };
                (named.clone(), code)
            })
            .collect();
        self.world.report(order, |named| outcomes[named]);
    }

    fn commit(&mut self) {
        let committed = self.world.log.held().unwrap();
        let next = self.world.log.ends(PARTITION).into_iter().find(|end| *end > committed);
        if let Some(next) = next {
            self.world.log.hold_commits(Some(next));
        }
        self.world.on_time();
    }

    /// What was not committed may be lost with the coordinator; its orders are still on their way.
    fn crash(&mut self, kept: usize) {
        self.world.resign();
        let committed = self.world.log.held().unwrap();
        self.world.log.truncate(PARTITION, committed, kept);
        self.world.elect();
    }

    fn take(&mut self) {
        self.orders.append(&mut self.world.orders);
        for (who, answer) in self.world.take_answers() {
            let who = CLIENTS.iter().position(|name| *name == who).unwrap();
            self.on_answer(who, answer);
        }
    }

    fn on_answer(&mut self, who: usize, answer: Answered) {
        let next_serial = self.last_serial + 1;
        let client = &mut self.clients[who];
        match (std::mem::replace(&mut client.waiting, Waiting::Nothing), answer) {
            (Waiting::Init, Answered::Init(Ok(producer))) => {
                (client.producer, client.serial) = (Some(producer), next_serial);
                self.last_serial = next_serial;
            }
            (Waiting::Init, Answered::Init(Err(_))) => {}
            (Waiting::Add(batch), Answered::Add(codes)) => match codes[0].1 {
                ErrorCode::None => self.batches.push(batch),
                ErrorCode::ConcurrentTransactions | ErrorCode::CoordinatorLoadInProgress => {}
                _ => client.producer = None,
            },
            (Waiting::End, Answered::End(Ok(producer))) => {
                let is_commit = client.ending.take().unwrap();
                self.told.insert(client.serial, is_commit);
                // The first version's answer names the producer that asked: it keeps its own.
                (client.producer, client.serial) = (Some(producer), next_serial);
                self.last_serial = next_serial;
            }
            (Waiting::End, Answered::End(Err(code))) => match code {
                ErrorCode::ConcurrentTransactions
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::NotCoordinator
                | ErrorCode::CoordinatorNotAvailable => {}
                _ => client.producer = None,
            },
            (_, answer) => panic!("nobody waits for {answer:?}"),
        }
    }

    /// Nothing fails any more: everything committed, every order carried out, every time over.
    fn quiesce(&mut self) {
        self.world.log.refuse_appends(None);
        for _ in 0..20 {
            while self.world.log.held().unwrap() < self.world.log.end(PARTITION) {
                self.commit();
            }
            self.world.advance(Duration::from_secs(60));
            self.take();
            while !self.orders.is_empty() {
                self.mark(0, 0);
                self.take();
            }
        }
        for batch in std::mem::take(&mut self.batches) {
            self.place(batch.place).append(&batch); // too late for any transaction
        }
    }

    fn check(&mut self) {
        for id in self.world.shard().ids() {
            let state = self.world.shard().find(&id).unwrap().state;
            assert!(state.is_at_rest(), "{id} hangs in {state:?}");
        }
        let mut ends: BTreeMap<Serial, Marker> = BTreeMap::new();
        for place in &self.places {
            assert!(place.open.is_empty(), "a transaction hangs in a partition: {:?}", place.open);
            for (serial, marker) in &place.ended {
                let known = *ends.entry(*serial).or_insert(*marker);
                assert_eq!(known, *marker, "transaction {serial} is torn");
            }
        }
        for (serial, is_commit) in &self.told {
            let told = if *is_commit { Marker::Commit } else { Marker::Abort };
            let Some(marker) = ends.get(serial) else { continue }; // it wrote nothing
            assert_eq!(*marker, told, "transaction {serial} did not end as its producer was told");
        }
    }

    fn place(&mut self, number: i32) -> &mut Place {
        &mut self.places[usize::try_from(number).unwrap()]
    }

    fn producing(&self, (producer_id, producer_epoch): (ProducerId, ProducerEpoch)) -> Producing {
        Producing { transactional_id: "id".into(), producer_id, producer_epoch }
    }
}

fn place_of(number: i32) -> TopicPartition {
    place("t", number)
}
