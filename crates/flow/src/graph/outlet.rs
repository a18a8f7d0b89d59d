//! Where rows leave the graph.

use super::results::{DeadRow, FailedRow, LateRow, ResultRecord, Results};
use crate::{
    chunk::Chunk,
    encode::SinkEncoder,
    plan::{Plan, Sink},
    types::{Type, Value},
};

/// What has been given and not been taken yet.
#[derive(Debug)]
pub(super) struct Outlet {
    sink: SinkKind,
    /// Of the rows that reach the sink.
    types: Vec<Type>,
    keeps_dead: bool,
    /// While muted nothing is given: what would be has been given before.
    pub(super) is_muted: bool,
    results: Results,
    screen: Vec<Vec<Value>>,
}

#[derive(Debug)]
enum SinkKind {
    Topic(SinkEncoder),
    Screen,
    Blackhole,
}

impl Outlet {
    pub(super) fn new(plan: &Plan) -> Self {
        let schema = plan.schema();
        let sink = match &plan.sink {
            Sink::Topic(sink) => SinkKind::Topic(SinkEncoder::new(sink, &schema)),
            Sink::Screen => SinkKind::Screen,
            Sink::Blackhole => SinkKind::Blackhole,
        };
        Self {
            sink,
            types: schema.iter().map(|field| field.of).collect(),
            keeps_dead: plan.dead_letters.is_some(),
            is_muted: false,
            results: Results::default(),
            screen: Vec::new(),
        }
    }

    /// Gives the rows of `chunk`; `timestamp` gives each its time.
    pub(super) fn give(&mut self, chunk: &Chunk<'_>, timestamp: impl Fn(usize) -> i64) {
        if self.is_muted {
            return;
        }
        self.results.rows_given += chunk.rows() as u64;
        match &self.sink {
            SinkKind::Topic(encoder) => encoder.encode(chunk, timestamp, &mut self.results.rows),
            SinkKind::Screen => {
                self.screen.extend((0..chunk.rows()).map(|row| chunk.row(row, &self.types)));
            }
            SinkKind::Blackhole => {}
        }
    }

    /// Gives a record that became no row, where the plan wants to see it.
    pub(super) fn bury(&mut self, dead: impl FnOnce() -> DeadRow) {
        if self.keeps_dead && !self.is_muted {
            self.results.dead.push(dead());
        }
    }

    pub(super) fn note_late(&mut self, late: LateRow) {
        if !self.is_muted {
            self.results.late.push(late);
        }
    }

    pub(super) fn note_failed(&mut self, failed: FailedRow) {
        if !self.is_muted {
            self.results.failed.push(failed);
        }
    }

    pub(super) fn take_results(&mut self) -> Results {
        std::mem::take(&mut self.results)
    }

    pub(super) fn take_screen_rows(&mut self) -> Vec<Vec<Value>> {
        std::mem::take(&mut self.screen)
    }
}

impl ResultRecord {
    /// The bytes it holds.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let size = |part: &Option<bytes::Bytes>| part.as_ref().map_or(0, bytes::Bytes::len);
        size(&self.key) + size(&self.value)
    }
}
