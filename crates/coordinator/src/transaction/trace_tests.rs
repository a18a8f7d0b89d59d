//! Runs the traces in `testdata/transactions/`: what is asked stands at the start of a line, what came of it is indented below.
//!
//! ```text
//!   options expiration=1h                 settings, before anything else
//!   init ID timeout=60s expect=100/3      by whom; `expect` is the producer that it believes to be
//!   add|verify ID 100/0 t/0 t/1           by producer 100 in epoch 0; `v=2` speaks transaction version 2
//!   end ID 100/0 commit v=2
//!   written t/0=CODE                      the oldest order has been tried: places that are not named are written
//!   forged ID STATE 100/0                 a record that somebody else wrote
//!   restart late                          the coordinator is another; `late`: what the one before ordered is still under way
//!   describe ID   list STATE…   advance 3s   hold   commit   refuse CODE   accept   replicated
//! ```
//! With `BLESS=1` in the environment the effects are written instead of compared: read the diff.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use model::{ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};

use super::{
    asked::{AddPartitions, Answered, Asked, EndTransaction, InitProducer, ListFilter},
    options::TransactionOptions,
    record::TransactionRecord,
    state::{TransactionResult, TransactionState},
    test_world::{PARTITION, World, place, producing},
    transaction::{ClientVersion, Transaction},
};
use crate::runtime::{Loaded, Log, Reign};

#[test]
fn traces_hold() {
    let folder = Path::new("testdata/transactions");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are traces");
    for path in paths {
        let expected = std::fs::read_to_string(&path).unwrap();
        let seen = Trace::run(&expected);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &seen).unwrap();
            continue;
        }
        assert!(seen == expected, "{} differs; this is what came:\n{seen}", path.display());
    }
}

struct Trace {
    world: World,
    records_seen: usize,
    orders_seen: (LeaderEpoch, u64),
}

struct Words<'a> {
    named: BTreeMap<&'a str, &'a str>,
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn parse(line: &'a str) -> (&'a str, Self) {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let mut parsed = Self { named: BTreeMap::new(), rest: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => {
                    parsed.named.insert(name, value);
                }
                None => parsed.rest.push(word),
            }
        }
        (verb, parsed)
    }

    fn id(&self) -> &'a str {
        self.rest.first().copied().unwrap_or_default()
    }

    fn client_version(&self) -> ClientVersion {
        ClientVersion(self.named.get("v").map_or(0, |version| version.parse().unwrap()))
    }

    fn millis(&self, name: &str, default: &str) -> u64 {
        millis(self.named.get(name).copied().unwrap_or(default))
    }
}

fn millis(text: &str) -> u64 {
    for (unit, factor) in [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)] {
        if let Some(Ok(count)) = text.strip_suffix(unit).map(str::parse::<u64>) {
            return count * factor;
        }
    }
    panic!("a time with its unit, not {text}");
}

fn slashed<T: std::str::FromStr<Err: std::fmt::Debug>>(word: &str) -> (&str, T) {
    let (before, after) = word.split_once('/').unwrap();
    (before, after.parse().unwrap())
}

fn producer(word: &str) -> (i64, i16) {
    let (id, epoch) = slashed(word);
    (id.parse().unwrap(), epoch)
}

fn named_place(word: &str) -> TopicPartition {
    let (topic, partition) = slashed(word);
    place(topic, partition)
}

fn code(name: &str) -> ErrorCode {
    (0..200).filter_map(ErrorCode::from_code).find(|code| code.name() == name).unwrap()
}

impl Trace {
    fn run(trace: &str) -> String {
        let world = World::new(TransactionOptions::default());
        let mut run = Self { world, records_seen: 0, orders_seen: (LeaderEpoch::NONE, 0) };
        let mut seen = String::new();
        for line in trace.lines().filter(|line| !line.starts_with("  ")) {
            seen.push_str(line);
            seen.push('\n');
            if !line.is_empty() && !line.starts_with('#') {
                run.step(line);
                run.show_effects(&mut seen);
            }
        }
        seen
    }

    fn step(&mut self, line: &str) {
        let (verb, words) = Words::parse(line);
        let world = &mut self.world;
        match verb {
            "options" => {
                let expiration_ms = words.millis("expiration", "168h");
                let options = TransactionOptions {
                    id_expiration_ms: i64::try_from(expiration_ms).unwrap(),
                    ..TransactionOptions::default()
                };
                *world = World::new(options);
            }
            "advance" => world.advance(Duration::from_millis(millis(words.rest[0]))),
            "restart" => {
                world.resign();
                if words.rest.first() != Some(&"late") {
                    world.orders.clear();
                }
                world.elect();
            }
            "replicated" => world.log.be_replicated(),
            "refuse" => world.log.refuse_appends(Some(code(words.rest[0]))),
            "accept" => world.log.refuse_appends(None),
            "hold" => world.log.hold_commits(Some(world.log.end(PARTITION))),
            "commit" => {
                world.log.hold_commits(None);
                world.on_time();
            }
            "written" => {
                let order = world.orders.remove(0);
                world.report(order, |place| {
                    let named = words.named.iter().find(|(name, _)| named_place(name) == *place);
                    named.map_or(ErrorCode::None, |(_, name)| code(name))
                });
            }
            "forged" => {
                let mut transaction = Transaction::new(ProducerId(producer(words.rest[2]).0));
                transaction.producer_epoch = ProducerEpoch(producer(words.rest[2]).1);
                transaction.timeout_ms = 60_000;
                transaction.state = TransactionState::from_name(words.rest[1]).unwrap();
                if transaction.state != TransactionState::Empty {
                    transaction.partitions.insert(place("t", 0));
                    transaction.started = world.now().wall;
                }
                let record = TransactionRecord { id: words.id().into(), value: Some(transaction) };
                world.log.append_raw(&record.key(), record.value().as_deref());
            }
            _ => {
                let asked = asked(verb, &words);
                world.ask(words.id(), asked);
                world.on_time();
            }
        }
    }

