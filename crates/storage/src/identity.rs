//! Whose directory it is: `meta.properties`.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
};

use model::{BrokerId, TopicId};
use world::Disk;

use crate::{StorageError, error::IoContext, properties};

/// The file that is there once a directory is used.
pub(crate) const NAME: &str = "meta.properties";

/// What `meta.properties` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster_id: String,
    pub(crate) node_id: BrokerId,
}

/// What the file says; none if there is none.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Identity>, StorageError> {
    let file = path.join(NAME);
    let bytes = match disk.read_whole(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.on("read", &file)?,
    };
    let text = String::from_utf8_lossy(&bytes);
    if properties::find(&text, '=', "version") != Some("1") {
        return Err(StorageError::corrupt(&file, "version is not 1"));
    }
    let cluster_id = properties::find(&text, '=', "cluster.id");
    let node_id = properties::find(&text, '=', "node.id").and_then(|id| id.parse().ok());
    match (cluster_id, node_id) {
        (Some(cluster_id), Some(node_id)) => {
            Ok(Some(Identity { cluster_id: cluster_id.to_owned(), node_id: BrokerId(node_id) }))
        }
        _ => Err(StorageError::corrupt(&file, "cluster.id or node.id is missing")),
    }
}

/// Checks that the directory is the node's, or makes it so if it is no one's.
pub(crate) fn claim(
    disk: &dyn Disk,
    path: &Path,
    cluster_id: &str,
    node_id: BrokerId,
) -> Result<Identity, StorageError> {
    let file = path.join(NAME);
    let Some(found) = read(disk, path)? else {
        if cluster_id.is_empty() {
            return Err(StorageError::corrupt(
                &file,
                "no cluster.id is stored, and none was given",
            ));
        }
        let identity = Identity { cluster_id: cluster_id.to_owned(), node_id };
        let text = format!(
            "#\nnode.id={node_id}\ncluster.id={cluster_id}\nversion=1\ndirectory.id={}\n",
            directory_id(path, &identity)
        );
        disk.replace(&file, text.as_bytes()).on("write", &file)?;
        return Ok(identity);
    };
    let differs = |field, found: String, expected: String| StorageError::Identity {
        path: file.clone(),
        field,
        found,
        expected,
    };
    if !cluster_id.is_empty() && found.cluster_id != cluster_id {
        return Err(differs("cluster.id", found.cluster_id, cluster_id.to_owned()));
    }
    if found.node_id != node_id {
        return Err(differs("node.id", found.node_id.to_string(), node_id.to_string()));
    }
    Ok(found)
}

/// An id that no other directory of the cluster has: that of the cluster is random, node and path tell the rest apart.
fn directory_id(path: &Path, identity: &Identity) -> TopicId {
    let half = |number: u8| {
        let mut hasher = DefaultHasher::new();
        (number, &identity.cluster_id, identity.node_id.0, path).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    let bits = (half(0) << 64) | half(1);
    TopicId(model_uuid(bits))
}

fn model_uuid(bits: u128) -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}
