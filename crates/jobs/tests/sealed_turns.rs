//! A job that crashes at any write gives the records of one that never did.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::sync::Arc;

use flow::{plan::Plan, turn::Halt};

use support::{
    clicks::{
        INPUT, JOURNAL, LETTERS, OUTPUT, ROUNDS, begin, drain, plan, produce, undisturbed, world,
    },
    memory::Memory,
};

/// The same with a crash before write `crash`, and a second one `again` writes after the first.
fn disturbed(plan: &Arc<Plan>, crash: u64, again: u64, power: bool) -> Arc<Memory> {
    let memory = world();
    let mut task = None;
    let mut crashes = vec![again, crash];
    memory.crash_at(Some(crash));
    for round in 0..ROUNDS {
        // The input's own writes are not the job's to lose.
        let pending = crashes.last().copied();
        memory.crash_at(None);
        produce(&memory, round);
        memory.crash_at(pending);
        loop {
            let ran = match task.take() {
                Some(task) => Ok(task),
                None => begin(memory.clone(), plan),
            };
            let ran = ran.and_then(|mut task| drain(&memory, &mut task).map(|()| task));
            match ran {
                Ok(ran) => {
                    task = Some(ran);
                    break;
                }
                Err(Halt::Refused { .. }) => {
                    if power {
                        memory.cut_power(INPUT);
                    }
                    crashes.pop();
                    let next = crashes.last_mut().map(|again| {
                        *again += memory.writes();
                        *again
                    });
                    memory.crash_at(next);
                }
                Err(halt) => panic!("crash at write {crash}, again after {again}: {halt}"),
            }
        }
    }
    memory
}

fn require_equal(crash: u64, again: u64, power: bool) {
    let plan = plan();
    let (expected, _) = undisturbed(&plan);
    let found = disturbed(&plan, crash, again, power);
    for topic in [OUTPUT, LETTERS] {
        assert_eq!(
            found.records(topic),
            expected.records(topic),
            "{topic}, crash at write {crash}, again {again} writes later, power cut: {power}"
        );
    }
}

#[test]
fn an_undisturbed_job_gives_each_window_once() {
    let (memory, writes) = undisturbed(&plan());
    let views: Vec<_> = memory.records(OUTPUT).concat();
    let mut keys: Vec<_> = views.iter().map(|(key, _)| key.clone()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), views.len(), "a window was given twice");
    assert!(views.len() >= 12, "{views:?}");
    assert_eq!(memory.records(LETTERS).concat().len(), usize::try_from(ROUNDS).unwrap() * 2);
    assert!(writes > 40, "{writes} writes");
}

#[test]
fn a_crash_at_any_write_changes_nothing() {
    let (_, writes) = undisturbed(&plan());
    for crash in 0..writes + 4 {
        require_equal(crash, u64::MAX / 2, false);
    }
}

#[test]
fn a_crash_within_the_take_over_changes_nothing() {
    let (_, writes) = undisturbed(&plan());
    for crash in (0..writes).step_by(3) {
        for again in 0..8 {
            require_equal(crash, again, false);
        }
    }
}

#[test]
fn a_power_cut_at_any_write_changes_nothing() {
    let (_, writes) = undisturbed(&plan());
    for crash in 0..writes + 4 {
        require_equal(crash, 3, true);
    }
}

/// Each was shorter than the time between two snapshots: none took one, and what a take-over had to go over again grew with the job's age.
#[test]
fn short_reigns_do_not_leave_the_next_more_and_more_to_go_over() {
    let (memory, plan) = (world(), plan());
    let mut lengths = Vec::new();
    for round in 0..60 {
        let mut task = begin(memory.clone(), &plan).unwrap();
        produce(&memory, round);
        drain(&memory, &mut task).unwrap();
        lengths.push(memory.length(JOURNAL));
    }
    let longest = lengths[..15].iter().max();
    assert!(lengths[45..].iter().max() <= longest, "{lengths:?}");
}
