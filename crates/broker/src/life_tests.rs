//! Lives, told step by step.

use super::*;

const BROKER: BrokerId = BrokerId(1);
const INTERVAL: Duration = Duration::from_secs(2);

fn at(ms: u64) -> Instant {
    Instant::default().plus(Duration::from_millis(ms))
}

fn told(is_fenced: bool, should_shut_down: bool) -> Option<Result<HeartbeatAnswer, Refusal>> {
    Some(Ok(HeartbeatAnswer { is_caught_up: true, is_fenced, should_shut_down }))
}

fn refused<T>(code: ErrorCode) -> Option<Result<T, Refusal>> {
    Some(Err(Refusal::new(code, "")))
}

fn active() -> Life {
    let mut life = Life::new(BROKER, INTERVAL, at(0));
    life.ready(at(0));
    assert_eq!(life.next(Offset(0), false, at(0)), Step::Register);
    life.on_registered(Some(Ok(BrokerEpoch(7))), at(0)).unwrap();
    assert!(matches!(life.next(Offset(3), false, at(1)), Step::Beat(_)));
    life.on_told(told(false, false), at(1));
    assert_eq!(life.state(), State::Active(BrokerEpoch(7)));
    life
}

#[test]
fn a_fenced_broker_tells_at_once_what_it_has_applied() {
    let mut life = Life::new(BROKER, INTERVAL, at(0));
    life.on_registered(Some(Ok(BrokerEpoch(7))), at(0)).unwrap();
    let beat = |applied| {
        let (wants_fence, wants_shutdown) = (true, false);
        let epoch = BrokerEpoch(7);
        Step::Beat(Heartbeat { broker: BROKER, epoch, applied, wants_fence, wants_shutdown })
    };
    assert_eq!(life.next(Offset(3), false, at(1)), beat(Offset(3)));
    life.on_told(told(true, false), at(2));
    assert_eq!(life.next(Offset(3), false, at(3)), Step::RestUntil(at(102)));
    assert_eq!(life.next(Offset(4), false, at(4)), beat(Offset(4)));
    life.on_told(told(true, false), at(5));
    life.ready(at(6));
    let Step::Beat(beat) = life.next(Offset(4), false, at(6)) else { panic!("no beat") };
    assert!(!beat.wants_fence);
}

#[test]
fn an_active_broker_beats_in_its_interval_and_when_somebody_waits() {
    let mut life = active();
    assert_eq!(life.next(Offset(9), false, at(100)), Step::RestUntil(at(2001)));
    assert!(matches!(life.next(Offset(9), true, at(100)), Step::Beat(_)));
    life.on_told(told(false, false), at(100));
    assert_eq!(life.next(Offset(9), true, at(101)), Step::RestUntil(at(2100)));
    assert!(matches!(life.next(Offset(9), false, at(2100)), Step::Beat(_)));
}

#[test]
fn a_lost_registration_is_made_again() {
    let mut life = active();
    life.on_told(refused(ErrorCode::StaleBrokerEpoch), at(10));
    assert_eq!(life.state(), State::Absent);
    assert_eq!(life.next(Offset(9), false, at(11)), Step::RestUntil(at(210)));
    assert_eq!(life.next(Offset(9), false, at(210)), Step::Register);
}

#[test]
fn what_passes_is_waited_for_and_what_does_not_ends_it() {
    let mut life = Life::new(BROKER, INTERVAL, at(0));
    life.on_registered(None, at(0)).unwrap();
    life.on_registered(refused(ErrorCode::DuplicateBrokerRegistration), at(300)).unwrap();
    assert_eq!(life.next(Offset(0), false, at(500)), Step::Register);
    let ended = life.on_registered(refused(ErrorCode::InconsistentClusterId), at(500));
    assert_eq!(ended.unwrap_err().code, ErrorCode::InconsistentClusterId);
}

#[test]
fn a_session_that_was_over_is_told_and_ends_by_itself() {
    let mut life = active();
    life.on_told(told(true, false), at(9000));
    assert_eq!(life.state(), State::Fenced(BrokerEpoch(7)));
    assert!(matches!(life.next(Offset(20), false, at(9001)), Step::Beat(_)));
    life.on_told(told(false, false), at(9002));
    assert_eq!(life.state(), State::Active(BrokerEpoch(7)));
}

#[test]
fn leaving_ends_when_the_controller_says_so() {
    let mut life = active();
    life.leave(at(50));
    let Step::Beat(beat) = life.next(Offset(9), false, at(50)) else { panic!("no beat") };
    assert!(beat.wants_shutdown);
    life.on_told(told(false, false), at(51));
    assert_eq!(life.next(Offset(9), false, at(52)), Step::RestUntil(at(101)));
    life.on_told(told(true, true), at(102));
    assert_eq!(life.next(Offset(9), false, at(102)), Step::Ended);
}

#[test]
fn who_is_not_there_need_not_leave() {
    let mut life = Life::new(BROKER, INTERVAL, at(0));
    life.leave(at(1));
    assert_eq!(life.next(Offset(9), false, at(1)), Step::Ended);
    let mut life = active();
    life.leave(at(1));
    life.on_told(refused(ErrorCode::StaleBrokerEpoch), at(2));
    assert_eq!(life.state(), State::Left);
}

#[test]
fn who_leaves_and_hears_nothing_goes() {
    let mut life = active();
    life.leave(at(1));
    life.on_told(None, at(2_000));
    assert!(matches!(life.state(), State::Leaving(_)));
    life.on_told(None, at(4_200));
    assert_eq!(life.next(Offset(9), false, at(4_200)), Step::Ended);
}

#[test]
fn a_broker_whose_disk_has_failed_asks_at_once_to_be_fenced_and_stays_so() {
    let mut life = active();
    assert!(life.on_broken(at(100)));
    assert!(!life.on_broken(at(101)), "it is no news any more");
    let Step::Beat(beat) = life.next(Offset(9), false, at(102)) else { panic!("no beat") };
    assert!(beat.wants_fence);
    life.on_told(told(true, false), at(103));
    assert_eq!(life.state(), State::Fenced(BrokerEpoch(7)));
    let Step::Beat(beat) = life.next(Offset(9), false, at(300)) else { panic!("no beat") };
    assert!(beat.wants_fence, "ready as it is");
}
