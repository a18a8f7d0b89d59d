//! A transactional producer: each of its transactions writes one value to some partitions, and now and then the offset of its own group; then it
//! commits or aborts. What it was told of the end is noted: the rest of the world must see all of it, or nothing.
//!
//! ```text
//!   identify ─▶ [ add ] write ... [ offset ] ─▶ commit or abort, until somebody says what became of it
//!       ▲                 │ refused for good: whatever it wrote is aborted by the next
//!       └─────────────────┘
//! ```
//! Every other one speaks the protocol of before KIP-890 (partitions are added first), the rest the one since. Before it, an EndTxn that is
//! late on a broken connection may end the next transaction, at Apache Kafka too: who may have left one behind takes another epoch first.

mod calls;

use std::{collections::BTreeMap, time::Duration};

use model::{ErrorCode, Offset, PartitionId, ProducerEpoch, ProducerId};
use world::exec;

use super::Setting;
use crate::{history::Fate, net::Host};

const REST_MS_MAX: u64 = 400;

/// Moves values until it is told to end.
pub fn run(mut setting: Setting) {
    setting.client.timeout = Duration::from_secs(6);
    let protocol = if setting.chance.below(2) == 0 { Protocol::One } else { Protocol::Two };
    let mut mover = Mover {
        setting,
        protocol,
        id: ProducerId::NONE,
        epoch: ProducerEpoch::NONE,
        sequences: BTreeMap::new(),
        places: BTreeMap::new(),
        number: 0,
    };
    while !mover.setting.is_over() {
        if mover.id == ProducerId::NONE && mover.identify().is_err() {
            continue;
        }
        if mover.transaction().is_err() {
            // The next identity ends what this one has begun.
            mover.id = ProducerId::NONE;
        }
        let rest = mover.setting.chance.below(REST_MS_MAX);
        exec::sleep(Duration::from_millis(rest));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// Partitions and groups are added before anything is written.
    One,
    /// Writing adds; every end begins an epoch (KIP-890).
    Two,
}

struct Mover {
    setting: Setting,
    protocol: Protocol,
    id: ProducerId,
    epoch: ProducerEpoch,
    sequences: BTreeMap<PartitionId, i32>,
    /// Where coordinators and leaders were last.
    places: BTreeMap<Place, Host>,
    number: i64,
}

/// Somebody who is found by asking.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The leader of a partition.
    Leader(PartitionId),
    /// The coordinator of transactions.
    Transactions,
    /// The coordinator of its group.
    Group,
}

/// Why there is no answer yet.
enum Trouble {
    /// It is to be asked again; whether it was done is not known.
    Lost,
    /// It was refused, for now.
    Refused(ErrorCode),
    /// It was refused, for good.
    Broken(ErrorCode),
}

/// Why an operation was given up.
enum GivenUp {
    /// The workload is to end.
    Over,
    /// It was refused for good; whether an earlier try was lost.
    Broken(ErrorCode, bool),
}

impl Mover {
    fn identify(&mut self) -> Result<(), GivenUp> {
        self.sequences.clear();
        let (id, epoch) = self.until_known(Self::init)?;
        (self.id, self.epoch) = (id, epoch);
        Ok(())
    }

    fn transaction(&mut self) -> Result<(), GivenUp> {
        self.number += 1;
        let number = self.number;
        let mut partitions: Vec<PartitionId> =
            (0..1 + self.setting.chance.below(3)).map(|_| self.setting.any_partition()).collect();
        partitions.dedup();
        let value = |index: usize| format!("{}:{number}:{index}", self.setting.name);
        let values: Vec<(PartitionId, String)> =
            partitions.iter().enumerate().map(|(index, it)| (*it, value(index))).collect();
        let offset = (self.setting.chance.below(2) == 0).then_some(Offset(number));
        let is_commit = self.setting.chance.below(4) > 0;
        let name = self.setting.name.clone();
        let index = self.setting.history.moving(&name, &values, offset);
        if self.protocol == Protocol::One {
            self.until_known(|it| it.add_partitions(&partitions))?;
        }
        for (partition, value) in &values {
            self.write(*partition, value)?;
        }
        if let Some(offset) = offset {
            if self.protocol == Protocol::One {
                self.until_known(Self::add_group)?;
            }
            self.until_known(|it| it.commit_offset(offset))?;
        }
        self.end(index, is_commit)
    }

    fn write(&mut self, partition: PartitionId, value: &str) -> Result<(), GivenUp> {
        let sequence = *self.sequences.entry(partition).or_insert(0);
        let batch = self.batch(sequence, value);
        match self.until_known(|it| it.produce(partition, &batch)) {
            Err(GivenUp::Broken(error @ ErrorCode::OutOfOrderSequenceNumber, is_lost)) => {
                let what = format!(
                    "{} was told {error:?} for sequence {sequence} of {partition:?}",
                    self.setting.name
                );
                self.setting.history.violated(what);
                Err(GivenUp::Broken(error, is_lost))
            }
            Err(given_up) => Err(given_up),
            Ok(()) => {
                self.sequences.insert(partition, sequence + 1);
                Ok(())
            }
        }
    }

    fn end(&mut self, index: usize, is_commit: bool) -> Result<(), GivenUp> {
        let history = self.setting.history.clone();
        if is_commit {
            history.moved(index, Fate::Unknown);
        }
        let mut has_lost_one = false;
        let ended = self.until_known(|it| {
            let ended = it.end_transaction(is_commit);
            has_lost_one |= matches!(ended, Err(Trouble::Lost));
            ended
        });
        match ended {
            Ok((id, epoch)) => {
                if self.protocol == Protocol::Two {
                    (self.id, self.epoch) = (id, epoch);
                    self.sequences.clear();
                } else if has_lost_one {
                    self.id = ProducerId::NONE;
                }
                if is_commit {
                    history.moved(index, Fate::Committed);
                }
                history.progressed(&self.setting.name);
                Ok(())
            }
            Err(GivenUp::Broken(error, is_lost)) => {
                if !is_lost {
                    history.moved(index, Fate::Aborted);
                }
                Err(GivenUp::Broken(error, is_lost))
            }
            Err(GivenUp::Over) => Err(GivenUp::Over),
        }
    }

    /// Tries `operation` again until somebody says what became of it.
    fn until_known<T>(
        &mut self,
        mut operation: impl FnMut(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, GivenUp> {
        let mut is_lost = false;
        loop {
            match operation(self) {
                Ok(done) => return Ok(done),
                Err(Trouble::Broken(error)) => {
                    self.setting.history.refused(&self.setting.name, format!("{error:?}"));
                    return Err(GivenUp::Broken(error, is_lost));
                }
                Err(Trouble::Lost) => {
                    is_lost = true;
                    self.places.clear();
                }
                Err(Trouble::Refused(error)) => {
                    self.setting.history.refused(&self.setting.name, format!("{error:?}"));
                    if error != ErrorCode::ConcurrentTransactions {
                        self.places.clear();
                    }
                }
            }
            if self.setting.is_over() {
                return Err(GivenUp::Over);
            }
            self.setting.client.back_off();
        }
    }
}
