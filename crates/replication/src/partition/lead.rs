//! The leader's side: what followers read, and what becomes of who is in sync.

use std::sync::Arc;

use model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, Offset};
use world::Instant;

use super::{Core, Partition, State, read::Fetched, wake};
use crate::{
    FetchRequest, FollowerFetch, IsrProposal, PartitionError, dirty_set::Urgency,
    isr_proposals::Verdict,
};

/// What a follower asks.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaFetch {
    /// Who.
    pub replica: BrokerId,
    /// In which life.
    pub broker_epoch: BrokerEpoch,
    /// Whether the controller would take it into the ISR: registered in this life, not fenced.
    pub is_eligible: bool,
    /// Where its log begins.
    pub log_start: Offset,
    /// What it reads; up to the end of the log, whatever the isolation says.
    pub read: FetchRequest,
}

impl Partition {
    /// Reads for a follower, and notes how far it has come: all before the offset that it asks for is on its disk.
    ///
    /// # Errors
    /// [`PartitionError`]: not led here, another reign, not one of its replicas, an offset that is not there, the disk.
    pub fn read_for_replica(&self, fetch: ReplicaFetch) -> Result<Fetched, PartitionError> {
        let now = self.home.now();
        let mut core = self.lock();
        let is_replica = core.assigned.replicas.contains(&fetch.replica);
        let led = self.led(&mut core)?;
        led.check_epoch(fetch.read.current_leader_epoch)?;
        if !is_replica || fetch.replica == self.home.node {
            let names_reign = fetch.read.current_leader_epoch.is_some();
            return Err(PartitionError::NotReplica { names_reign });
        }
        if let Some(diverging) = led.divergence(&fetch.read)? {
            return Ok(Fetched::diverging(&fetch.read, &led.offsets(), diverging));
        }
        led.check_range(fetch.read.from)?;
        let effects = led.leader.on_follower_fetch(
            FollowerFetch {
                follower: fetch.replica,
                broker_epoch: fetch.broker_epoch,
                at: fetch.read.from,
                log_start: fetch.log_start,
                is_eligible: fetch.is_eligible,
            },
            now,
        );
        let (offsets, end) = (led.offsets(), led.log.end());
        let fetched = led.read_up_to(end, &fetch.read, &offsets).and_then(|fetched| {
            led.check_what_is_asked_again(fetch.replica, &fetched, &self.name).map(|()| fetched)
        });
        let fetched = self.noting(&mut core, fetched);
        let mut woken = Vec::new();
        if effects.high_watermark.is_some() || core.waiters.await_deletion() {
            woken = self.settle(&mut core);
        }
        if effects.has_less {
            woken.extend(core.subscriptions.all(Urgency::Urgent));
        }
        let proposal = effects.propose_isr.and_then(|isr| self.proposal(&core, &isr));
        self.watch(&mut core);
        drop(core);
        wake(woken);
        self.propose(proposal);
        fetched
    }

    /// What time asks of a leader; answers whether somebody is behind still.
    pub(crate) fn watch_followers(&self, now: Instant) -> bool {
        let mut core = self.lock();
        let is_damaged = core.damage.is_some();
        let State::Led(led) = &mut core.state else { return false };
        if is_damaged && led.leader.isr().count() > 1 {
            // The others are to have what it leads: it takes none of them out, or it would be the last that is in sync.
            return true;
        }
        let effects = led.leader.on_tick(now);
        let mut isr = effects.propose_isr;
        if isr.is_none() && std::mem::take(&mut led.sends_again) {
            isr = led.leader.isr().proposed().map(<[BrokerId]>::to_vec);
        }
        led.is_watched = led.leader.next_deadline().is_some() || led.sends_again;
        let is_watched = led.is_watched;
        let proposal = isr.and_then(|isr| self.proposal(&core, &isr));
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        self.propose(proposal);
        is_watched
    }

    /// Tells housekeeping once that somebody is behind.
    pub(super) fn watch(&self, core: &mut Core) {
        let State::Led(led) = &mut core.state else { return };
        let has_reason = led.sends_again || led.leader.next_deadline().is_some();
        if !led.is_watched && has_reason {
            led.is_watched = true;
            self.home.note_watched(self.me.clone());
        }
    }

    fn proposal(&self, core: &Core, isr: &[BrokerId]) -> Option<IsrProposal> {
        let State::Led(led) = &core.state else { return None };
        Some(IsrProposal {
            topic_id: self.topic_id,
            partition: self.name.partition,
            leader_epoch: led.leader.epoch(),
            partition_epoch: core.assigned.partition_epoch,
            isr: isr.iter().map(|id| (*id, led.leader.broker_epoch_of(*id))).collect(),
        })
    }

    /// Without the lock: the answer may come at once.
    fn propose(&self, proposal: Option<IsrProposal>) {
        let Some(proposal) = proposal else { return };
        let sent = proposal.clone();
        let Some(proposals) = self.home.proposals.get() else {
            // Nobody decides: as if it had been refused.
            return self.on_isr_answer(&sent, Err(ErrorCode::OperationNotAttempted));
        };
        let me = self.me.clone();
        Arc::clone(proposals).propose(
            proposal,
            Box::new(move |answer| {
                if let Some(partition) = me.upgrade() {
                    partition.on_isr_answer(&sent, answer);
                }
            }),
        );
    }

    fn on_isr_answer(&self, sent: &IsrProposal, answer: Result<(), ErrorCode>) {
        let mut core = self.lock();
        if core.assigned.partition_epoch != sent.partition_epoch {
            return; // the image was faster
        }
        let State::Led(led) = &mut core.state else { return };
        if led.leader.epoch() != sent.leader_epoch {
            return;
        }
        match Verdict::of(answer) {
            Verdict::Withdrawn => {
                led.leader.on_isr_refused();
                // Whom it was to add proposes itself again with a fetch that is looked at.
                let woken = core.subscriptions.all(Urgency::CanWait);
                assert!(woken.is_empty(), "what can wait wakes nobody");
            }
            Verdict::AwaitImage => {}
            Verdict::SendAgain => led.sends_again = true,
        }
        self.watch(&mut core);
    }

    /// Whether this broker leads in `reign` and no other is in sync, nor proposed to be: while that is so nobody else can be elected, unless uncleanly.
    #[must_use]
    pub fn leads_alone(&self, reign: LeaderEpoch) -> bool {
        let mut core = self.lock();
        self.led(&mut core).is_ok_and(|led| led.leader.epoch() == reign && led.leader.is_alone())
    }

    /// Whether what was appended before `until` in `reign` is replicated.
    ///
    /// # Errors
    /// `NotLeader`: the reign is over, nobody here can know. `NotEnoughReplicasAfterAppend`: it is, and too few are in sync by now.
    pub fn is_replicated(&self, reign: LeaderEpoch, until: Offset) -> Result<bool, PartitionError> {
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        if led.leader.epoch() != reign {
            return Err(PartitionError::NotLeader);
        }
        if led.leader.high_watermark() < until {
            return Ok(false);
        }
        if led.leader.has_enough_replicas() {
            return Ok(true);
        }
        let in_sync = led.leader.isr().count();
        let required = led.leader.min_insync_replicas();
        Err(PartitionError::NotEnoughReplicasAfterAppend { in_sync, required })
    }
}
