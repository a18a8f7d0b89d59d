//! Whether a directory holds all that its broker ever wrote to it: `lineage.properties`.
//!
//! The controller lets a broker lead what it alone had in sync only while it has lost nothing (KIP-966). So a directory has a lineage, a random
//! number that the broker shows when it registers: as long as it is the same, nothing was lost in between.
//!
//! ```text
//!   a clean close, or the machine has run on since (kill -9 loses nothing)     the same lineage
//!   a power cut, an emptied or another disk, a sync that failed                a new one
//! ```
//! Apache Kafka takes every stop without `.kafka_cleanshutdown` for a loss.

use std::{io, path::Path};

use world::{Chance, Disk};

use crate::{StorageError, error::IoContext, properties};

const NAME: &str = "lineage.properties";

/// The lineage of the directory at `path`, which `was_clean` when it was opened; durable when it returns. After a crash before that
/// the old file is read once more, without the mark of a clean close: what was lost is still found, at worst a loss that there was not.
pub(crate) fn claim(
    disk: &dyn Disk,
    path: &Path,
    was_clean: bool,
    chance: &mut Chance,
) -> Result<u128, StorageError> {
    let file = path.join(NAME);
    let boot = disk.boot();
    let known = read(disk, &file)?;
    let has_run_on = |known: &Known| boot.is_some() && known.boot == boot;
    let lineage = match &known {
        Some(known) if was_clean || has_run_on(known) => known.lineage,
        _ => chance.uuid(),
    };
    let claimed = Known { lineage, boot };
    if known.as_ref() != Some(&claimed) {
        disk.replace(&file, claimed.text().as_bytes()).on("write", &file)?;
    }
    Ok(lineage)
}

/// The directory may have lost something: whoever opens it next begins a new lineage. As far as its disk still can.
pub(crate) fn end(disk: &dyn Disk, path: &Path) {
    if disk.remove_file(&path.join(NAME)).is_ok() {
        // The directory has failed: its owner knows it already.
        let _ = disk.sync_directory(path);
    }
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    lineage: u128,
    /// [`Disk::boot`] when it was written.
    boot: Option<String>,
}

impl Known {
    fn text(&self) -> String {
        let boot = self.boot.as_deref().unwrap_or_default();
        format!("version=1\nlineage={:032x}\nboot={boot}\n", self.lineage)
    }
}

/// None: not there, or not understood, which says as little.
fn read(disk: &dyn Disk, file: &Path) -> Result<Option<Known>, StorageError> {
    let bytes = match disk.read_whole(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.on("read", file)?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let lineage = properties::find(&text, '=', "lineage");
    let lineage = lineage.and_then(|digits| u128::from_str_radix(digits, 16).ok());
    let boot = properties::find(&text, '=', "boot").filter(|boot| !boot.is_empty());
    Ok(lineage.map(|lineage| Known { lineage, boot: boot.map(str::to_owned) }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::BrokerId;
    use world::sim::SimDisk;

    use super::*;
    use crate::DataDirectory;

    fn opened(disk: &SimDisk) -> DataDirectory {
        let path = Path::new("/data");
        DataDirectory::open(Arc::new(disk.clone()), path, "c", BrokerId(1)).unwrap()
    }

    /// What the directory says after `interlude`, having said what is answered first.
    fn across(interlude: impl Fn(&SimDisk, DataDirectory)) -> (u128, u128) {
        let (disk, mut chance) = (SimDisk::new(), Chance::from_seed(1));
        let directory = opened(&disk);
        let before = directory.lineage(&mut chance).unwrap();
        interlude(&disk, directory);
        let after = opened(&disk).lineage(&mut chance).unwrap();
        (before, after)
    }

    #[test]
    fn a_killed_process_has_lost_nothing() {
        let (before, after) = across(|disk, _| disk.crash_process());
        assert_eq!(before, after);
    }

    #[test]
    fn a_power_cut_begins_a_new_lineage() {
        let (before, after) = across(|disk, _| disk.power_cut(&mut Chance::from_seed(2)));
        assert_ne!(before, after);
    }

    #[test]
    fn after_a_clean_close_power_may_go() {
        let (before, after) = across(|disk, directory| {
            directory.close_clean().unwrap();
            drop(directory);
            disk.power_cut(&mut Chance::from_seed(2));
        });
        assert_eq!(before, after);
    }

    #[test]
    fn a_crash_before_it_is_claimed_hides_no_power_cut() {
        let (before, after) = across(|disk, _| {
            disk.power_cut(&mut Chance::from_seed(2));
            drop(opened(disk));
            disk.crash_process();
        });
        assert_ne!(before, after);
    }

    #[test]
    fn an_emptied_disk_begins_a_new_lineage() {
        let (before, after) = across(|disk, directory| {
            drop(directory);
            disk.remove_directory(Path::new("/data")).unwrap();
        });
        assert_ne!(before, after);
    }

    #[test]
    fn a_failed_directory_begins_a_new_lineage() {
        let (before, after) = across(|disk, directory| {
            directory.poison();
            drop(directory);
            disk.crash_process();
        });
        assert_ne!(before, after);
    }

    #[test]
    fn what_is_not_understood_begins_a_new_lineage() {
        let (before, after) = across(|disk, _| {
            disk.crash_process();
            disk.replace(&Path::new("/data").join(NAME), b"lineage=?\n\xff").unwrap();
        });
        assert_ne!(before, after);
    }
}
