//! Snapshots: the facts that come to an image, in `<end offset>-<term>.checkpoint` beside the log, and on the wire.
//!
//! ```text
//!   record batches    batch 0, one record:   version u8 = 1, last log id, membership's log id, membership, facts u64
//!                     batches 1…:            each record one fact (metadata::Fact draws it), in an order to apply them in
//! ```
//! The batches' checksums cover it, the count of facts its length. It is written beside its name, synced and renamed; then
//! older ones go. (The batches are Kafka's; the facts in them are not KRaft's records.)

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ::bytes::Bytes;
use metadata::{Fact, Image};
use model::{Offset, TimestampMs};
use records::{BatchBuilder, Codec};
use world::Disk;

use super::{
    bytes::Reader,
    entry::{put_membership, read_membership},
    journal::{damaged, failed, visit_batches},
    types::{SnapshotMeta, StoredMembership, term_of},
    vote_file::{put_log_id, read_log_id},
};
use crate::QuorumError;

/// Where a snapshot ends, and the term of its last entry: newer ones are greater.
type Place = (u64, u64);

/// The folder that snapshots lie in.
#[derive(Clone)]
pub(crate) struct Checkpoints {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl Checkpoints {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned() }
    }

    /// The newest snapshot's bytes.
    pub(crate) fn newest(&self) -> Result<Option<Bytes>, QuorumError> {
        let Some((_, path)) = self.list()?.pop() else { return Ok(None) };
        let bytes = self.disk.read_whole(&path).map_err(|source| failed(&path, source))?;
        Ok(Some(bytes.into()))
    }

    /// Keeps a snapshot and lets go of the others.
    pub(crate) fn keep(&self, meta: &SnapshotMeta, bytes: &[u8]) -> Result<(), QuorumError> {
        let before = self.list()?;
        let (end, term) = meta.last_log_id.map_or((0, 0), |id| (id.index + 1, term_of(&id)));
        let path = self.folder.join(format!("{end:020}-{term:010}{SUFFIX}"));
        self.disk.replace(&path, bytes).map_err(|source| failed(&path, source))?;
        for (_, old) in before.iter().filter(|(_, old)| *old != path) {
            self.disk.remove_file(old).map_err(|source| failed(old, source))?;
        }
        Ok(())
    }

    /// What [`write`] made.
    pub(crate) fn parse(&self, bytes: &[u8]) -> Result<(SnapshotMeta, Image), QuorumError> {
        parse(bytes, &self.folder)
    }

    /// Where each ends, and its file; the newest last.
    fn list(&self) -> Result<Vec<(Place, PathBuf)>, QuorumError> {
        let listed = self.disk.list(&self.folder).map_err(|source| failed(&self.folder, source))?;
        let named = listed.into_iter().filter_map(|entry| {
            let (end, term) = entry.name.strip_suffix(SUFFIX)?.split_once('-')?;
            Some(((end.parse().ok()?, term.parse().ok()?), self.folder.join(&entry.name)))
        });
        let mut snapshots: Vec<_> = named.collect();
        snapshots.sort();
        Ok(snapshots)
    }
}

/// The bytes of a snapshot of `image`.
pub(crate) fn write(meta: &SnapshotMeta, image: &Image, now: TimestampMs) -> Vec<u8> {
    let mut facts = Vec::new();
    let (mut group, mut group_bytes, mut count) = (Vec::new(), 0, 0_i64);
    for fact in image.facts() {
        let fact = fact.encode();
        group_bytes += fact.len();
        group.push(fact);
        if group_bytes >= BATCH_BYTES {
            count += put_batch(&mut facts, count + 1, &group, now);
            (group_bytes, group) = (0, Vec::new());
        }
    }
    if !group.is_empty() {
        count += put_batch(&mut facts, count + 1, &group, now);
    }
    let mut head = vec![VERSION];
    put_log_id(&mut head, meta.last_log_id.as_ref());
    put_log_id(&mut head, meta.last_membership.log_id().as_ref());
    put_membership(&mut head, meta.last_membership.membership());
    head.extend_from_slice(&count.to_be_bytes());
    let mut bytes = Vec::with_capacity(facts.len() + 2 * head.len());
    put_batch(&mut bytes, 0, &[head], now);
    bytes.extend_from_slice(&facts);
    bytes
}

/// What [`write`] made; `place` is named in what goes wrong.
pub(crate) fn parse(bytes: &[u8], place: &Path) -> Result<(SnapshotMeta, Image), QuorumError> {
    let mut image = Image::default();
    let mut head = None;
    let mut count = 0_u64;
    visit_batches(bytes, place, &mut |_, value| {
        if head.is_none() {
            let read = read_head(Bytes::copy_from_slice(value));
            head = Some(read.ok_or_else(|| damaged(place, "it has no head".to_owned()))?);
            return Ok(());
        }
        let fact = Fact::decode(value).map_err(|error| damaged(place, error.to_string()))?;
        image.apply(&fact);
        count += 1;
        Ok(())
    })?;
    let Some((meta, expected)) = head else {
        return Err(damaged(place, "it is empty".to_owned()));
    };
    if count != expected {
        return Err(damaged(place, format!("it has {count} facts of {expected}")));
    }
    if let Some(last) = meta.last_log_id {
        image.set_version(Offset(i64::try_from(last.index).unwrap_or(i64::MAX)));
    }
    Ok((meta, image))
}

fn read_head(value: Bytes) -> Option<(SnapshotMeta, u64)> {
    let mut reader = Reader::new(value);
    if reader.u8()? != VERSION {
        return None;
    }
    let last_log_id = read_log_id(&mut reader)?;
    let membership_id = read_log_id(&mut reader)?;
    let membership = read_membership(&mut reader)?;
    let count = reader.u64()?;
    let last_membership = StoredMembership::new(membership_id, membership);
    reader.is_empty().then_some((SnapshotMeta { last_log_id, last_membership }, count))
}

/// Answers how many records it put.
fn put_batch(into: &mut Vec<u8>, base: i64, records: &[Vec<u8>], now: TimestampMs) -> i64 {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.base_offset(Offset(base));
    for record in records {
        builder.append(now, None, Some(record), &[]);
    }
    into.extend_from_slice(&builder.finish());
    records.len() as i64
}

const VERSION: u8 = 1;
const SUFFIX: &str = ".checkpoint";
/// Bytes of facts in a batch, about.
const BATCH_BYTES: usize = 1 << 20;
