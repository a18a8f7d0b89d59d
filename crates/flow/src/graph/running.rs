//! The graph and its face.

use std::sync::Arc;

use model::{Offset, TopicPartition};

use super::{GraphError, Results, check::check, outlet::Outlet};
use crate::{
    counters::Counters,
    decode::Decoder,
    expr::Scope,
    operator::WindowAggregateOperator,
    plan::{Plan, Step},
    types::{Schema, Value},
    watermark::Watermarks,
};

/// One job's running graph.
#[derive(Debug)]
pub struct Graph {
    pub(super) plan: Arc<Plan>,
    pub(super) scope: Scope,
    pub(super) inputs: Vec<InputState>,
    /// One per input: each remembers its own documents' shape.
    pub(super) decoders: Vec<Decoder>,
    pub(super) watermarks: Watermarks,
    pub(super) window: Option<WindowAggregateOperator>,
    pub(super) outlet: Outlet,
    pub(super) windows_closed: u64,
    /// Where compressed batches are inflated.
    pub(super) scratch: Vec<u8>,
}

/// How far one input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InputState {
    pub(super) partition: TopicPartition,
    /// The next offset; none before the first feed.
    pub(super) position: Option<Offset>,
    pub(super) counters: Counters,
}

impl Graph {
    /// A graph that has seen nothing. `inputs` are the partitions it will be fed, named by their places from then on.
    ///
    /// # Errors
    /// What in the plan cannot run.
    pub fn new(plan: Arc<Plan>, inputs: Vec<TopicPartition>) -> Result<Self, GraphError> {
        check(&plan)?;
        let scope = Scope { zone_ms: i64::from(plan.zone_minutes) * 60_000 };
        let window = plan.steps.iter().find_map(|step| match step {
            Step::WindowAggregate(aggregate) => {
                Some(WindowAggregateOperator::new(aggregate, scope))
            }
            Step::Filter(_) | Step::Project(_) => None,
        });
        let input =
            |partition| InputState { partition, position: None, counters: Counters::default() };
        Ok(Self {
            decoders: inputs.iter().map(|_| Decoder::new(&plan.source)).collect(),
            watermarks: Watermarks::new(inputs.len()),
            inputs: inputs.into_iter().map(input).collect(),
            outlet: Outlet::new(&plan),
            windows_closed: 0,
            scratch: Vec::new(),
            scope,
            window,
            plan,
        })
    }

    /// Says whether `input` has been without rows for so long that it holds nobody back. May close windows. A row that makes a mark ends
    /// idleness by itself.
    pub fn set_idle(&mut self, input: usize, idle: bool) {
        self.watermarks.set_idle(input, idle);
        self.fire();
    }

    /// Says that nothing more comes from `input`. It then holds nobody back; when all inputs have ended, every window closes.
    pub fn end_input(&mut self, input: usize) {
        self.watermarks.end(input);
        self.fire();
    }

    /// What has been given since the last time.
    #[must_use]
    pub fn take_results(&mut self) -> Results {
        self.outlet.take_results()
    }

    /// Rows for the asker's screen since the last time; of [`schema`](Self::schema).
    #[must_use]
    pub fn take_screen_rows(&mut self) -> Vec<Vec<Value>> {
        self.outlet.take_screen_rows()
    }

    /// The columns of the rows that reach the sink.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.plan.schema()
    }

    /// While muted, state moves and nothing is given: what was sealed is being done again.
    pub fn set_muted(&mut self, muted: bool) {
        self.outlet.is_muted = muted;
    }

    /// The combined watermark; none while an active input has made no mark.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.watermarks.combined()
    }

    /// One input's own watermark; `i64::MAX` once it has ended.
    #[must_use]
    pub fn input_watermark(&self, input: usize) -> Option<i64> {
        self.watermarks.input(input)
    }

    /// The next offset of an input; none before its first feed.
    #[must_use]
    pub fn position(&self, input: usize) -> Option<Offset> {
        self.inputs.get(input)?.position
    }

    /// What became of all offsets consumed.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.inputs.iter().for_each(|input| sum.add(&input.counters));
        sum
    }

    /// What became of the offsets of one input.
    #[must_use]
    pub fn input_counters(&self, input: usize) -> Counters {
        self.inputs.get(input).map(|input| input.counters).unwrap_or_default()
    }

    /// How many windows have closed.
    #[must_use]
    pub const fn windows_closed(&self) -> u64 {
        self.windows_closed
    }

    /// What the open windows take in memory, near enough.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.window.as_ref().map_or(0, WindowAggregateOperator::bytes)
    }
}
