//! Step 1: whose the data directory is.
//!
//! A directory that has been used says which cluster and which node it belongs to, for life; another node, or one that is told to be of
//! another cluster, does not touch it. An empty one takes the id that is configured, else the one that the voters come to
//! ([`derived_cluster_id`]), else, on a node that is alone, a random one.

use std::{path::Path, sync::Arc};

use model::TopicId;
use storage::DataDirectory;
use world::{Chance, Disk};

use super::BootError;
use crate::settings::{NodeSettings, derived_cluster_id};

/// Opens the directory of `settings` under its identity, and makes it if there is none.
///
/// # Errors
/// It is another node's or another cluster's, in use, or cannot be read.
pub(crate) fn open_directory(
    disk: Arc<dyn Disk>,
    settings: &NodeSettings,
    chance: &mut Chance,
) -> Result<Arc<DataDirectory>, BootError> {
    let path = &settings.data;
    let failed = |source| BootError::Data { path: path.clone(), source };
    let cluster_id = match DataDirectory::identity(disk.as_ref(), path).map_err(failed)? {
        Some(found) => known(path, found, settings)?,
        None => new(settings, chance),
    };
    let directory = DataDirectory::open(disk, path, &cluster_id, settings.node).map_err(failed)?;
    Ok(Arc::new(directory))
}

/// The directory's own id, if it is this node's.
fn known(
    path: &Path,
    (cluster, node): (String, model::BrokerId),
    settings: &NodeSettings,
) -> Result<String, BootError> {
    let path = path.to_owned();
    if node != settings.node {
        return Err(BootError::OtherNode { path, found: node, expected: settings.node });
    }
    match &settings.cluster_id {
        Some(expected) if *expected != cluster => {
            Err(BootError::OtherCluster { path, found: cluster, expected: expected.clone() })
        }
        _ => Ok(cluster),
    }
}

fn new(settings: &NodeSettings, chance: &mut Chance) -> String {
    match &settings.cluster_id {
        Some(id) => id.clone(),
        None if settings.voters.is_empty() => {
            TopicId(uuid::Uuid::from_u128(chance.uuid())).to_string()
        }
        None => derived_cluster_id(&settings.voters),
    }
}

#[cfg(test)]
mod tests {
    use world::sim::SimDisk;

    use super::*;
    use crate::settings::Written;

    fn settings(more: &str) -> NodeSettings {
        let mut written = Written::default();
        written.add_text(
            "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=C\n\
             listeners=PLAINTEXT://localhost:9092,C://localhost:9093\n\
             controller.quorum.voters=1@localhost:9093\nlog.dirs=/data\n",
        );
        written.add_text(more);
        NodeSettings::resolve(written).unwrap().0
    }

    fn open(disk: &Arc<SimDisk>, more: &str) -> Result<String, BootError> {
        let disk: Arc<dyn Disk> = disk.clone();
        let opened = open_directory(disk, &settings(more), &mut Chance::from_seed(1));
        opened.map(|directory| directory.cluster_id().to_owned())
    }

    #[test]
    fn voters_make_the_id_of_an_empty_directory_and_it_stays() {
        let disk = Arc::new(SimDisk::new());
        let made = open(&disk, "").unwrap();
        assert_eq!(made, derived_cluster_id(&settings("").voters));
        let moved = open(&disk, "controller.quorum.voters=1@elsewhere:9093\n").unwrap();
        assert_eq!(moved, made);
    }

    #[test]
    fn a_configured_id_is_taken_and_later_compared() {
        let disk = Arc::new(SimDisk::new());
        let id = "logmill.cluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n";
        assert_eq!(open(&disk, id).unwrap(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(open(&disk, "").unwrap(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let other = open(&disk, "logmill.cluster.id=AAAAAAAAAAAAAAAAAAAAAg\n");
        assert!(matches!(other, Err(BootError::OtherCluster { .. })), "{other:?}");
    }

    #[test]
    fn another_nodes_directory_is_not_touched() {
        let disk = Arc::new(SimDisk::new());
        open(&disk, "").unwrap();
        let other = open(&disk, "node.id=2\ncontroller.quorum.voters=2@localhost:9093\n");
        assert!(matches!(other, Err(BootError::OtherNode { .. })), "{other:?}");
    }
}
