//! An internal topic in memory, for tests: keeps whole batches, can refuse appends and hold back commits.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use model::{ErrorCode, Offset, PartitionId, TimestampMs};
use records::{Batch, BatchBuilder, Codec, Record};

use crate::{group::GroupRecord, runtime::Log};

#[derive(Debug, Default)]
pub(crate) struct TestLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    batches: BTreeMap<PartitionId, Vec<(Offset, Bytes)>>,
    refusal: Option<ErrorCode>,
    load_refusal: Option<ErrorCode>,
    /// Some: only so much is committed.
    committed: Option<Offset>,
}

impl TestLog {
    /// From now on appends answer `refusal`, if it is one.
    pub(crate) fn refuse_appends(&self, refusal: Option<ErrorCode>) {
        self.lock().refusal = refusal;
    }

    pub(crate) fn refuse_loads(&self, refusal: Option<ErrorCode>) {
        self.lock().load_refusal = refusal;
    }

    /// From now on only what lies below `committed` is.
    pub(crate) fn hold_commits(&self, committed: Option<Offset>) {
        self.lock().committed = committed;
    }

    pub(crate) fn end(&self, partition: PartitionId) -> Offset {
        let state = self.lock();
        let last = state.batches.get(&partition).and_then(|batches| batches.last());
        last.map_or(Offset::ZERO, |(base, bytes)| {
            base.plus(i64::from(Batch::parse(bytes).unwrap().record_count()))
        })
    }

    /// Everything in partition 0, decoded.
    pub(crate) fn records(&self) -> Vec<GroupRecord> {
        let mut records = Vec::new();
        let mut visit = |record: Record<'_>| {
            records.push(GroupRecord::decode(record.key, record.value).unwrap());
        };
        self.load(PartitionId(0), &mut visit).unwrap();
        records
    }

    /// Appends to partition 0 what somebody else wrote.
    pub(crate) fn append_record(&self, record: &GroupRecord) {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(TimestampMs(0), Some(&record.key()), record.value().as_deref(), &[]);
        self.append(PartitionId(0), builder.finish()).unwrap();
    }

    pub(crate) fn largest_batch_bytes(&self) -> usize {
        let state = self.lock();
        let batches = state.batches.values().flatten();
        batches.map(|(_, bytes)| bytes.len()).max().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for TestLog {
    fn append(&self, partition: PartitionId, batch: BytesMut) -> Result<Offset, ErrorCode> {
        if let Some(code) = self.lock().refusal {
            return Err(code);
        }
        let base = self.end(partition);
        let parsed = Batch::parse(&batch).unwrap();
        assert!(parsed.is_crc_right(), "a batch has its checksum");
        let last = base.plus(i64::from(parsed.record_count()) - 1);
        self.lock().batches.entry(partition).or_default().push((base, batch.freeze()));
        Ok(last)
    }

    fn load(
        &self,
        partition: PartitionId,
        visit: &mut dyn FnMut(Record<'_>),
    ) -> Result<(), ErrorCode> {
        if let Some(code) = self.lock().load_refusal {
            return Err(code);
        }
        let batches = self.lock().batches.get(&partition).cloned().unwrap_or_default();
        let mut scratch = Vec::new();
        for (_, bytes) in batches {
            for record in Batch::parse(&bytes).unwrap().records(&mut scratch).unwrap() {
                visit(record.unwrap());
            }
        }
        Ok(())
    }

    fn committed(&self, _partition: PartitionId) -> Offset {
        self.lock().committed.unwrap_or(Offset(i64::MAX))
    }
}
