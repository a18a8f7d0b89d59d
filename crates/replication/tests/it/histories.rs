//! Random histories: appends, fetches that are lost or damaged, elections clean and unclean, the ISR shrinking and growing, nodes that are
//! killed or lose power, or whose logs are damaged, reassignments that are made, overtaken and called off, facts heard late. What must hold does after every step (`cluster.rs`), and in the end nothing acknowledged is missing.
//!
//! `LOGMILL_SEED=N cargo test -p replication --test it histories` replays one history, `LOGMILL_HISTORIES=N` runs more of them.

use std::{panic, time::Duration};

use bytes::BytesMut;
use metadata::NO_LEADER;
use model::{BrokerId, LeaderEpoch, Offset};
use replication::{
    Acks,
    fetcher::{FetchGot, LinkFault},
};
use world::Chance;

use crate::{
    cluster::{Cluster, Fate},
    damage::{Hit, damage},
};

const HISTORIES: u64 = 60;
const STEPS: usize = 250;

#[test]
fn what_must_hold_does_in_every_history() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("LOGMILL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LOGMILL_HISTORIES").unwrap_or(HISTORIES),
    };
    for seed in seeds {
        let ran = panic::catch_unwind(|| run(seed));
        if let Err(panicked) = ran {
            eprintln!(
                "seed {seed}: LOGMILL_SEED={seed} cargo test -p replication --test it histories"
            );
            panic::resume_unwind(panicked);
        }
    }
}

fn run(seed: u64) {
    let mut history = History::new(seed);
    for _ in 0..STEPS {
        history.step();
    }
    history.finish();
}

struct History {
    cluster: Cluster,
    chance: Chance,
    allows_unclean: bool,
    /// Whether others come to hold the partition, now and then.
    reassigns: bool,
    /// Records sent so far: each has a value of its own.
    sent: usize,
    fetches_since_damage: usize,
    /// Appended, and not known to be replicated yet.
    pending: Vec<Sent>,
    acked: Vec<String>,
    /// The idempotent producer: its next sequence number, and what it sends until it is acknowledged.
    sequence: i32,
    unsettled: Option<Vec<String>>,
}

