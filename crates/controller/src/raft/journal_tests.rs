//! What a node's metadata log keeps through stops, crashes and power cuts.

use std::{path::Path, sync::Arc};

use ::bytes::Bytes;
use metadata::{Fact, Image};
use model::{BrokerId, TimestampMs};
use openraft::EntryPayload;
use storage::DataDirectory;
use world::{
    Chance, Clock, Disk,
    sim::{SimClock, SimDisk},
};

use super::{
    checkpoint::{self, Checkpoints},
    entry,
    journal::{Found, Journal, Record},
    types::{Entry, Group, SnapshotMeta, StoredMembership, log_id, vote},
};
use crate::QuorumError;

const ROOT: &str = "/data";

struct Open {
    _directory: DataDirectory,
    journal: Journal,
    found: Found,
}

fn open(disk: &SimDisk) -> Result<Open, QuorumError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let directory = DataDirectory::open(Arc::clone(&shared), Path::new(ROOT), "c", BrokerId(1))?;
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(TimestampMs(1_000)));
    let (journal, found) = Journal::open(&directory, shared, clock)?;
    Ok(Open { _directory: directory, journal, found })
}

fn record(term: u64, index: u64) -> Record {
    let facts = vec![Bytes::from(format!("{term}/{index}"))];
    let id = log_id(term, index);
    let payload = EntryPayload::Normal(Group { term, facts });
    Record { id, value: entry::encode(&Entry { log_id: id, payload }) }
}

fn ids(found: &Found) -> Vec<(u64, u64)> {
    found
        .entries
        .iter()
        .map(|entry| (super::types::term_of(&entry.log_id), entry.log_id.index))
        .collect()
}

#[test]
fn what_is_appended_survives_a_power_cut() {
    let disk = SimDisk::new();
    let mut open_one = open(&disk).unwrap();
    assert_eq!(ids(&open_one.found), []);
    open_one.journal.append(&[record(1, 0), record(1, 1)]).unwrap();
    open_one.journal.save_vote(vote(2, 1, true)).unwrap();
    open_one.journal.append(&[record(2, 2)]).unwrap();
    disk.power_cut(&mut Chance::from_seed(3));
    drop(open_one);
    let again = open(&disk).unwrap();
    assert_eq!(ids(&again.found), [(1, 0), (1, 1), (2, 2)]);
    assert_eq!(again.found.vote, Some(vote(2, 1, true)));
}

#[test]
fn a_tail_that_is_cut_off_makes_room_for_another() {
    let disk = SimDisk::new();
    let mut one = open(&disk).unwrap();
    one.journal.append(&[record(1, 0), record(1, 1), record(1, 2)]).unwrap();
    one.journal.truncate_from(1).unwrap();
    one.journal.append(&[record(3, 1)]).unwrap();
    drop(one);
    assert_eq!(ids(&open(&disk).unwrap().found), [(1, 0), (3, 1)]);
}

#[test]
fn what_is_purged_is_gone_and_the_log_may_go_on_behind_a_gap() {
    let disk = SimDisk::new();
    let mut one = open(&disk).unwrap();
    one.journal.append(&[record(1, 0), record(1, 1), record(1, 2)]).unwrap();
    one.journal.purge(log_id(1, 1)).unwrap();
    drop(one);
    let mut one = open(&disk).unwrap();
    assert_eq!((ids(&one.found), one.found.purged), (vec![(1, 2)], Some(log_id(1, 1))));
    one.journal.purge(log_id(4, 9)).unwrap();
    one.journal.append(&[record(4, 10)]).unwrap();
    drop(one);
    let one = open(&disk).unwrap();
    assert_eq!((ids(&one.found), one.found.purged), (vec![(4, 10)], Some(log_id(4, 9))));
}

