//! Who may lead holds what is committed: the one invariant on which all that replication promises rests, asked while things break.

use std::collections::BTreeMap;

use metadata::Image;
use model::{BrokerId, TopicPartition};

use crate::node::Inside;

/// By the newest image that anybody has applied, whoever is in sync holds every record below the highest high watermark that anybody knows:
/// each of them may lead at any moment. Of nodes that do not serve now, and of logs that nobody has opened, nothing is said.
#[must_use]
pub fn candidates_hold_what_is_committed(
    image: &Image,
    insides: &BTreeMap<BrokerId, Inside>,
) -> BTreeMap<(TopicPartition, BrokerId), String> {
    let mut found = BTreeMap::new();
    for topic in image.topics() {
        for (number, state) in topic.numbered() {
            let name = TopicPartition::new(topic.name.clone(), number);
            let offsets = |id: &BrokerId| {
                let copy = insides.get(id)?.replicas.find(&name)?;
                copy.offsets_if_open().filter(|_| copy.topic_id() == topic.id)
            };
            let known = insides.keys().filter_map(offsets).map(|copy| copy.high_watermark).max();
            let Some(committed) = known else { continue };
            for id in state.isr.iter() {
                let Some(end) = offsets(id).map(|copy| copy.log_end) else { continue };
                if end < committed {
                    let what = format!(
                        "broker {id} may lead {name}, ends at {end:?} and lacks what is committed up to {committed:?}"
                    );
                    found.insert((name.clone(), *id), what);
                }
            }
        }
    }
    found
}
