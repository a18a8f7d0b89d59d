//! A job whose input is refused for a passing reason waits; it does not turn without end.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::time::Duration;

use flow::topics::partition_of;
use model::TopicName;
use support::clicks::{INPUT, begin, plan, produce, world};

/// While an input's leader moved, a job asked to wait for it, was told at once to read instead, was refused, and asked again.
#[test]
fn an_input_that_is_refused_is_not_waited_for() {
    let memory = world();
    let mut task = begin(memory.clone(), &plan()).unwrap();
    let input = |partition| partition_of(&TopicName::parse(INPUT).unwrap(), partition);
    memory.refuse(&[input(0)]);
    assert!(!task.turn().unwrap(), "there is nothing to read yet");
    assert!(task.wait(Duration::from_secs(3600)), "it tries again soon");
    let (awaited, timeout) = memory.awaited().unwrap();
    assert_eq!(awaited, [input(1)]);
    assert!(timeout < Duration::from_secs(1), "{timeout:?}");

    produce(&memory, 0);
    assert!(task.turn().unwrap(), "the other is read on");
    memory.refuse(&[]);
    assert!(task.turn().unwrap(), "and the first, once it has a leader");
    let _ = task.wait(Duration::from_secs(3600));
    assert_eq!(memory.awaited().unwrap(), (vec![input(0), input(1)], Duration::from_secs(3600)));
}
