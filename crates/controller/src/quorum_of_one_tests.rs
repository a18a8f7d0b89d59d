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
