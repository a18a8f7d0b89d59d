//! One fetcher: all partitions that are followed at one leader, one request at a time. Does no I/O: whoever turns it (`threads.rs`, a
//! simulation) carries the request to the leader and the answer back.
//!
//! ```text
//!   told of a partition ─▶ due ─▶ asked ──answered──▶ due …        only what is due is looked at: idle partitions cost nothing here
//!                           ▲       └─refused─▶ rests ─┘
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{BrokerId, ErrorCode};
use world::Instant;

use super::{FetchAsk, FetchGot, FetcherOptions, LinkFault, PartitionKey, session::Session};
use crate::{Followable, Partition, backoff::Backoff};

/// What is fetched from one leader.
pub struct Fetcher {
    leader: BrokerId,
    options: FetcherOptions,
    session: Session,
    partitions: BTreeMap<PartitionKey, Arc<Partition>>,
    /// To be looked at before the next request.
    due: BTreeSet<PartitionKey>,
    /// Not to be asked for before that time.
    rests: BTreeMap<PartitionKey, Instant>,
    /// The leader could not be reached: not before that time.
    link_rests: Option<Instant>,
    backoff: Backoff,
    /// Whether the last request failed: one line for many of them.
    is_cut_off: bool,
}

/// What to do next.
#[derive(Debug)]
pub enum Turn {
    /// Send this, and tell [`Fetcher::on_answer`].
    Fetch(FetchAsk),
    /// Nothing before this time (none: before a partition is told of).
    Wait(Option<Instant>),
}

impl Fetcher {
    /// One without partitions.
    #[must_use]
    pub fn new(leader: BrokerId, options: FetcherOptions) -> Self {
        Self {
            leader,
            options,
            session: Session::default(),
            partitions: BTreeMap::new(),
            due: BTreeSet::new(),
            rests: BTreeMap::new(),
            link_rests: None,
            backoff: Backoff::new(options.backoff),
            is_cut_off: false,
        }
    }

    /// This partition follows, or followed, the leader: what is asked for it may have changed.
    pub fn look_at(&mut self, partition: Arc<Partition>) {
        let key = key_of(&partition);
        self.partitions.insert(key, partition);
        self.rests.remove(&key);
        self.due.insert(key);
    }

    /// The next request, or how long there is none.
    pub fn next(&mut self, now: Instant) -> Turn {
        if let Some(until) = self.link_rests.filter(|until| *until > now) {
            return Turn::Wait(Some(until));
        }
        let (due, rests) = (&mut self.due, &mut self.rests);
        rests.retain(|key, until| *until > now || !due.insert(*key));
        for key in std::mem::take(&mut self.due) {
            self.look(key, now);
        }
        if self.session.is_empty() {
            return Turn::Wait(self.rests.values().min().copied());
        }
        let said = self.session.next();
        let soonest = self.rests.values().min().map(|until| until.since(now));
        let wait_max =
            soonest.map_or(self.options.wait_max, |rest| rest.min(self.options.wait_max));
        Turn::Fetch(FetchAsk {
            session_id: said.id,
            session_epoch: said.epoch,
            partitions: said.partitions,
            forgotten: said.forgotten,
            options: FetcherOptions { wait_max, ..self.options },
        })
    }

    /// What became of the request.
    pub fn on_answer(&mut self, answer: Result<FetchGot, LinkFault>, now: Instant) {
        let got = match answer {
            Ok(got) => got,
            Err(LinkFault::Interrupted) => return self.session.begin_anew(),
            Err(LinkFault::Failed(why)) => return self.on_failure(&why, now),
        };
        match got.error {
            ErrorCode::None => {}
            ErrorCode::FetchSessionIdNotFound
            | ErrorCode::InvalidFetchSessionEpoch
            | ErrorCode::FetchSessionTopicIdError => return self.session.begin_anew(),
            refused => return self.on_failure(&refused.to_string(), now),
        }
        self.is_cut_off = false;
        self.backoff.reset();
        self.session.on_answer(got.session_id);
        for part in got.partitions {
            let Some(partition) = self.partitions.get(&part.key) else { continue };
            let Some(asked) = self.session.asked(part.key) else { continue };
            partition.on_leader_answer(&asked, part.said, &part.records);
            self.due.insert(part.key);
        }
    }

    fn look(&mut self, key: PartitionKey, now: Instant) {
        let Some(partition) = self.partitions.get(&key) else { return };
        match partition.to_ask(self.leader, now) {
            Followable::Ask(ask) => return self.session.ask(key, ask),
            Followable::Rests(until) => {
                self.rests.insert(key, until);
            }
            Followable::Idle => {}
            Followable::Elsewhere => {
                self.partitions.remove(&key);
            }
        }
        self.session.forget(key);
    }

    fn on_failure(&mut self, why: &str, now: Instant) {
        if !std::mem::replace(&mut self.is_cut_off, true) {
            eprintln!("warning: cannot fetch from broker {}: {why}", self.leader);
        }
        self.session.begin_anew();
        self.link_rests = Some(now.plus(self.backoff.rest()));
    }
}

fn key_of(partition: &Partition) -> PartitionKey {
    PartitionKey { topic: partition.topic_id(), partition: partition.name().partition }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use metadata::options::ServerOptions;

    use super::*;

    /// Found by a client's trace: a whole second's rest after one failure kept acks=all waiting for what the leader leads now.
    #[test]
    fn a_leader_that_cannot_be_reached_is_asked_again_soon_and_then_ever_later() {
        let options = FetcherOptions::of(&ServerOptions::new(BrokerId(2)));
        let mut fetcher = Fetcher::new(BrokerId(1), options);
        let now = Instant(0);
        let mut rests = Vec::new();
        for _ in 0..10 {
            fetcher.on_answer(Err(LinkFault::Failed("closed".to_owned())), now);
            let Turn::Wait(Some(until)) = fetcher.next(now) else { panic!("it rests") };
            rests.push(until.since(now));
        }
        assert!(rests[0] <= Duration::from_millis(20), "{rests:?}");
        assert!(rests.is_sorted(), "{rests:?}");
        assert_eq!(rests.last(), Some(&options.backoff), "{rests:?}");
    }
}
