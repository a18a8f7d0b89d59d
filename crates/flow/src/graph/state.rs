//! A graph's whole state as bytes: what [`Graph::restore`] needs to go on as if nothing had happened. The frame is [`crate::snapshot`]'s.
//!
//! ```text
//! body: plan crc32 u32 │ inputs: count u64, each
//!         topic bytes │ partition i64 │ position? │ mark? │ idle u8 │ ended u8 │ counters 5 × u64
//!       │ combined watermark? │ windows closed u64 │ open windows (operator::slices), if the plan has one
//! ```
//! `?` is a flag u8 and an i64; `bytes` a length u64 and the bytes.

use std::sync::Arc;

use model::{Offset, TopicPartition};

use super::{Graph, GraphError, running::InputState};
use crate::{
    counters::Counters,
    plan::Plan,
    snapshot::{Reader, Torn, Writer},
    watermark::{InputMark, Watermarks},
};

const TORN: GraphError = GraphError::Snapshot("it ends too early, or holds what cannot be");

impl Graph {
    /// Appends the state to `out`. What has been given must have been taken before: it is not part of it.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::begin(out);
        writer.u32(plan_crc(&self.plan));
        writer.count(self.inputs.len());
        for (input, mark) in self.inputs.iter().zip(&self.watermarks.inputs) {
            write_input(&mut writer, input, mark);
        }
        writer.maybe(self.watermarks.combined());
        writer.u64(self.windows_closed);
        if let Some(window) = &self.window {
            window.write(&mut writer);
        }
        writer.finish();
    }

    /// The graph that `bytes` are the state of. `inputs` may come in another order, and there may be more than there were: new ones have
    /// seen nothing.
    ///
    /// # Errors
    /// What in the plan cannot run; or the bytes are damaged, of another version, of another plan, or of inputs that are gone.
    pub fn restore(
        plan: Arc<Plan>,
        inputs: Vec<TopicPartition>,
        bytes: &[u8],
    ) -> Result<Self, GraphError> {
        let mut graph = Self::new(plan, inputs)?;
        let mut reader = Reader::open(bytes).map_err(GraphError::Snapshot)?;
        if reader.u32().map_err(|Torn| TORN)? != plan_crc(&graph.plan) {
            return Err(GraphError::Snapshot("it is of another plan"));
        }
        let places = graph.read_inputs(&mut reader)?;
        graph.read_rest(&mut reader, &places).map_err(|Torn| TORN)?;
        if reader.is_empty() { Ok(graph) } else { Err(TORN) }
    }

    /// Answers for each input of the snapshot which one it is now.
    fn read_inputs(&mut self, reader: &mut Reader<'_>) -> Result<Vec<usize>, GraphError> {
        let count = reader.count().map_err(|Torn| TORN)?;
        let mut places = Vec::new();
        let mut marks = self.watermarks.inputs.clone();
        for _ in 0..count {
            let read = read_input(reader).map_err(|Torn| TORN)?;
            let is_it = |input: &InputState| {
                input.partition.topic.as_str().as_bytes() == read.topic
                    && i64::from(input.partition.partition.0) == read.partition
            };
            let place = self.inputs.iter().position(is_it);
            let place = place.ok_or(GraphError::Snapshot("it has an input that is gone"))?;
            if let (Some(input), Some(mark)) = (self.inputs.get_mut(place), marks.get_mut(place)) {
                input.position = read.position;
                input.counters = read.counters;
                *mark = read.mark;
            }
            places.push(place);
        }
        self.watermarks = Watermarks::restore(marks, None);
        Ok(places)
    }

    fn read_rest(&mut self, reader: &mut Reader<'_>, places: &[usize]) -> Result<(), Torn> {
        let combined = reader.maybe()?;
        self.watermarks =
            Watermarks::restore(std::mem::take(&mut self.watermarks.inputs), combined);
        self.windows_closed = reader.tally()?.unsigned_abs();
        let input_of = |lane: u64| {
            let lane = usize::try_from(lane).map_err(|_| Torn)?;
            places.get(lane).copied().ok_or(Torn)
        };
        match &mut self.window {
            Some(window) => window.read(input_of, reader),
            None => Ok(()),
        }
    }
}

/// One input as a snapshot has it.
struct ReadInput<'b> {
    topic: &'b [u8],
    partition: i64,
    position: Option<Offset>,
    mark: InputMark,
    counters: Counters,
}

fn write_input(writer: &mut Writer<'_>, input: &InputState, mark: &InputMark) {
    writer.bytes(input.partition.topic.as_str().as_bytes());
    writer.i64(i64::from(input.partition.partition.0));
    writer.maybe(input.position.map(|position| position.0));
    writer.maybe(mark.mark);
    writer.u8(u8::from(mark.is_idle));
    writer.u8(u8::from(mark.has_ended));
    let Counters { used, filtered, late, bad, skipped } = input.counters;
    [used, filtered, late, bad, skipped].into_iter().for_each(|count| writer.u64(count));
}

fn read_input<'b>(reader: &mut Reader<'b>) -> Result<ReadInput<'b>, Torn> {
    Ok(ReadInput {
        topic: reader.bytes()?,
        partition: reader.i64()?,
        position: reader.maybe()?.map(Offset),
        mark: InputMark {
            mark: reader.maybe()?,
            is_idle: reader.flag()?,
            has_ended: reader.flag()?,
        },
        counters: Counters {
            used: reader.tally()?.unsigned_abs(),
            filtered: reader.tally()?.unsigned_abs(),
            late: reader.tally()?.unsigned_abs(),
            bad: reader.tally()?.unsigned_abs(),
            skipped: reader.tally()?.unsigned_abs(),
        },
    })
}

/// Tells plans apart. A plan is plain data: writing it does not fail.
fn plan_crc(plan: &Plan) -> u32 {
    crc32fast::hash(&serde_json::to_vec(plan).unwrap_or_default())
}
