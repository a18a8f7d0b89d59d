//! A round of the cleaner, at work.

use model::Offset;
use records::{Batch, RecordsError};

use super::{
    Compacted, Compaction, Group, Source,
    key_map::KeyMap,
    rewrite::{Circumstances, Left, Rules, rewrite},
    transactions::Transactions,
    walk::Walk,
    writer::Writer,
};
use crate::{
    StorageError,
    segment::name::{Kind, Stage},
};

impl Compaction {
    /// Does the work, without the log's lock. Nothing of the log changes before
    /// [`Log::install_compaction`](crate::Log::install_compaction). Where the segments were deleted or cut meanwhile, nothing
    /// comes of it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn run(self) -> Result<Compacted, StorageError> {
        let worked = self.work();
        if worked.is_ok() {
            return worked;
        }
        for source in &self.sources {
            for kind in Kind::OF_SEGMENT {
                self.home.remove(&self.home.staged(source.base, kind, Stage::Cleaned))?;
            }
        }
        if self.has_changed() {
            return Ok(Compacted { groups: Vec::new(), cleaned_to: self.dirty.from });
        }
        worked
    }

    /// Whether a segment is not what it was when the round was planned.
    fn has_changed(&self) -> bool {
        self.sources.iter().any(|source| {
            let path = self.home.path(source.base, Kind::Log);
            let size = self.home.disk().open_sealed(&path).and_then(|file| file.size_bytes());
            !size.is_ok_and(|size| size == u64::from(source.size))
        })
    }

    fn work(&self) -> Result<Compacted, StorageError> {
        let (keys, dirty_to) = self.map_keys()?;
        let mut transactions = Transactions::new(self.aborted.clone());
        let mut groups = Vec::new();
        for sources in self.groups(dirty_to) {
            let rules = Rules {
                keys: &keys,
                dirty_to,
                now: self.now,
                delete_retention_ms: self.options.delete_retention_ms,
            };
            if let Some(group) = self.clean(sources, &rules, &mut transactions)? {
                groups.push(group);
            }
        }
        Ok(Compacted { groups, cleaned_to: dirty_to })
    }

    /// The keys of the dirty part, and up to where they are known.
    fn map_keys(&self) -> Result<(KeyMap, Offset), StorageError> {
        let mut keys = KeyMap::new(self.keys_max);
        let mut transactions = Transactions::new(self.aborted.clone());
        let mut scratch = Vec::new();
        let mut mapped_to = self.dirty.from;
        for source in self.sources.iter().filter(|source| source.next > self.dirty.from) {
            let mut walk = Walk::new(&self.home, source.base, source.size)?;
            while let Some(batch) = walk.next()? {
                let may_go = transactions.on_batch(&batch);
                if batch.next_offset() <= self.dirty.from {
                    continue;
                }
                if batch.base_offset() >= self.dirty.to {
                    return Ok((keys, mapped_to));
                }
                let count = usize::try_from(batch.record_count()).unwrap_or(0);
                if !keys.has_room(count) && mapped_to > self.dirty.from {
                    return Ok((keys, mapped_to));
                }
                if !may_go && !batch.is_control() {
                    // What cannot be read is kept, and replaces nothing.
                    let _unreadable = put_keys(&mut keys, &batch, &mut scratch);
                }
                mapped_to = batch.next_offset();
            }
            mapped_to = mapped_to.max(source.next.min(self.dirty.to));
        }
        Ok((keys, mapped_to))
    }

    /// Runs of segments that fit into one, as far as keys are known.
    fn groups(&self, dirty_to: Offset) -> Vec<Vec<Source>> {
        let mut groups: Vec<Vec<Source>> = Vec::new();
        for source in self.sources.iter().filter(|source| source.base < dirty_to) {
            match groups.last_mut() {
                Some(group) if source.sizes_fit(group, &self.options) => group.push(*source),
                _ => groups.push(vec![*source]),
            }
        }
        groups
    }

    /// One new segment of `sources`; none if nothing would change.
    fn clean(
        &self,
        sources: Vec<Source>,
        rules: &Rules<'_>,
        transactions: &mut Transactions,
    ) -> Result<Option<Group>, StorageError> {
        let base = sources[0].base;
        let mut writer = Writer::new(&self.home, base, self.options.index_interval_bytes)?;
        let mut scratch = Vec::new();
        let mut is_changed = sources.len() > 1;
        let last_source = sources.len() - 1;
        for (number, source) in sources.iter().enumerate() {
            let mut walk = Walk::new(&self.home, source.base, source.size)?;
            let mut left_bytes = u64::from(source.size);
            while let Some(batch) = walk.next()? {
                left_bytes -= batch.size_bytes() as u64;
                let is_last = number == last_source && left_bytes == 0;
                let circumstances = Circumstances {
                    may_go: transactions.on_batch(&batch),
                    must_stay: is_last || self.is_last_of_producer(&batch),
                };
                // A batch that cannot be read is not taken apart.
                match rewrite(&batch, rules, circumstances, &mut scratch).unwrap_or(Left::Whole) {
                    Left::Whole => writer.push(batch.bytes())?,
                    Left::Rewritten(less) => {
                        is_changed = true;
                        writer.push(&less)?;
                    }
                    Left::Nothing => is_changed = true,
                }
            }
        }
        let cleaned = writer.finish(&transactions.take_kept())?;
        if !is_changed {
            cleaned.discard(&self.home)?;
            return Ok(None);
        }
        Ok(Some(Group { sources, cleaned }))
    }

    fn is_last_of_producer(&self, batch: &Batch<'_>) -> bool {
        let Some(last) = self.producers.get(&batch.producer_id()) else { return false };
        match last.data {
            Some(offset) => batch.last_offset() == offset,
            None => batch.is_control() && batch.producer_epoch() == last.epoch,
        }
    }
}

fn put_keys(
    keys: &mut KeyMap,
    batch: &Batch<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), RecordsError> {
    for record in batch.records(scratch)? {
        let record = record?;
        if let Some(key) = record.key {
            keys.put(key, record.offset);
        }
    }
    Ok(())
}