struct Sent {
    leader: BrokerId,
    reign: LeaderEpoch,
    until: Offset,
    values: Vec<String>,
    is_idempotent: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let allows_unclean = chance.below(4) == 0;
        // An unclean leader is alone in sync: below min.insync.replicas it would show nothing.
        let min_insync = if !allows_unclean && chance.below(2) == 0 { "2" } else { "1" };
        let flush = if chance.below(3) == 0 { "1" } else { "9223372036854775807" };
        let segment = if chance.below(2) == 0 { "1073741824" } else { "1048576" };
        let options = [
            ("min.insync.replicas", min_insync),
            ("flush.messages", flush),
            ("segment.bytes", segment),
        ];
        let count = if chance.below(4) == 0 { 2 } else { 3 };
        let cluster = Cluster::new(count, &options);
        let reassigns = chance.below(2) == 0;
        Self {
            cluster,
            chance,
            allows_unclean,
            reassigns,
            sent: 0,
            fetches_since_damage: 0,
            pending: Vec::new(),
            acked: Vec::new(),
            sequence: 0,
            unsettled: None,
        }
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..20 => self.append(),
            20..25 => self.append_idempotently(),
            25..65 => self.fetch(),
            65..77 => {
                let (id, count) = (self.any(), 1 + self.chance.below(3));
                self.cluster.hear(id, usize::try_from(count).unwrap());
            }
            77..84 => self.propose(),
            84..88 => {
                let id = self.any();
                self.cluster.unfence(id);
            }
            88..91 => {
                let time = Duration::from_millis(self.chance.below(3000));
                self.cluster.pass(time);
            }
            91 => self.cluster.pass(Duration::from_secs(20)),
            92..94 => {
                let id = self.any();
                self.cluster.controller.elect(id);
            }
            94 => self.elect_uncleanly(),
            95 => self.stop(),
            96 => {
                if self.chance.below(2) == 0 {
                    self.stop()
                } else {
                    self.damage_log()
                }
            }
            97 if self.reassigns => self.reassign(),
            _ => self.restart_or_fence(),
        }
        self.look_for_acks();
        self.cluster.check();
    }

    fn any(&mut self) -> BrokerId {
        let count = self.cluster.nodes.len() as u64;
        let at = usize::try_from(self.chance.below(count)).unwrap();
        *self.cluster.nodes.keys().nth(at).unwrap()
    }

    /// Most often the leader; else somebody who was it once, or believes so.
    fn believed_leader(&mut self) -> BrokerId {
        let leader = self.cluster.state().leader;
        if leader == NO_LEADER || self.chance.below(6) == 0 { self.any() } else { leader }
    }

    fn append(&mut self) {
        let leader = self.believed_leader();
        let values = self.values();
        let acks = if self.chance.below(2) == 0 { Acks::All } else { Acks::Leader };
        let Ok(placed) = self.cluster.append(leader, &values, None, acks) else { return };
        let until = placed.appended.last.plus(1);
        let reign = placed.reign;
        self.pending.push(Sent { leader, reign, until, values, is_idempotent: false });
    }

    /// Sends the same again until it is acknowledged.
    fn append_idempotently(&mut self) {
        let leader = self.believed_leader();
        let values = match &self.unsettled {
            Some(values) => values.clone(),
            None => self.values(),
        };
        self.unsettled = Some(values.clone());
        let sent = self.cluster.append(leader, &values, Some(self.sequence), Acks::All);
        let Ok(placed) = sent else { return };
        let until = placed.appended.last.plus(1);
        let reign = placed.reign;
        self.pending.push(Sent { leader, reign, until, values, is_idempotent: true });
    }

    fn values(&mut self) -> Vec<String> {
        let count = 1 + self.chance.below(3);
        let first = self.sent;
        self.sent += usize::try_from(count).unwrap();
        (first..self.sent).map(|number| format!("{number:03}")).collect()
    }

    fn look_for_acks(&mut self) {
        for sent in std::mem::take(&mut self.pending) {
            let Some(partition) = self.cluster.nodes[&sent.leader].partition() else { continue };
            match partition.is_replicated(sent.reign, sent.until) {
                Ok(false) => self.pending.push(sent),
                Ok(true) => self.on_acked(sent),
                Err(_) => {}
            }
        }
    }

    fn on_acked(&mut self, sent: Sent) {
        if sent.is_idempotent {
            if self.unsettled.as_ref() != Some(&sent.values) {
                return; // an answer to an earlier attempt
            }
            self.unsettled = None;
            self.sequence += i32::try_from(sent.values.len()).unwrap();
        }
        self.acked.extend(sent.values);
    }

    fn fetch(&mut self) {
        let follower = self.any();
        let leader = self.believed_leader();
        if leader == follower {
            return;
        }
        // Twice at one place, and the follower would give up until the next reign.
        let is_sound = self.fetches_since_damage > 100;
        self.fetches_since_damage += 1;
        let (fate, bit) = (self.chance.below(60), self.chance.bits());
        if fate == 2 && is_sound {
            self.fetches_since_damage = 0;
        }
        self.cluster.fetch(follower, leader, |answer| match fate {
            0..2 => Err(LinkFault::Failed("the answer is lost".to_owned())),
            2 if is_sound => answer.map(|got| damaged(got, bit)),
            _ => answer,
        });
    }

    fn propose(&mut self) {
        let id = self.believed_leader();
        let fate = match self.chance.below(10) {
            0 => Fate::Refused,
            1 => Fate::Lost,
            2 => Fate::AnswerLost,
            _ => Fate::Decided,
        };
        self.cluster.propose(id, fate);
    }

    /// At most one node is down.
    fn stop(&mut self) {
        let id = self.any();
        if self.cluster.nodes.values().any(|node| node.life.is_none()) {
            return;
        }
        if self.chance.below(2) == 0 {
            self.cluster.crash(id);
        } else {
            self.cluster.power_cut(id, &mut self.chance);
        }
    }

    /// A log's first batch is none any more, on a node that finds it out; the others have all it had. (They would not keep it, should a
    /// reassignment leave that node alone.)
    fn damage_log(&mut self) {
        if self.reassigns {
            return;
        }
        let id = self.any();
        let are_sound = self
            .cluster
            .nodes
            .values()
            .all(|node| node.life.is_some() && !node.is_suspect && !node.has_lost_power);
        let are_in_sync = self.cluster.state().isr.len() == self.cluster.nodes.len();
        if are_sound && are_in_sync && self.cluster.nodes.len() > 2 {
            damage(&mut self.cluster, id, Hit::Header);
            let _it_finds_out = self.cluster.nodes[&id].readable();
        }
    }

    fn restart_or_fence(&mut self) {
        let id = self.any();
        if self.cluster.is_up(id) {
            return;
        }
        if self.chance.below(2) == 0 {
            self.cluster.fence(id);
        } else {
            self.cluster.start(id);
        }
    }

    fn reassign(&mut self) {
        if self.chance.below(5) == 0 {
            let _there_was_none = !self.cluster.controller.call_off();
            return;
        }
        let mut target: Vec<BrokerId> = self.cluster.nodes.keys().copied().collect();
        let by = self.chance.below(target.len() as u64);
        target.rotate_left(usize::try_from(by).unwrap());
        // Seldom one alone: what it loses with its power is lost.
        let least = if self.chance.below(6) == 0 { 1 } else { 2.min(target.len()) };
        let most = (target.len() - least + 1) as u64;
        target.truncate(least + usize::try_from(self.chance.below(most)).unwrap());
        self.cluster.controller.reassign(&target);
    }

    fn elect_uncleanly(&mut self) {
        let id = self.any();
        let may = self.allows_unclean
            && self.cluster.state().replicas.contains(&id)
            && self.cluster.is_up(id)
            && self.cluster.controller.image.is_active(id)
            && !self.cluster.state().isr.contains(&id)
            && !self.cluster.nodes[&id].is_suspect;
        if may {
            self.cluster.elect_uncleanly(id);
        }
    }

    fn finish(&mut self) {
        self.cluster.settle();
        if self.cluster.losses > 0 {
            return;
        }
        let count = |value: &String| {
            let is_it = |found: &&String| found.split(':').nth(1) == Some(value.as_str());
            self.cluster.committed.iter().filter(is_it).count()
        };
        for value in &self.acked {
            assert_eq!(count(value), 1, "{value} was acknowledged");
        }
        for number in 0..self.sent {
            assert!(count(&format!("{number:03}")) <= 1, "{number:03} is there twice");
        }
    }
}

/// One bit of the records is another. (Not of a leader epoch: that one which lies within the reigns so far is wrong nobody can tell.)
fn damaged(mut got: FetchGot, bit: u64) -> FetchGot {
    for part in &mut got.partitions {
        let mut bytes = BytesMut::from(&part.records[..]);
        if !bytes.is_empty() {
            let at = usize::try_from(bit >> 3).unwrap() % bytes.len();
            if !is_epoch(&bytes, at) {
                bytes[at] ^= 1 << (bit & 7);
            }
        }
        part.records = bytes.freeze();
    }
    got
}

fn is_epoch(bytes: &[u8], at: usize) -> bool {
    let mut front = 0;
    loop {
        let length: [u8; 4] = bytes[front + 8..front + 12].try_into().unwrap();
        let next = front + 12 + u32::from_be_bytes(length) as usize;
        if at < next {
            return (front + 12..front + 16).contains(&at);
        }
        front = next;
    }
}
