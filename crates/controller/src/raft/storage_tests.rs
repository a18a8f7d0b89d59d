//! openraft's own suite for log stores and state machines, on the real disk and on the simulated one.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use model::BrokerId;
use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};
use storage::DataDirectory;
use tokio::task::LocalSet;
use world::{
    Clock, Disk,
    real::OsDisk,
    sim::{SimClock, SimDisk},
};

use super::{
    QuorumStorage,
    log_store::LogStore,
    state_machine::StateMachine,
    types::{Runtime, Types},
};

/// Makes an empty store, on a disk of the kind that it has; the guard keeps what must not go before it.
struct Builder {
    folder: Option<tempfile::TempDir>,
    made: AtomicU64,
}

impl StoreBuilder<Types, LogStore, StateMachine, DataDirectory> for Builder {
    async fn build(&self) -> Result<(DataDirectory, LogStore, StateMachine), StorageError<Types>> {
        let number = self.made.fetch_add(1, Ordering::SeqCst).to_string();
        let (disk, root): (Arc<dyn Disk>, _) = match &self.folder {
            Some(folder) => (Arc::new(OsDisk), folder.path().join(number)),
            None => (Arc::new(SimDisk::new()), Path::new("/data").join(number)),
        };
        let directory =
            DataDirectory::open(Arc::clone(&disk), &root, "c", BrokerId(1)).expect("a new folder");
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(model::TimestampMs(1_000)));
        let storage = QuorumStorage::open(&directory, disk, Arc::clone(&clock)).expect("it is new");
        let writer =
            QuorumStorage::writer(storage.journal, self.folder.is_none()).expect("a thread");
        let log = LogStore::new(storage.found, writer);
        let machine = StateMachine::open(storage.checkpoints, log.clone(), clock, Arc::default())
            .expect("new");
        Ok((directory, log, machine))
    }
}

fn run(folder: Option<tempfile::TempDir>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let builder = Builder { folder, made: AtomicU64::new(0) };
    let suite = Suite::test_all(builder);
    LocalSet::new().block_on(&runtime, Runtime::scope(1, suite)).unwrap();
}

#[test]
fn openrafts_storage_suite_passes_on_the_simulated_disk() {
    run(None);
}

#[test]
fn openrafts_storage_suite_passes_on_the_real_disk() {
    run(Some(tempfile::tempdir().unwrap()));
}
