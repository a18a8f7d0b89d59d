//! A reader of committed records, of every partition from the beginning, without a group: what it was once given stays as it was.

use std::{collections::BTreeMap, time::Duration};

use model::{ErrorCode, Isolation, Offset, PartitionId};
use world::exec;

use super::Setting;
use crate::check;

const REST: Duration = Duration::from_millis(200);

/// Reads until it is told to end.
pub fn run(mut setting: Setting) {
    let mut positions: BTreeMap<PartitionId, Offset> =
        (0..setting.partitions).map(|number| (PartitionId(number), Offset::ZERO)).collect();
    while !setting.is_over() {
        for (partition, position) in &mut positions {
            read(&mut setting, *partition, position);
        }
        exec::sleep(REST);
    }
}

fn read(setting: &mut Setting, partition: PartitionId, position: &mut Offset) {
    let topic = setting.topic.clone();
    let Some(leader) = setting.client.leader(&topic, partition) else { return };
    let place = (&topic, partition);
    match check::fetch(&mut setting.client, leader, place, (*position, Isolation::ReadCommitted)) {
        Ok(fetched) => {
            for read in &fetched.records {
                let value = read.value.as_deref().unwrap_or_default();
                setting.history.saw(&setting.name, partition, read.offset, value);
                setting.history.progressed(&setting.name);
            }
            *position = fetched.next;
        }
        Err(Some(ErrorCode::OffsetOutOfRange)) => {
            let what = format!("{position:?} of {partition:?} was read to and is out of range");
            setting.history.violated(what);
        }
        Err(error) => setting.history.refused(&setting.name, format!("{error:?}")),
    }
}
