//! An idempotent producer with acks=all that never gives up: a batch whose answer is lost is sent again under its sequence number until
//! the broker says what became of it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use model::{ErrorCode, Offset, PartitionId, ProducerEpoch, ProducerId, TimestampMs};
use records::{BatchBuilder, Codec};
use wire::{
    Api,
    messages::{
        self, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse,
        produce_request::{PartitionProduceData, TopicProduceData},
        text,
    },
};
use world::{exec, sim::threads};

use super::Setting;
use crate::{client::code, net::Host};

/// How long producers rest between two batches, at most: each has one of these.
const RESTS_MS_MAX: [u64; 4] = [50, 200, 200, 1_500];
const BATCH_RECORDS_MAX: u64 = 5;

/// Produces events until it is told to end.
pub fn events(setting: Setting) {
    run(setting, |name, number| format!("{name}:{number}"));
}

/// Produces clicks for a window job until it is told to end: JSON, a tenth of a second apart in event time.
pub fn clicks(setting: Setting) {
    run(setting, |name, number| {
        let (seconds, tenth) = (number / 10, number % 10);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!(
            r#"{{"id":"{name}:{number}","page":"/p{}","t":"2026-01-01 {hours:02}:{minutes:02}:{seconds:02}.{tenth}"}}"#,
            number % 3
        )
    });
}

fn run(mut setting: Setting, value: fn(&str, u64) -> String) {
    setting.client.timeout = setting.patience();
    let drawn = setting.chance.below(RESTS_MS_MAX.len() as u64);
    let rest_ms_max = RESTS_MS_MAX[usize::try_from(drawn).unwrap_or(0)];
    let leaders = BTreeMap::new();
    let mut producer = Producer {
        setting,
        id: ProducerId::NONE,
        epoch: ProducerEpoch::NONE,
        sequences: BTreeMap::new(),
        leaders,
        numbers: 0,
        value,
    };
    if producer.identify() {
        while !producer.setting.is_over() {
            producer.produce();
            let rest = producer.setting.chance.below(rest_ms_max);
            exec::sleep(Duration::from_millis(rest));
        }
    }
}

struct Producer {
    setting: Setting,
    id: ProducerId,
    epoch: ProducerEpoch,
    /// The next sequence number of each partition.
    sequences: BTreeMap<PartitionId, i32>,
    leaders: BTreeMap<PartitionId, Host>,
    numbers: u64,
    /// The value with a number.
    value: fn(&str, u64) -> String,
}

impl Producer {
    /// Gets its id; false when it is told to end before.
    fn identify(&mut self) -> bool {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        while !self.setting.is_over() {
            for broker in self.setting.client.brokers().to_vec() {
                let answer: Result<InitProducerIdResponse, _> =
                    self.setting.client.ask(broker, (Api::InitProducerId, 4), &request);
                if let Ok(answer) = answer
                    && answer.error_code == 0
                {
                    self.id = ProducerId(answer.producer_id.0);
                    self.epoch = ProducerEpoch(answer.producer_epoch);
                    return true;
                }
            }
            self.setting.client.back_off();
        }
        false
    }

    /// One batch, until it is known to be there.
    fn produce(&mut self) {
        let partition = self.setting.any_partition();
        let count = 1 + self.setting.chance.below(BATCH_RECORDS_MAX);
        let values: Vec<String> =
            (0..count).map(|more| (self.value)(&self.setting.name, self.numbers + more)).collect();
        self.numbers += count;
        let sequence = *self.sequences.entry(partition).or_insert(0);
        let batch = self.batch(sequence, &values);
        let first = self.setting.history.sending(&self.setting.name, partition, &values);
        loop {
            match self.try_once(partition, &batch) {
                Some(Told::Acked(base)) => {
                    self.setting.history.acked(first, values.len(), base);
                    self.setting.history.progressed(&self.setting.name);
                    self.sequences.insert(partition, sequence + values.len() as i32);
                    return;
                }
                Some(Told::Broken(error)) => {
                    let what = format!(
                        "{} was told {error:?} for sequence {sequence} of {partition:?}",
                        self.setting.name
                    );
                    self.setting.history.violated(what);
                    return;
                }
                None if self.setting.is_over() => return,
                None => self.setting.client.back_off(),
            }
        }
    }

    fn batch(&self, sequence: i32, values: &[String]) -> Bytes {
        let now = i64::try_from(threads::elapsed().as_millis()).unwrap_or(0);
        let now = TimestampMs(1_750_000_000_000 + now);
        let mut builder = BatchBuilder::new(Codec::None);
        builder.producer(self.id, self.epoch, sequence);
        for value in values {
            builder.append(now, Some(value.as_bytes()), Some(value.as_bytes()), &[]);
        }
        builder.finish().freeze()
    }

    /// What became of it; none when that is not known and it is to be tried again.
    fn try_once(&mut self, partition: PartitionId, batch: &Bytes) -> Option<Told> {
        let topic = self.setting.topic.clone();
        let leader = match self.leaders.get(&partition) {
            Some(leader) => *leader,
            None => {
                let found = self.setting.client.leader(&topic, partition);
                if found.is_none() {
                    let why = format!("{partition:?} has no leader");
                    self.setting.history.refused(&self.setting.name, why);
                }
                found?
            }
        };
        let data = PartitionProduceData::default()
            .with_index(partition.0)
            .with_records(Some(batch.clone()));
        let data = TopicProduceData::default()
            .with_name(messages::TopicName(text(topic.as_str())))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(3_000)
            .with_topic_data(vec![data]);
        let answer: Result<ProduceResponse, _> =
            self.setting.client.ask(leader, (Api::Produce, 9), &request);
        let answer = answer.ok().and_then(|answer| {
            let partition = answer.responses.first()?.partition_responses.first()?;
            Some((code(partition.error_code), partition.base_offset))
        });
        let Some((error, base)) = answer else {
            self.leaders.remove(&partition);
            return None;
        };
        match error {
            ErrorCode::None => {
                self.leaders.insert(partition, leader);
                Some(Told::Acked((base >= 0).then_some(Offset(base))))
            }
            ErrorCode::DuplicateSequenceNumber => Some(Told::Acked(None)),
            ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::UnknownProducerId
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::CorruptMessage
            | ErrorCode::InvalidRecord => Some(Told::Broken(error)),
            passing => {
                self.setting.history.refused(&self.setting.name, format!("{passing:?}"));
                self.leaders.remove(&partition);
                None
            }
        }
    }
}

/// What the broker says of a batch.
enum Told {
    Acked(Option<Offset>),
    Broken(ErrorCode),
}
