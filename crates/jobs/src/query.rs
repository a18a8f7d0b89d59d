//! A push query: rows as they come, until the asker is gone. Nothing is sealed; what the asker missed is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flow::{graph::Graph, plan::Plan, topics::Topics, turn::Inputs};

use crate::answer::{Answer, Asker};

/// How long a query waits for input before it looks whether the asker is still there.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Bytes that a turn reads of one input: small, so that the first row comes soon.
const TURN_BYTES_MAX: usize = 256 << 10;

/// Runs `plan` for `asker`; ends when the asker is gone, the bounded inputs have ended, or the node is closing.
///
/// # Errors
/// Why it cannot go on.
pub(crate) fn run(
    topics: &Arc<dyn Topics>,
    plan: &Arc<Plan>,
    is_closing: &AtomicBool,
    asker: &mut dyn Asker,
) -> Result<(), String> {
    let mut inputs = Inputs::begin(topics.clone(), plan).map_err(|halt| halt.to_string())?;
    let mut graph =
        Graph::new(plan.clone(), inputs.partitions()).map_err(|error| error.to_string())?;
    let schema = plan.schema();
    let columns = Answer::Columns {
        names: schema.iter().map(|field| field.name.clone()).collect(),
        types: schema.iter().map(|field| field.of.to_string()).collect(),
    };
    let mut is_there = asker.answer(columns);
    while is_there && asker.is_there() && !is_closing.load(Ordering::Acquire) {
        let worked = inputs.advance(&mut graph, TURN_BYTES_MAX).map_err(|halt| halt.to_string())?;
        for row in graph.take_screen_rows() {
            let values = row.iter().zip(&schema).map(|(value, field)| value.to_json(field.of));
            let values = values.collect();
            is_there = is_there && asker.answer(Answer::Row { values });
        }
        if !worked {
            if inputs.is_finished() {
                return Ok(());
            }
            let _ = inputs.wait(WAIT_MAX);
        }
    }
    Ok(())
}
