//! What a simulation of threads promises.

use std::sync::atomic::AtomicUsize;

use model::Pending;

use super::*;
use crate::{Clock, exec};

fn simulate<T: Send + 'static>(seed: u64, root: impl FnOnce() -> T + Send + 'static) -> Report<T> {
    run(&Options { seed, ..Options::default() }, root)
}

/// Three threads that send what they are called; the order is the schedule's.
fn race() -> String {
    let (sender, receiver) = exec::channel(1);
    for name in ["a", "b", "c"] {
        let sender = sender.clone();
        exec::spawn(name, move || {
            for _ in 0..4 {
                exec::sleep(Duration::from_millis(5));
                sender.send(name).unwrap();
            }
        })
        .unwrap();
    }
    drop(sender);
    std::iter::from_fn(|| receiver.recv().ok()).collect()
}

#[test]
fn two_runs_of_a_seed_are_equal_and_two_seeds_are_not() {
    let (one, again, other) = (simulate(1, race), simulate(1, race), simulate(2, race));
    assert_eq!(one.outcome, again.outcome);
    assert_eq!((one.trace, one.steps), (again.trace, again.steps));
    assert_ne!((one.trace, one.outcome), (other.trace, other.outcome));
}

#[test]
fn time_passes_only_when_everybody_waits() {
    let began = std::time::Instant::now();
    let report = simulate(3, || {
        exec::sleep(Duration::from_secs(3600));
        elapsed()
    });
    let slept = report.outcome.unwrap();
    assert!(slept >= Duration::from_secs(3600));
    assert!(slept < Duration::from_secs(3601));
    assert!(began.elapsed() < Duration::from_secs(600));
}

#[test]
fn a_deadlock_is_told_with_names_and_places() {
    let report = simulate(4, || {
        let (_sender, receiver) = exec::channel::<u8>(1);
        let _ = receiver.recv();
    });
    let Err(Failure::Deadlock(places)) = report.outcome else { panic!("no deadlock") };
    assert_eq!(places.len(), 1);
    assert!(places[0].contains("root/root waits at"), "{places:?}");
    assert!(places[0].contains("run_tests.rs"), "{places:?}");
}

#[test]
fn a_panic_ends_the_simulation_with_the_threads_name() {
    let report = simulate(5, || {
        let thread = exec::spawn("falls", || panic!("over"));
        thread.unwrap().join()
    });
    let failure = Failure::Panic { thread: "root/falls".to_owned(), message: "over".to_owned() };
    assert_eq!(report.outcome, Err(failure));
}

#[test]
fn a_killed_process_unwinds_and_runs_no_line_more() {
    static UNWOUND: AtomicUsize = AtomicUsize::new(0);
    struct Count;
    impl Drop for Count {
        fn drop(&mut self) {
            // A destructor that waits must not hold up the dead.
            exec::sleep(Duration::from_secs(1));
            UNWOUND.fetch_add(1, Ordering::SeqCst);
        }
    }
    let report = simulate(6, || {
        let victim = process("victim");
        for name in ["first", "second"] {
            spawn_in(victim, name, || {
                let _count = Count;
                let child = exec::spawn("child", || exec::sleep(Duration::from_secs(9))).unwrap();
                let _ = child.join();
                panic!("a dead thread goes on");
            });
        }
        exec::sleep(Duration::from_secs(1));
        assert_eq!(thread_count(victim), 4);
        kill(victim);
        let left = thread_count(victim);
        spawn_in(victim, "late", || panic!("a dead process starts a thread"));
        exec::sleep(Duration::from_secs(20));
        left
    });
    assert_eq!(report.outcome, Ok(0));
    assert_eq!(UNWOUND.load(Ordering::SeqCst), 2);
}

#[test]
fn a_killed_thread_that_catches_its_end_dies_at_its_next_wait() {
    let report = simulate(7, || {
        let victim = process("victim");
        spawn_in(victim, "stubborn", || {
            for _ in 0..1_000_000 {
                let _ = panic::catch_unwind(|| exec::sleep(Duration::from_secs(1)));
                exec::sleep(Duration::ZERO);
            }
            panic!("it lives for ever");
        });
        exec::sleep(Duration::from_millis(1500));
        kill(victim);
        thread_count(victim)
    });
    assert_eq!(report.outcome, Ok(0));
}

#[test]
fn the_dead_let_go_of_what_they_hold_in_their_own_order() {
    let report = simulate(8, || {
        let victim = process("victim");
        let shared = Arc::new(exec::Mutex::new(0));
        for name in ["a", "b", "c"] {
            let shared = Arc::clone(&shared);
            spawn_in(victim, name, move || {
                loop {
                    let mut held = shared.lock();
                    exec::sleep(Duration::from_millis(10));
                    *held += 1;
                }
            });
        }
        exec::sleep(Duration::from_millis(95));
        kill(victim);
        *shared.lock()
    });
    assert!(report.outcome.is_ok_and(|count| count >= 8));
}

#[test]
fn a_paused_process_stands_still_while_time_goes_on() {
    let report = simulate(9, || {
        let paused = process("paused");
        let count = Arc::new(AtomicUsize::new(0));
        let of_thread = Arc::clone(&count);
        spawn_in(paused, "counts", move || {
            loop {
                exec::sleep(Duration::from_millis(100));
                of_thread.fetch_add(1, Ordering::SeqCst);
            }
        });
        let mut seen = Vec::new();
        for is_paused in [false, true, false] {
            if is_paused {
                pause(paused)
            } else {
                resume(paused)
            }
            let before = count.load(Ordering::SeqCst);
            exec::sleep(Duration::from_secs(1));
            seen.push(count.load(Ordering::SeqCst) - before);
        }
        seen
    });
    let seen = report.outcome.unwrap();
    assert!(seen[0] >= 9 && seen[1] == 0 && seen[2] >= 9, "{seen:?}");
}

#[test]
fn futures_wait_on_simulated_time() {
    let report = simulate(10, || {
        let (reply, pending) = Pending::channel();
        exec::spawn("answers", move || {
            exec::sleep(Duration::from_secs(5));
            reply.send(7);
        })
        .unwrap();
        let early = exec::block_on(exec::timeout(Duration::from_secs(2), exec::delay(LONG)));
        let answer = exec::block_on_for(Duration::from_secs(60), pending);
        (early, answer, elapsed().as_secs())
    });
    assert_eq!(report.outcome, Ok((None, Some(Some(7)), 5)));
}

#[test]
fn every_process_has_its_own_wall_time() {
    let report = simulate(11, || {
        let (one, other) = (clock(process("one")), clock(process("other")));
        other.set_error_ms(-60_000);
        exec::sleep(Duration::from_secs(10));
        one.wall().since(other.wall())
    });
    assert_eq!(report.outcome, Ok(60_000));
}

#[test]
fn what_is_not_through_in_time_is_told() {
    let options = Options { time_max: Duration::from_secs(1), ..Options::default() };
    let report = run(&options, || exec::sleep(LONG));
    assert!(matches!(report.outcome, Err(Failure::OutOfTime(_))));
}

const LONG: Duration = Duration::from_secs(100_000);
