//! Reading: whole batches up to what the reader may see.

use model::{Isolation, LeaderEpoch, Offset};
use storage::{AbortedTransaction, Chunk, Log};

use super::{Partition, role::Led};
use crate::{Offsets, PartitionError};

/// What a reader asks of one partition.
#[derive(Clone, Copy, Debug)]
pub struct FetchRequest {
    /// The first offset it wants.
    pub from: Offset,
    /// About how many bytes it takes.
    pub bytes_max: usize,
    /// Whether it takes one batch whatever its size.
    pub at_least_one: bool,
    /// What it may see.
    pub isolation: Isolation,
    /// The reign in which it believes the leader to be; none: it does not say.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The epoch of the last record it has; none: it does not say.
    pub last_fetched_epoch: Option<LeaderEpoch>,
}

/// What a reader gets.
#[derive(Debug)]
pub struct Fetched {
    /// Whole batches, the first of them the one that holds the offset asked for.
    pub chunk: Chunk,
    /// Where the partition stood when it was read.
    pub offsets: Offsets,
    /// Aborted transactions within the chunk; none for a reader of uncommitted records.
    pub aborted: Option<Vec<AbortedTransaction>>,
    /// The reader's log has diverged: the largest epoch that both may know, and where it ends here. There are no records then.
    pub diverging: Option<(LeaderEpoch, Offset)>,
}

impl Partition {
    /// Reads. Empty at the end of what the reader may see.
    ///
    /// # Errors
    /// [`PartitionError`]: not led here, another reign, an offset that is not there, the disk.
    pub fn read(&self, request: FetchRequest) -> Result<Fetched, PartitionError> {
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        led.check_epoch(request.current_leader_epoch)?;
        let offsets = led.offsets();
        if let Some(diverging) = led.divergence(&request)? {
            return Ok(Fetched::diverging(&request, &offsets, diverging));
        }
        let read = read_committed(&led.log, &request, &offsets);
        self.noting(&mut core, read)
    }

    /// Reads up to the log's end, committed or not: for whoever is about to answer for the partition in this reign, and waits for the
    /// high watermark before it does.
    ///
    /// # Errors
    /// [`PartitionError`]: not led here, another reign, an offset that is not there, the disk.
    pub fn read_to_end(
        &self,
        from: Offset,
        bytes_max: usize,
        reign: LeaderEpoch,
    ) -> Result<Chunk, PartitionError> {
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        led.check_epoch(Some(reign))?;
        let (start, end) = (led.log.start(), led.log.end());
        if from < start || from > end {
            return Err(PartitionError::OffsetOutOfRange { offset: from, start, end });
        }
        if from == end {
            return Ok(Chunk::empty(from));
        }
        let read = led.log.read(from, end, bytes_max, true).map_err(PartitionError::from);
        self.noting(&mut core, read)
    }
}

/// Reads up to what the reader's isolation allows.
pub(super) fn read_committed(
    log: &Log,
    request: &FetchRequest,
    offsets: &Offsets,
) -> Result<Fetched, PartitionError> {
    check_range(request.from, offsets)?;
    let upper = match request.isolation {
        Isolation::ReadUncommitted if model::mutant!("M22") => offsets.log_end,
        Isolation::ReadUncommitted => offsets.high_watermark,
        Isolation::ReadCommitted => offsets.last_stable,
    };
    let fetched = read_up_to(upper, log, request, offsets)?;
    let aborted = match request.isolation {
        Isolation::ReadUncommitted => None,
        Isolation::ReadCommitted if fetched.chunk.is_empty() => Some(Vec::new()),
        Isolation::ReadCommitted => Some(log.aborted(request.from, fetched.chunk.next)?),
    };
    Ok(Fetched { aborted, ..fetched })
}

fn read_up_to(
    upper: Offset,
    log: &Log,
    request: &FetchRequest,
    offsets: &Offsets,
) -> Result<Fetched, PartitionError> {
    let FetchRequest { from, bytes_max, at_least_one, .. } = *request;
    if from >= upper {
        return Ok(Fetched::nothing(request, offsets));
    }
    let chunk = log.read(from, upper, bytes_max, at_least_one)?;
    assert!(chunk.next <= upper.max(from), "a reader never sees past its bound");
    Ok(Fetched { chunk, ..Fetched::nothing(request, offsets) })
}

fn check_range(from: Offset, offsets: &Offsets) -> Result<(), PartitionError> {
    let (start, end) = (offsets.log_start, offsets.log_end);
    if from < start || from > end {
        return Err(PartitionError::OffsetOutOfRange { offset: from, start, end });
    }
    Ok(())
}

impl Fetched {
    fn nothing(request: &FetchRequest, offsets: &Offsets) -> Self {
        let is_committed = request.isolation == Isolation::ReadCommitted;
        Self {
            chunk: Chunk::empty(request.from),
            offsets: *offsets,
            aborted: is_committed.then(Vec::new),
            diverging: None,
        }
    }

    pub(super) fn diverging(
        request: &FetchRequest,
        offsets: &Offsets,
        diverging: (LeaderEpoch, Offset),
    ) -> Self {
        Self { diverging: Some(diverging), ..Self::nothing(request, offsets) }
    }
}

impl Led {
    /// Where a reader departs from this log, if it says of which epoch its last record is (KIP-595's rule, which KIP-320 gave to consumers
    /// too).
    pub(super) fn divergence(
        &self,
        request: &FetchRequest,
    ) -> Result<Option<(LeaderEpoch, Offset)>, PartitionError> {
        let Some(epoch) = request.last_fetched_epoch else { return Ok(None) };
        let Some((known, end)) = self.end_of_epoch(epoch) else {
            let (start, end) = (self.log.start(), self.log.end());
            return Err(PartitionError::OffsetOutOfRange { offset: request.from, start, end });
        };
        Ok((known < epoch || end < request.from).then_some((known, end)))
    }

    pub(super) fn check_range(&self, from: Offset) -> Result<(), PartitionError> {
        check_range(from, &self.offsets())
    }

    pub(super) fn read_up_to(
        &self,
        upper: Offset,
        request: &FetchRequest,
        offsets: &Offsets,
    ) -> Result<Fetched, PartitionError> {
        read_up_to(upper, &self.log, request, offsets)
    }
}
