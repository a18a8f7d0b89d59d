//! An internal topic in memory, for tests: keeps whole batches, can refuse appends and hold back commits.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use model::{ErrorCode, LeaderEpoch, Offset, PartitionId, TimestampMs, Verification};
use records::{Batch, BatchBuilder, Codec, Record, control};

use crate::{
    group::GroupRecord,
    runtime::{Loaded, Log, Reign},
};

#[derive(Debug, Default)]
pub(crate) struct TestLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    batches: BTreeMap<PartitionId, Vec<(Offset, Bytes)>>,
    refusal: Option<ErrorCode>,
    load_refusal: Option<ErrorCode>,
    /// Of the newest leader that has appended: those before it are told that they are none.
    newest_epoch: LeaderEpoch,
    /// Some: only so much is committed.
    committed: Option<Offset>,
    has_others: bool,
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

    /// A new leader has only so many of the batches from `end` on as `kept` says.
    pub(crate) fn truncate(&self, partition: PartitionId, end: Offset, kept: usize) {
        let mut state = self.lock();
        let Some(batches) = state.batches.get_mut(&partition) else { return };
        let first = batches.partition_point(|(base, _)| *base < end);
        batches.truncate(first + kept.min(batches.len() - first));
    }

    /// Somebody else leads now.
    pub(crate) fn lead(&self, epoch: LeaderEpoch) {
        self.lock().newest_epoch = epoch;
    }

    /// From now on others are in sync too.
    pub(crate) fn be_replicated(&self) {
        self.lock().has_others = true;
    }

    /// How far commits are held.
    pub(crate) fn held(&self) -> Option<Offset> {
        self.lock().committed
    }

    /// Every batch's end, in order.
    pub(crate) fn ends(&self, partition: PartitionId) -> Vec<Offset> {
        let state = self.lock();
        let batches = state.batches.get(&partition).into_iter().flatten();
        batches
            .map(|(base, bytes)| base.plus(i64::from(Batch::parse(bytes).unwrap().record_count())))
            .collect()
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
        let mut visit = |loaded: Loaded<'_>| {
            let Loaded::Record(record, _) = loaded else { return };
            records.push(GroupRecord::decode(record.key, record.value).unwrap());
        };
        let reign = Reign { partition: PartitionId(0), epoch: LeaderEpoch(0) };
        self.load(reign, &mut visit).unwrap();
        records
    }

    /// Appends to partition 0 what somebody else wrote.
    pub(crate) fn append_record(&self, record: &GroupRecord) {
        self.append_raw(&record.key(), record.value().as_deref());
    }

    /// Appends to partition 0 what somebody else wrote.
    pub(crate) fn append_raw(&self, key: &[u8], value: Option<&[u8]>) {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(TimestampMs(0), Some(key), value, &[]);
        self.push(PartitionId(0), builder.finish());
    }

    pub(crate) fn largest_batch_bytes(&self) -> usize {
        let state = self.lock();
        let batches = state.batches.values().flatten();
        batches.map(|(_, bytes)| bytes.len()).max().unwrap_or(0)
    }

    fn push(&self, partition: PartitionId, batch: BytesMut) -> Offset {
        let base = self.end(partition);
        let parsed = Batch::parse(&batch).unwrap();
        assert!(parsed.is_crc_right(), "a batch has its checksum");
        let last = base.plus(i64::from(parsed.record_count()) - 1);
        self.lock().batches.entry(partition).or_default().push((base, batch.freeze()));
        last
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for TestLog {
    fn append(
        &self,
        reign: Reign,
        batch: BytesMut,
        _verification: Verification,
    ) -> Result<Offset, ErrorCode> {
        if let Some(code) = self.lock().refusal {
            return Err(code);
        }
        let newest = self.lock().newest_epoch;
        if reign.epoch < newest {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        self.lock().newest_epoch = reign.epoch;
        Ok(self.push(reign.partition, batch))
    }

    fn load(&self, reign: Reign, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<Offset, ErrorCode> {
        if let Some(code) = self.lock().load_refusal {
            return Err(code);
        }
        let batches = self.lock().batches.get(&reign.partition).cloned().unwrap_or_default();
        let mut scratch = Vec::new();
        for (base, bytes) in batches {
            let batch = Batch::parse(&bytes).unwrap();
            let producer = batch.producer_id();
            for record in batch.records(&mut scratch).unwrap() {
                let record = record.unwrap();
                if batch.is_control() {
                    let (marker, _) = control::parse(&record).unwrap();
                    visit(Loaded::Marker(producer, marker));
                    continue;
                }
                // Offsets are stamped by a log on disk; here they are added.
                let offset = Offset(base.0 + record.offset.0);
                let transaction = batch.is_transactional().then_some(producer);
                visit(Loaded::Record(Record { offset, ..record }, transaction));
            }
        }
        Ok(self.end(reign.partition))
    }

    fn is_alone(&self, _: Reign) -> bool {
        !self.lock().has_others
    }

    fn committed(&self, reign: Reign) -> Offset {
        let state = self.lock();
        if reign.epoch < state.newest_epoch {
            return Offset::NONE;
        }
        state.committed.unwrap_or(Offset(i64::MAX))
    }
}
