//! A log that is not what was written: noticed, and replicated anew from another broker.
//!
//! Noticed where bytes are looked at: when a log is opened, read or compacted, and when a follower asks again for what it was given. Then, in this order
//! (docs/decisions/0007-damaged-logs.md):
//!
//! ```text
//!   1  it fetches no more: nothing that it says of itself may count
//!   2  it leaves: the controller takes it out of the ISR, another leads what it led, a new reign begins   (asked for each second)
//!   3  the image shows that reign, led by another, without it in the ISR: its log is put aside, an empty one begins
//!   4  it follows as any new replica, and joins the ISR when it has caught up
//! ```
//! **Invariant.** A log is put aside only in a reign in which this replica has fetched nothing yet and is not in sync: no leader counts on it, and no fetch
//! from its old position can be taken for one of this reign. The only one that is in sync keeps what it has.

use std::{mem, sync::Arc};

use metadata::PartitionState;
use model::{BrokerId, ErrorCode, LeaderEpoch, Offset, TopicPartition};
use storage::{Log, StorageError};

use super::{Core, Partition, State, read::Fetched, role::Led, wake};
use crate::{IsrProposal, PartitionError};

/// What is known of a damage.
#[derive(Debug)]
pub(super) struct Damage {
    /// The last reign in which this replica may have fetched.
    reign: LeaderEpoch,
    /// Whether the controller has been asked to let it leave, and has not answered.
    is_leaving: bool,
}

/// What is to be done with a damaged log.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Remedy {
    /// Ask the controller to leave only these in sync.
    Leave(Vec<BrokerId>),
    /// Put it aside.
    BeginAnew,
    /// Nothing: no other has what it has.
    Keep,
}

/// So many times in one life a log is begun anew: a disk that damages what it is given is not fed for ever.
const MENDED_MAX: u32 = 3;

impl Partition {
    /// Passes `done` on; a damage in it is noted.
    pub(super) fn noting<T>(
        &self,
        core: &mut Core,
        done: Result<T, PartitionError>,
    ) -> Result<T, PartitionError> {
        if let Err(error) = &done {
            self.note_damage(core, error);
        }
        done
    }

    /// Notes a damage, if that is what `error` says. Housekeeping does what follows.
    pub(super) fn note_damage(&self, core: &mut Core, error: &PartitionError) {
        if !error.is_damage() || core.damage.is_some() {
            return;
        }
        self.home.figures.observe_own_damage();
        let others = others(&core.assigned, self.home.node);
        let then = if others.is_empty() {
            "no other replica is in sync, so it is kept as it is"
        } else if core.mended >= MENDED_MAX {
            "it leaves who is in sync; it was replicated anew too often to be once more"
        } else {
            "it leaves who is in sync, and is to be replicated anew"
        };
        eprintln!("error: {}: its log is damaged: {error}; {then}", self.name);
        core.damage = Some(Damage { reign: core.assigned.leader_epoch, is_leaving: false });
        self.home.note_damaged(self.me.clone());
    }

    /// What time asks of a damaged log; answers whether it is damaged still.
    pub(crate) fn mend(&self) -> bool {
        let mut core = self.lock();
        self.begin_anew_if_possible(&mut core);
        let proposal = self.leave_proposal(&mut core);
        let woken = self.settle(&mut core);
        let is_damaged = core.damage.is_some() && !matches!(core.state, State::Gone);
        drop(core);
        wake(woken);
        self.leave(proposal);
        is_damaged
    }

    /// Puts a damaged log aside, if it may go.
    pub(super) fn begin_anew_if_possible(&self, core: &mut Core) {
        let Some(damage) = &core.damage else { return };
        let remedy = remedy(&core.assigned, self.home.node, damage.reign);
        if remedy == Remedy::BeginAnew && core.mended < MENDED_MAX {
            self.begin_anew(core);
        }
    }

    /// What to ask the controller, if that is due and has not been asked.
    fn leave_proposal(&self, core: &mut Core) -> Option<IsrProposal> {
        let damage = core.damage.as_mut().filter(|damage| !damage.is_leaving)?;
        let remedy = remedy(&core.assigned, self.home.node, damage.reign);
        let Remedy::Leave(isr) = remedy else { return None };
        damage.is_leaving = true;
        Some(IsrProposal {
            topic_id: self.topic_id,
            partition: self.name.partition,
            leader_epoch: core.assigned.leader_epoch,
            partition_epoch: core.assigned.partition_epoch,
            isr: isr.into_iter().map(|id| (id, None)).collect(),
        })
    }

    fn begin_anew(&self, core: &mut Core) {
        let log = match mem::replace(&mut core.state, State::Gone) {
            State::Gone => return,
            open => open.into_log().ok().map(|(log, _)| log),
        };
        let leader = core.assigned.leader;
        let end = log.as_ref().map(Log::end);
        let (directory, wall) = (&self.home.directory, self.home.wall());
        let options = Arc::clone(&core.options.log);
        core.damage = None;
        core.mended += 1;
        match directory.begin_anew(&self.name, self.topic_id, (log, options), wall) {
            Ok(log) => core.state = self.role(core, log, Offset::ZERO),
            Err(error) => {
                eprintln!("error: {}: its damaged log is not put aside: {error}", self.name);
                core.state = State::Offline(error.to_string());
                return;
            }
        }
        (core.unsynced.bytes, core.unsynced.records) = (0, 0);
        self.home.figures.observe_begun_anew();
        let upto = end.map_or_else(String::new, |end| format!(", which ended at {end},"));
        eprintln!(
            "warning: {}: its damaged log{upto} is put aside; it is replicated anew from broker {leader}",
            self.name
        );
        self.tell_fetchers(leader, leader);
    }

