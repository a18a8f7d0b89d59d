//! What a simulated disk promises and what it may take away.

use super::*;

fn path(name: &str) -> PathBuf {
    PathBuf::from("/data").join(name)
}

fn disk_with_folder() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_directories(Path::new("/data")).unwrap();
    disk.sync_directory(Path::new("/")).unwrap();
    disk
}

#[test]
fn what_was_synced_survives_every_power_cut() {
    for seed in 0..200 {
        let disk = disk_with_folder();
        let file = disk.open(&path("a"), true).unwrap();
        file.write_all_at(b"synced", 0).unwrap();
        file.sync().unwrap();
        disk.sync_directory(Path::new("/data")).unwrap();
        file.write_all_at(b"later", 6).unwrap();
        disk.power_cut(&mut Chance::from_seed(seed));
        let bytes = disk.read_whole(&path("a")).unwrap();
        assert!(bytes.starts_with(b"synced"), "seed {seed}: {bytes:?}");
    }
}

#[test]
fn what_was_not_synced_is_kept_lost_or_torn() {
    let mut lengths = BTreeSet::new();
    let mut names_lost = 0;
    for seed in 0..200 {
        let disk = disk_with_folder();
        let file = disk.open(&path("a"), true).unwrap();
        file.write_all_at(b"12345678", 0).unwrap();
        disk.power_cut(&mut Chance::from_seed(seed));
        match disk.read_whole(&path("a")) {
            Ok(bytes) => {
                lengths.insert(bytes.len());
            }
            Err(_) => names_lost += 1,
        }
    }
    assert!(lengths.contains(&0) && lengths.contains(&8) && lengths.len() > 3, "{lengths:?}");
    assert!(names_lost > 0);
}

#[test]
fn a_replaced_file_is_old_or_new_and_never_half() {
    for seed in 0..200 {
        for steps in 0..10 {
            let disk = disk_with_folder();
            disk.replace(&path("a"), b"old").unwrap();
            disk.stop_after(steps);
            let _stopped = disk.replace(&path("a"), b"newer");
            disk.power_cut(&mut Chance::from_seed(seed));
            let bytes = disk.read_whole(&path("a")).unwrap();
            assert!(bytes == b"old" || bytes == b"newer", "{bytes:?}");
        }
    }
}

#[test]
fn a_crash_of_the_process_keeps_bytes_and_kills_handles_and_locks() {
    let disk = disk_with_folder();
    let lock = disk.lock(Path::new("/data")).unwrap();
    assert!(disk.lock(Path::new("/data")).is_err());
    let file = disk.open(&path("a"), true).unwrap();
    file.write_all_at(b"x", 0).unwrap();
    disk.crash_process();
    assert!(is_stopped(&file.write_all_at(b"y", 0).unwrap_err()));
    assert_eq!(disk.read_whole(&path("a")).unwrap(), b"x");
    let again = disk.lock(Path::new("/data")).unwrap();
    drop(lock);
    assert!(disk.lock(Path::new("/data")).is_err(), "a dead holder releases nothing");
    drop(again);
}

#[test]
fn a_stopped_world_tears_the_write_it_stops_at() {
    let disk = disk_with_folder();
    let file = disk.open(&path("a"), true).unwrap();
    disk.stop_after(1);
    file.write_all_at(b"whole", 0).unwrap();
    assert!(is_stopped(&file.write_all_at(b"halved", 5).unwrap_err()));
    assert!(is_stopped(&file.sync().unwrap_err()));
    assert!(disk.has_stopped());
    disk.crash_process();
    assert_eq!(disk.read_whole(&path("a")).unwrap(), b"wholehal");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = disk_with_folder();
    let file = disk.open(&path("a"), true).unwrap();
    disk.full_after(4);
    let error = file.write_all_at(b"123456", 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.size_bytes().unwrap(), 4);
    disk.heal();
    file.write_all_at(b"123456", 0).unwrap();
    assert_eq!(disk.bytes_written(), 10);
}

#[test]
fn a_renamed_directory_takes_its_files_along() {
    let disk = disk_with_folder();
    disk.create_directories(&path("t-0")).unwrap();
    disk.open(&path("t-0/file"), true).unwrap().write_all_at(b"x", 0).unwrap();
    disk.rename(&path("t-0"), &path("t-0-delete")).unwrap();
    assert!(!disk.exists(&path("t-0/file")));
    assert_eq!(disk.read_whole(&path("t-0-delete/file")).unwrap(), b"x");
    disk.remove_directory(&path("t-0-delete")).unwrap();
    assert!(disk.list(Path::new("/data")).unwrap().is_empty());
}

#[test]
fn what_a_dead_process_does_comes_too_late() {
    let disk = SimDisk::new();
    let mounted = disk.mount();
    let file = mounted.open(Path::new("/f"), true).unwrap();
    file.write_all_at(b"early", 0).unwrap();
    disk.crash_process();
    assert!(file.write_all_at(b"later", 0).is_err());
    assert!(mounted.replace(Path::new("/f"), b"later").is_err());
    assert_eq!(disk.mount().read_whole(Path::new("/f")).unwrap(), b"early");
}