#[test]
fn a_damaged_vote_is_an_error_and_not_a_panic() {
    let disk = SimDisk::new();
    let mut one = open(&disk).unwrap();
    one.journal.save_vote(vote(2, 1, true)).unwrap();
    let path = one.journal.folder().join("quorum-state");
    let mut bytes = disk.read_whole(&path).unwrap();
    bytes[3] ^= 1;
    disk.replace(&path, &bytes).unwrap();
    drop(one);
    assert!(matches!(open(&disk).err(), Some(QuorumError::Damaged { .. })));
}

#[test]
fn a_snapshot_is_read_as_it_was_written_and_a_damaged_one_is_an_error() {
    let disk = SimDisk::new();
    let one = open(&disk).unwrap();
    let checkpoints = Checkpoints::new(Arc::new(disk.clone()), one.journal.folder());
    assert!(checkpoints.newest().unwrap().is_none());
    let mut image = Image::default();
    image.apply(&Fact::Cluster { id: "c".to_owned() });
    for index in [4, 7] {
        let last_membership = StoredMembership::default();
        let meta = SnapshotMeta { last_log_id: Some(log_id(2, index)), last_membership };
        let bytes = checkpoint::write(&meta, &image, TimestampMs(1));
        checkpoints.keep(&meta, &bytes).unwrap();
        let newest = checkpoints.newest().unwrap().unwrap();
        let (found, read) = checkpoints.parse(&newest).unwrap();
        assert_eq!((found, read.cluster_id(), read.version().0), (meta, "c", index as i64));
    }
    let written = checkpoints.newest().unwrap().unwrap();
    for at in 0..written.len() {
        let mut bytes = written.to_vec();
        bytes[at] ^= 1;
        let cut = checkpoints.parse(&written[..at]);
        assert!(cut.is_err(), "cut to {at} bytes");
        // Offsets and the leader epoch lie outside a batch's checksum, and mean nothing here.
        let _ = checkpoints.parse(&bytes);
    }
}

/// Appends, votes, cuts, purges until the disk stops; answers the entries and the vote that were promised last.
fn work(journal: &mut Journal) -> (Vec<(u64, u64)>, u64) {
    let (mut kept, mut term) = (Vec::new(), 0);
    for round in 1..6_u64 {
        if journal.save_vote(vote(round, 1, false)).is_err() {
            break;
        }
        term = round;
        let next = kept.len() as u64;
        if journal.append(&[record(round, next), record(round, next + 1)]).is_err() {
            break;
        }
        kept.extend([(round, next), (round, next + 1)]);
        if round == 3 {
            // From here on either end is right until the next append is done.
            if journal.truncate_from(next + 1).is_err() {
                kept.pop();
                break;
            }
            kept.pop();
        }
        if round == 4 && journal.purge(log_id(1, 1)).is_err() {
            break;
        }
    }
    (kept, term)
}

#[test]
fn power_lost_at_any_step_loses_nothing_that_was_promised() {
    let whole = SimDisk::new();
    let before = {
        let mut one = open(&whole).unwrap();
        let before = whole.steps();
        work(&mut one.journal);
        before
    };
    let steps = whole.steps() - before;
    assert!(steps > 40, "there is something to stop in: {steps}");
    for step in 0..steps {
        let disk = SimDisk::new();
        // The folder itself is there for good: who runs the node has made it.
        disk.create_directories(Path::new(ROOT)).unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
        let mut one = open(&disk).unwrap();
        disk.stop_after(step);
        let (kept, term) = work(&mut one.journal);
        drop(one);
        disk.power_cut(&mut Chance::from_seed(step));
        disk.heal();
        let mut one = open(&disk).unwrap();
        let found = ids(&one.found);
        let first = one.found.purged.map_or(0, |purged| purged.index as usize + 1);
        let kept = &kept[first.min(kept.len())..];
        assert!(found.starts_with(kept), "stopped at step {step}: {kept:?}, {found:?}");
        let found_term = one.found.vote.map_or(0, |vote| vote.leader_id.term);
        assert!(found_term == term || found_term == term + 1, "stopped at step {step}: {term}");
        let next = (first + found.len()) as u64;
        one.journal.append(&[record(9, next)]).unwrap();
    }
}
