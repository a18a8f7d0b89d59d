//! One history: what the nodes of a healed cluster hold, compared with one another.

use metadata::Image;
use model::{Isolation, Offset};
use replication::{FetchRequest, Partition};

use crate::node::Inside;

/// Below the lowest high watermark every replica holds the same batches, written in the same reigns; and all nodes know the same topics.
#[must_use]
pub fn replicas_have_one_history(insides: &[Inside]) -> Vec<String> {
    let mut violations = Vec::new();
    let states = |image: &Image| -> Vec<String> {
        image.topics().map(|topic| format!("{topic:?}")).collect()
    };
    let images: Vec<_> = insides.iter().map(|inside| inside.publisher.current()).collect();
    for image in &images {
        if image.version() == images[0].version() && states(image) != states(&images[0]) {
            violations.push(format!("images of {:?} differ", image.version()));
        }
    }
    let Some(first) = insides.first() else { return violations };
    for partition in first.replicas.all() {
        let name = partition.name();
        let copies: Vec<_> =
            insides.iter().filter_map(|inside| inside.replicas.find(name)).collect();
        let until = copies.iter().map(|copy| copy.offsets().high_watermark).min();
        let from = copies.iter().map(|copy| copy.offsets().log_start).max();
        let (Some(until), Some(from)) = (until, from) else { continue };
        let read: Vec<_> = copies.iter().map(|copy| bytes_of(copy, from, until)).collect();
        if let Some(other) = read.iter().position(|bytes| *bytes != read[0]) {
            violations.push(format!("replicas 0 and {other} of {name:?} differ below {until:?}"));
        }
    }
    violations
}

/// The batches from `from` up to `until`.
fn bytes_of(partition: &Partition, mut from: Offset, until: Offset) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    while from < until {
        let request = FetchRequest {
            from,
            bytes_max: 1 << 20,
            at_least_one: true,
            isolation: Isolation::ReadUncommitted,
            current_leader_epoch: None,
            last_fetched_epoch: None,
        };
        let fetched = partition.read_followed(request).map_err(|error| error.to_string())?;
        let bytes = fetched.chunk.into_bytes().map_err(|error| error.to_string())?;
        let before = from;
        for batch in records::Batches::new(&bytes) {
            let batch = batch.map_err(|error| format!("{error:?}"))?;
            if batch.next_offset() > until {
                return Ok(all);
            }
            all.extend_from_slice(&batch.base_offset().0.to_be_bytes());
            all.extend_from_slice(&batch.leader_epoch().0.to_be_bytes());
            all.extend_from_slice(&batch.crc().to_be_bytes());
            all.extend_from_slice(batch.body());
            from = batch.next_offset();
        }
        if from == before {
            return Err(format!("nothing at {from:?} of {until:?}"));
        }
    }
    Ok(all)
}