    /// Without the lock: the answer may come at once.
    fn leave(&self, proposal: Option<IsrProposal>) {
        let Some(proposal) = proposal else { return };
        let Some(proposals) = self.home.proposals.get() else {
            return self.on_leave_answer(Err(ErrorCode::OperationNotAttempted));
        };
        let me = self.me.clone();
        Arc::clone(proposals).propose(
            proposal,
            Box::new(move |answer| {
                if let Some(partition) = me.upgrade() {
                    partition.on_leave_answer(answer);
                }
            }),
        );
    }

    /// What was decided comes with the image; until then it is asked for again.
    fn on_leave_answer(&self, _answer: Result<(), ErrorCode>) {
        if let Some(damage) = &mut self.lock().damage {
            damage.is_leaving = false;
        }
    }
}

impl Led {
    /// A follower that asks again for what it was given has found it damaged, or never got it: it is looked at before it goes once more.
    pub(super) fn check_what_is_asked_again(
        &mut self,
        follower: BrokerId,
        fetched: &Fetched,
        name: &TopicPartition,
    ) -> Result<(), PartitionError> {
        let chunk = &fetched.chunk;
        if chunk.is_empty() {
            return Ok(());
        }
        let given_to = self.served.insert(follower, chunk.next);
        let is_asked_again = given_to.is_some_and(|next| chunk.base < next);
        // A chunk that cannot be read is no answer either; whoever sends it finds that out.
        if !is_asked_again || chunk.is_sound().unwrap_or(true) {
            return Ok(());
        }
        let why =
            format!("a batch within {}..{} of {name} has a wrong CRC", chunk.base, chunk.next);
        Err(PartitionError::Storage(StorageError::Corrupt { path: name.to_string().into(), why }))
    }
}

/// In sync besides this node.
fn others(assigned: &PartitionState, me: BrokerId) -> Vec<BrokerId> {
    assigned.isr.iter().filter(|id| **id != me).copied().collect()
}

/// What becomes of a log that was damaged when this replica last fetched in `reign`.
fn remedy(assigned: &PartitionState, me: BrokerId, reign: LeaderEpoch) -> Remedy {
    let others = others(assigned, me);
    let is_counted_on = assigned.isr.contains(&me) || assigned.elr.contains(&me);
    let is_led_by_another = assigned.is_led() && assigned.leader != me;
    if assigned.leader_epoch > reign && is_led_by_another && !is_counted_on {
        Remedy::BeginAnew
    } else if others.is_empty() {
        Remedy::Keep
    } else {
        Remedy::Leave(others)
    }
}

#[cfg(test)]
mod tests {
    use metadata::StateFact;
    use model::PartitionEpoch;

    use super::*;

    fn after(leader: i32, isr: &[i32], reign: i32) -> Remedy {
        after_with(leader, isr, &[], reign)
    }

    fn after_with(leader: i32, isr: &[i32], elr: &[i32], reign: i32) -> Remedy {
        let ids = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
        let state = PartitionState::from_fact(&StateFact {
            replicas: ids(&[1, 2, 3]),
            isr: ids(isr),
            leader: BrokerId(leader),
            leader_epoch: LeaderEpoch(reign),
            partition_epoch: PartitionEpoch(9),
            adding: Vec::new(),
            removing: Vec::new(),
            elr: ids(elr),
            last_leader: metadata::NO_LEADER,
        });
        remedy(&state, BrokerId(1), LeaderEpoch(5))
    }

    #[test]
    fn a_log_goes_only_in_a_reign_in_which_nobody_can_count_on_it() {
        let leave = |ids: &[i32]| Remedy::Leave(ids.iter().map(|id| BrokerId(*id)).collect());
        assert_eq!(after(1, &[1, 2], 5), leave(&[2]), "a leader gives up what it leads");
        assert_eq!(after(2, &[1, 2], 5), leave(&[2]));
        assert_eq!(
            after(2, &[2, 3], 5),
            leave(&[2, 3]),
            "what it said in this reign may count yet"
        );
        assert_eq!(after(2, &[1, 2], 6), leave(&[2]), "another's election, and it is in sync");
        assert_eq!(after(2, &[2], 6), Remedy::BeginAnew);
        assert_eq!(after_with(2, &[2], &[1], 6), leave(&[2]), "it would be let lead");
        assert_eq!(after(1, &[1], 5), Remedy::Keep);
        assert_eq!(after(1, &[1], 7), Remedy::Keep);
        assert_eq!(after(-1, &[2], 7), leave(&[2]), "who is in sync is away: it may be needed");
    }
}
