//! The leader machine, by traces: each line of `leader_traces/*.txt` is told to it, what it wants done stands behind the arrow.

use model::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};

use super::*;

#[test]
fn the_watermark_is_what_all_in_sync_have() {
    replay(include_str!("leader_traces/high_watermark.txt"));
}

#[test]
fn who_lags_goes_and_too_few_stop_the_watermark() {
    replay(include_str!("leader_traces/isr_shrinks.txt"));
}

#[test]
fn who_has_caught_up_joins() {
    replay(include_str!("leader_traces/isr_expands.txt"));
}

/// Found by review: a leader learned its followers when its reign began, and whom a reassignment added was never counted.
#[test]
fn replicas_come_and_go_within_a_reign() {
    replay(include_str!("leader_traces/replicas_change.txt"));
}

#[test]
fn records_are_deleted_once_every_living_replica_has_deleted_them() {
    replay(include_str!("leader_traces/low_watermark.txt"));
}

#[test]
fn a_lone_node_is_in_sync_with_itself() {
    replay(include_str!("leader_traces/lone_node.txt"));
}

#[test]
fn a_new_leader_waits_for_those_in_sync() {
    replay(include_str!("leader_traces/election.txt"));
}

#[test]
fn a_leader_is_followed_once_another_in_sync_has_fetched_in_its_reign() {
    let (all, alone) = ([BrokerId(1), BrokerId(2)], [BrokerId(1)]);
    let lead = |isr: &[BrokerId]| {
        let state = Committed { replicas: &all, isr, elr: &[] };
        let (log_end, high_watermark) = (Offset(5), Offset(5));
        let reign =
            Reign { me: BrokerId(1), epoch: LeaderEpoch(3), log_end, high_watermark, state };
        Leader::new(&reign, rules("1"), Instant::default()).0
    };
    assert!(lead(&alone).is_followed(), "there is nobody who could lead in its place");
    let mut leader = lead(&all);
    assert!(!leader.is_followed());
    let fetch = FollowerFetch {
        follower: BrokerId(2),
        at: Offset(5),
        log_start: Offset(0),
        broker_epoch: BrokerEpoch(1),
        is_eligible: true,
    };
    let _ = leader.on_follower_fetch(fetch, Instant::default());
    assert!(leader.is_followed());
}

fn replay(trace: &str) {
    let mut stage = Stage { leader: None, replicas: Vec::new(), now: Instant::default() };
    let mut seen = String::new();
    for line in trace.lines() {
        let told = line.split("=>").next().unwrap();
        let words: Vec<&str> = told.split_whitespace().collect();
        if line.starts_with('#') || words.is_empty() {
            seen.push_str(line);
        } else {
            match stage.tell(&words) {
                Some(answer) => seen.push_str(&format!("{told}=> {answer}")),
                None => seen.push_str(told),
            }
        }
        seen.push('\n');
    }
    assert!(seen == trace, "the trace has become:\n{seen}");
}

struct Stage {
    leader: Option<Leader>,
    replicas: Vec<BrokerId>,
    now: Instant,
}

impl Stage {
    fn tell(&mut self, words: &[&str]) -> Option<String> {
        let now = self.now;
        if let ["time", seconds] = words {
            let seconds = seconds.trim_end_matches('s').parse().unwrap();
            self.now = Instant::default().plus(Duration::from_secs(seconds));
            return None;
        }
        if let [
            "lead",
            "me",
            me,
            "replicas",
            replicas,
            "isr",
            isr,
            "end",
            end,
            "hw",
            hw,
            "min",
            min,
        ] = words
        {
            let (replicas, isr) = (ids(replicas), ids(isr));
            let reign = Reign {
                me: BrokerId(me.parse().unwrap()),
                epoch: LeaderEpoch(7),
                state: Committed { replicas: &replicas, isr: &isr, elr: &[] },
                log_end: offset(end),
                high_watermark: offset(hw),
            };
            let (leader, effects) = Leader::new(&reign, rules(min), now);
            self.leader = Some(leader);
            self.replicas = replicas;
            return Some(text(&effects));
        }
        if let ["replicas", replicas, ..] = words {
            self.replicas = ids(replicas);
        }
        let leader = self.leader.as_mut().expect("a trace begins with a reign");
        let before = leader.high_watermark();
        let effects = match words {
            ["append", end] => leader.on_append(offset(end), now),
            ["fetch", who, "at", at] => leader.on_follower_fetch(fetch(who, at, true), now),
            ["fetch", who, "fenced", "at", at] => {
                leader.on_follower_fetch(fetch(who, at, false), now)
            }
            ["tick"] => leader.on_tick(now),
            ["fetch", who, "at", at, "start", start] => {
                let log_start = offset(start);
                leader.on_follower_fetch(FollowerFetch { log_start, ..fetch(who, at, true) }, now)
            }
            ["isr", isr, elr @ ..] | ["replicas", _, "isr", isr, elr @ ..] => {
                let elr = if let ["elr", elr] = elr { ids(elr) } else { Vec::new() };
                let (replicas, isr) = (&self.replicas[..], &ids(isr)[..]);
                leader.on_committed(&Committed { replicas, isr, elr: &elr }, now)
            }
            ["low", own, "alive", alive] => {
                let alive = ids(alive);
                let low = leader.low_watermark(offset(own), |id| alive.contains(&id));
                return Some(low.to_string());
            }
            ["min", min] => leader.on_rules(rules(min), now),
            ["refused"] => {
                leader.on_isr_refused();
                return None;
            }
            ["enough"] => {
                let answer = if leader.has_enough_replicas() { "yes" } else { "no" };
                return Some(answer.to_owned());
            }
            ["deadline"] => {
                let deadline = leader.next_deadline();
                return Some(deadline.map_or("never".to_owned(), |at| {
                    format!("{}s", at.since(Instant::default()).as_secs())
                }));
            }
            ["state"] => return Some(state(leader)),
            other => panic!("{other:?} is no line of a trace"),
        };
        assert!(leader.high_watermark() >= before, "the watermark never goes back");
        Some(text(&effects))
    }
}

fn fetch(who: &str, at: &str, is_eligible: bool) -> FollowerFetch {
    let broker_epoch = BrokerEpoch(1);
    FollowerFetch {
        follower: BrokerId(who.parse().unwrap()),
        broker_epoch,
        at: offset(at),
        log_start: Offset::ZERO,
        is_eligible,
    }
}

fn rules(min: &str) -> LeaderRules {
    LeaderRules { min_insync_replicas: min.parse().unwrap(), lag_max: Duration::from_secs(30) }
}

fn ids(list: &str) -> Vec<BrokerId> {
    list.split(',').map(|id| BrokerId(id.parse().unwrap())).collect()
}

fn offset(number: &str) -> Offset {
    Offset(number.parse().unwrap())
}

fn list(members: &[BrokerId]) -> String {
    members.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn text(effects: &Effects) -> String {
    let mut all = Vec::new();
    if let Some(high_watermark) = effects.high_watermark {
        all.push(format!("hw {high_watermark}"));
    }
    if let Some(members) = &effects.propose_isr {
        all.push(format!("propose {}", list(members)));
    }
    if effects.has_less {
        all.push("less".to_owned());
    }
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

fn state(leader: &Leader) -> String {
    format!(
        "epoch {} start {} end {} hw {} isr {}",
        leader.epoch(),
        leader.epoch_start(),
        leader.log_end(),
        leader.high_watermark(),
        list(leader.isr().members())
    )
}
