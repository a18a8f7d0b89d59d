//! What a lone node's metadata log keeps through stops, crashes and power cuts.

use model::BrokerId;
use world::sim::{SimClock, SimDisk};

use super::*;

const ROOT: &str = "/data";

fn open(disk: &SimDisk) -> (DataDirectory, QuorumOfOne) {
    let node = BrokerId(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let directory = DataDirectory::open(Arc::clone(&shared), Path::new(ROOT), "c", node).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SimClock::new(model::TimestampMs(1_000)));
    let quorum = QuorumOfOne::open(&directory, shared, clock, &ServerOptions::new(node)).unwrap();
    (directory, quorum)
}

fn loaded(quorum: &mut QuorumOfOne) -> Vec<(i64, String)> {
    let mut records = Vec::new();
    let mut visit = |offset: Offset, value: &[u8]| {
        records.push((offset.0, String::from_utf8(value.to_vec()).unwrap()));
        Ok(())
    };
    quorum.load(&mut visit).unwrap();
    records
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn what_is_appended_survives_a_power_cut() {
    let disk = SimDisk::new();
    let (directory, mut quorum) = open(&disk);
    assert_eq!(loaded(&mut quorum), []);
    assert_eq!(quorum.append(&texts(&["a", "b"])).unwrap(), Offset(1));
    assert_eq!(quorum.append(&texts(&["c"])).unwrap(), Offset(2));
    disk.power_cut(&mut world::Chance::from_seed(3));
    drop((directory, quorum));
    let (_directory, mut quorum) = open(&disk);
    let expected = [(0, "a"), (1, "b"), (2, "c")].map(|(at, text)| (at, text.to_owned()));
    assert_eq!(loaded(&mut quorum), expected);
    assert_eq!(quorum.end(), Offset(3));
}

#[test]
fn a_snapshot_takes_the_place_of_what_lies_before_it() {
    let disk = SimDisk::new();
    let (directory, mut quorum) = open(&disk);
    quorum.append(&texts(&["a", "b", "c"])).unwrap();
    quorum.snapshot(Offset(3), &mut texts(&["abc"]).into_iter()).unwrap();
    quorum.append(&texts(&["d"])).unwrap();
    quorum.close().unwrap();
    drop((directory, quorum));
    let (directory, mut quorum) = open(&disk);
    let expected = [(2, "abc"), (3, "d")].map(|(at, text)| (at, text.to_owned()));
    assert_eq!(loaded(&mut quorum), expected);
    quorum.append(&texts(&["e"])).unwrap();
    quorum.snapshot(Offset(5), &mut texts(&["abcde"]).into_iter()).unwrap();
    drop((directory, quorum));
    let (_directory, mut quorum) = open(&disk);
    assert_eq!(loaded(&mut quorum), [(4, "abcde".to_owned())]);
    assert_eq!(quorum.snapshots().unwrap().len(), 1);
}

#[test]
fn it_has_grown_when_the_tail_is_as_long_as_the_snapshot_and_a_megabyte() {
    let disk = SimDisk::new();
    let (_directory, mut quorum) = open(&disk);
    quorum.append(&[vec![b'x'; 400_000]]).unwrap();
    assert!(!quorum.has_grown());
    quorum.append(&[vec![b'x'; 700_000]]).unwrap();
    assert!(quorum.has_grown());
    quorum.snapshot(quorum.end(), &mut [vec![b'x'; 3_000_000]].into_iter()).unwrap();
    quorum.append(&[vec![b'x'; 2_000_000]]).unwrap();
    assert!(!quorum.has_grown());
}

#[test]
fn a_damaged_snapshot_is_an_error_and_not_a_panic() {
    let disk = SimDisk::new();
    let (directory, mut quorum) = open(&disk);
    quorum.append(&texts(&["a"])).unwrap();
    quorum.snapshot(Offset(1), &mut texts(&["a"]).into_iter()).unwrap();
    let path = quorum.snapshots().unwrap()[0].1.clone();
    let mut bytes = disk.read_whole(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    disk.replace(&path, &bytes).unwrap();
    drop((directory, quorum));
    let (_directory, mut quorum) = open(&disk);
    let error = quorum.load(&mut |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, ControllerError::Quorum(QuorumError::Damaged { .. })), "{error}");
}

/// Appends and snapshots until the disk stops; answers what was committed.
fn work(quorum: &mut QuorumOfOne) -> Vec<String> {
    let mut committed: Vec<String> = Vec::new();
    for round in 0..6 {
        let group = [format!("{round}a"), format!("{round}b")];
        let records: Vec<Vec<u8>> = group.iter().map(|text| text.as_bytes().to_vec()).collect();
        if quorum.append(&records).is_err() {
            break;
        }
        committed.extend(group);
        if round % 2 == 1 {
            let whole = committed.join(" ").into_bytes();
            if quorum.snapshot(quorum.end(), &mut [whole].into_iter()).is_err() {
                break;
            }
        }
    }
    committed
}

#[test]
fn power_lost_at_any_step_loses_nothing_that_was_committed() {
    let whole = SimDisk::new();
    let before = {
        let (_directory, mut quorum) = open(&whole);
        let before = whole.steps();
        work(&mut quorum);
        before
    };
    let steps = whole.steps() - before;
    assert!(steps > 30, "there is something to stop in");
    for step in 0..steps {
        let disk = SimDisk::new();
        // The folder itself is there for good: who runs the node has made it.
        disk.create_directories(Path::new(ROOT)).unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
        let (directory, mut quorum) = open(&disk);
        disk.stop_after(step);
        let committed = work(&mut quorum);
        drop((directory, quorum));
        disk.power_cut(&mut world::Chance::from_seed(step));
        disk.heal();
        let (_directory, mut quorum) = open(&disk);
        let found: Vec<String> = loaded(&mut quorum)
            .iter()
            .flat_map(|(_, text)| text.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(found.starts_with(&committed), "stopped at step {step}: {committed:?}, {found:?}");
        assert!(found.len() <= committed.len() + 2, "stopped at step {step}: {found:?}");
        assert_eq!(quorum.end(), Offset(found.len() as i64), "offsets are dense");
        assert!(quorum.append(&texts(&["next"])).is_ok());
    }
}
