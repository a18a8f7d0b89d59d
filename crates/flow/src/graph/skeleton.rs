//! The graph's face, before its body.
use std::sync::Arc;

use model::{LeaderEpoch, Offset, ProducerId, TopicPartition};

use super::{GraphError, Results};
use crate::{counters::Counters, plan::Plan, types::Value};

/// One job's running graph.
pub struct Graph;

#[expect(missing_docs, reason = "thin")]
#[expect(clippy::too_many_arguments, reason = "thin")]
impl Graph {
    pub fn new(_plan: Arc<Plan>, _inputs: Vec<TopicPartition>) -> Result<Self, GraphError> {
        Ok(Self)
    }
    pub fn restore(
        _plan: Arc<Plan>,
        _inputs: Vec<TopicPartition>,
        _bytes: &[u8],
    ) -> Result<Self, GraphError> {
        Ok(Self)
    }
    pub fn feed(
        &mut self,
        _input: usize,
        _batches: &[u8],
        _from: Offset,
        _until: Offset,
        _aborted: &[(ProducerId, Offset)],
        _leader_epoch: LeaderEpoch,
    ) {
    }
    pub fn set_idle(&mut self, _input: usize, _idle: bool) {}
    pub fn end_input(&mut self, _input: usize) {}
    pub fn take_results(&mut self) -> Results {
        Results::default()
    }
    pub fn take_screen_rows(&mut self) -> Vec<Vec<Value>> {
        Vec::new()
    }
    pub fn set_muted(&mut self, _muted: bool) {}
    pub fn watermark(&self) -> Option<i64> {
        None
    }
    pub fn input_watermark(&self, _input: usize) -> Option<i64> {
        None
    }
    pub fn position(&self, _input: usize) -> Option<Offset> {
        None
    }
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
    pub fn windows_closed(&self) -> u64 {
        0
    }
    pub fn state_bytes(&self) -> usize {
        0
    }
    pub fn snapshot(&self, _out: &mut Vec<u8>) {}
}
