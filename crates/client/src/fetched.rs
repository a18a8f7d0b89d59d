//! What a fetch brought from one partition.

use std::collections::HashSet;

use bytes::Bytes;
use model::{Offset, ProducerId, TopicPartition};
use records::{Batches, Record, RecordsError};

/// Batches of one partition, as they came. The first may begin before the position that was asked for, and control batches lie among them:
/// [`visit`](Self::visit) leaves out what is not for the reader.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where they lie.
    pub partition: TopicPartition,
    /// The position that was asked for.
    pub from: Offset,
    /// The position after them.
    pub next: Offset,
    /// The partition's high watermark when they were read.
    pub high_watermark: Offset,
    /// Whole batches, one after another.
    pub bytes: Bytes,
    /// Transactions that were undone, by first offset, where only committed records were asked for.
    pub(crate) aborted: Vec<(ProducerId, Offset)>,
}

impl Fetched {
    /// Shows each record for the reader to `see`: from the position asked for, no control records, none of an undone transaction.
    /// `scratch` takes what is inflated.
    ///
    /// # Errors
    /// Bytes that are no records.
    pub fn visit(
        &self,
        scratch: &mut Vec<u8>,
        mut see: impl FnMut(Record<'_>),
    ) -> Result<(), RecordsError> {
        let mut undone = HashSet::new();
        let mut to_come = self.aborted.iter().peekable();
        for batch in Batches::new(&self.bytes) {
            let batch = batch?;
            while let Some((producer, _)) =
                to_come.next_if(|(_, first)| *first <= batch.last_offset())
            {
                undone.insert(*producer);
            }
            if batch.is_control() {
                // The marker ends the transaction, and what this producer writes next is another one.
                undone.remove(&batch.producer_id());
                continue;
            }
            if batch.is_transactional() && undone.contains(&batch.producer_id()) {
                continue;
            }
            for record in batch.records(scratch)? {
                let record = record?;
                if record.offset >= self.from {
                    see(record);
                }
            }
        }
        Ok(())
    }

    /// How many records [`visit`](Self::visit) would show at most, by the headers of the batches alone.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        let count = |batch: records::Batch<'_>| u64::try_from(batch.record_count()).unwrap_or(0);
        Batches::new(&self.bytes).flatten().filter(|batch| !batch.is_control()).map(count).sum()
    }
}