    fn show_effects(&mut self, into: &mut String) {
        for (who, answer) in self.world.take_answers() {
            writeln!(into, "  {who}: {}", show(answer)).unwrap();
        }
        let records = self.records();
        for record in records.iter().skip(self.records_seen) {
            writeln!(into, "  record {}", show_record(record)).unwrap();
        }
        self.records_seen = records.len();
        for order in &self.world.orders {
            let number = (order.attempt.reign, order.attempt.number);
            if number > self.orders_seen {
                let what = &order.order;
                let places: Vec<String> = what.partitions.iter().map(show_place).collect();
                writeln!(
                    into,
                    "  order {:?} {}/{} coordinator={} [{}]",
                    what.marker,
                    what.producer_id,
                    what.producer_epoch,
                    what.coordinator_epoch,
                    places.join(" ")
                )
                .unwrap();
                self.orders_seen = number;
            }
        }
    }

    fn records(&self) -> Vec<TransactionRecord> {
        let mut records = Vec::new();
        let reign = Reign { partition: PARTITION, epoch: LeaderEpoch(0) };
        let mut visit = |loaded: Loaded<'_>| {
            let Loaded::Record(record, _) = loaded else { return };
            records.extend(TransactionRecord::decode(record.key, record.value));
        };
        let end: Offset = self.world.log.load(reign, &mut visit).unwrap();
        assert!(end >= Offset::ZERO);
        records
    }
}

fn asked(verb: &str, words: &Words<'_>) -> Asked {
    let who = || {
        let (id, epoch) = producer(words.rest[1]);
        producing(words.id(), id, epoch)
    };
    match verb {
        "init" => Asked::Init(InitProducer {
            transactional_id: words.id().into(),
            timeout_ms: i32::try_from(words.millis("timeout", "60s")).unwrap(),
            expected: words.named.get("expect").map(|word| {
                let (id, epoch) = producer(word);
                (ProducerId(id), ProducerEpoch(epoch))
            }),
        }),
        "add" | "verify" => Asked::Add(AddPartitions {
            producing: who(),
            partitions: words.rest[2..].iter().map(|word| named_place(word)).collect(),
            client_version: words.client_version(),
            is_verify_only: verb == "verify",
        }),
        "end" => Asked::End(EndTransaction {
            producing: who(),
            result: match words.rest[2] {
                "commit" => TransactionResult::Commit,
                _ => TransactionResult::Abort,
            },
            client_version: words.client_version(),
        }),
        "describe" => Asked::Describe(words.id().into()),
        "list" => Asked::List(std::sync::Arc::new(ListFilter {
            states: words
                .rest
                .iter()
                .map(|name| TransactionState::from_name(name).unwrap())
                .collect(),
            duration_ms: words.named.get("longer").map(|time| i64::try_from(millis(time)).unwrap()),
            ..ListFilter::default()
        })),
        verb => panic!("no such verb: {verb}"),
    }
}

fn show(answer: Answered) -> String {
    match answer {
        Answered::Init(Ok((id, epoch))) | Answered::End(Ok((id, epoch))) => {
            format!("producer {id}/{epoch}")
        }
        Answered::Init(Err(code)) | Answered::End(Err(code)) => code.name().to_owned(),
        Answered::Add(codes) => {
            let each: Vec<String> = codes
                .iter()
                .map(|(place, code)| format!("{}={}", show_place(place), code.name()))
                .collect();
            each.join(" ")
        }
        Answered::Describe(described) => format!(
            "described {} {} {}/{} topics={}",
            ErrorCode::from_code(described.error_code).unwrap().name(),
            described.transaction_state.as_str(),
            described.producer_id.0,
            described.producer_epoch,
            described.topics.len()
        ),
        Answered::List(listed) => {
            let each: Vec<String> = listed
                .unwrap()
                .iter()
                .map(|one| {
                    format!("{}:{}", one.transactional_id.as_str(), one.transaction_state.as_str())
                })
                .collect();
            format!("listed {}", each.join(" "))
        }
        Answered::Done => "done".to_owned(),
    }
}

fn show_place(place: &TopicPartition) -> String {
    format!("{}/{}", place.topic, place.partition)
}

fn show_record(record: &TransactionRecord) -> String {
    let Some(value) = &record.value else { return format!("{} tombstone", record.id) };
    let places: Vec<String> = value.partitions.iter().map(show_place).collect();
    let mut shown = format!(
        "{} {} {}/{} [{}]",
        record.id,
        value.state.name(),
        value.producer_id,
        value.producer_epoch,
        places.join(" ")
    );
    if value.next_producer_id.is_some() {
        write!(shown, " next={}", value.next_producer_id).unwrap();
    }
    shown
}
