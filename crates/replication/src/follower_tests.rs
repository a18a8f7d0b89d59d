//! The follower machine, by traces: each line of `follower_traces/*.txt` is told to it, what it does stands behind the arrow. The log is
//! a list of epochs, one per offset.

use super::*;

#[test]
fn it_copies_and_takes_over_the_watermark_within_its_log() {
    replay(include_str!("follower_traces/copies.txt"));
}

#[test]
fn it_cuts_where_the_histories_part() {
    replay(include_str!("follower_traces/diverges.txt"));
}

#[test]
fn it_starts_anew_where_its_leader_has_deleted() {
    replay(include_str!("follower_traces/out_of_range.txt"));
}

#[test]
fn it_rests_when_refused_and_fails_when_damaged_twice() {
    replay(include_str!("follower_traces/refused.txt"));
}

fn replay(trace: &str) {
    let mut stage = Stage::default();
    let mut seen = String::new();
    for line in trace.lines() {
        let told = line.split("=>").next().unwrap();
        let words: Vec<&str> = told.split_whitespace().collect();
        if line.starts_with('#') || words.is_empty() {
            seen.push_str(line);
        } else {
            seen.push_str(&format!("{told}=> {}", stage.tell(&words)));
        }
        seen.push('\n');
    }
    assert!(seen == trace, "the trace has become:\n{seen}");
}

#[derive(Default)]
struct Stage {
    follower: Option<Follower>,
    start: i64,
    /// The epochs of the records from `start` on.
    log: Vec<i32>,
    now: Instant,
}

impl Stage {
    fn own(&self) -> OwnLog {
        let end = Offset(self.start + self.log.len() as i64);
        OwnLog {
            start: Offset(self.start),
            end,
            last_epoch: self.log.last().copied().map(LeaderEpoch),
        }
    }

    /// As the log answers it.
    fn end_of(&self, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let latest = *self.log.last()?;
        if asked.0 > latest {
            return None;
        }
        let count = self.log.iter().filter(|epoch| **epoch <= asked.0).count();
        let known = self.log[..count].last().copied().unwrap_or(asked.0);
        Some((LeaderEpoch(known), Offset(self.start + count as i64)))
    }

    fn tell(&mut self, words: &[&str]) -> String {
        let own = self.own();
        let now = self.now;
        match words {
            ["log", "from", start, "epochs", epochs] => {
                self.start = start.parse().unwrap();
                self.log = epochs
                    .split(',')
                    .filter(|word| *word != "-")
                    .map(|word| word.parse().unwrap())
                    .collect();
                format!("end {}", self.own().end)
            }
            ["follow", leader, "epoch", epoch, "hw", hw] => {
                let reign =
                    (BrokerId(leader.parse().unwrap()), LeaderEpoch(epoch.parse().unwrap()));
                self.follower = Some(Follower::new(reign, offset(hw), own.end));
                self.ask()
            }
            ["time", ms] => {
                let ms = ms.trim_end_matches("ms").parse().unwrap();
                self.now = Instant::default().plus(Duration::from_millis(ms));
                self.ask()
            }
            ["got", epochs, "hw", hw, "start", start] => {
                let said =
                    LeaderSays::Records { high_watermark: offset(hw), log_start: offset(start) };
                assert_eq!(self.answer(said), Step::Append);
                self.log.extend(
                    epochs
                        .split(',')
                        .filter(|word| *word != "-")
                        .map(|word| word.parse::<i32>().unwrap()),
                );
                let own = self.own();
                let advance = self.follower().on_appended((offset(hw), offset(start)), &own);
                format!("end {} hw {} start {}", own.end, advance.high_watermark, advance.log_start)
            }
            ["diverging", epoch, end] => {
                let said = LeaderSays::Diverging(LeaderEpoch(epoch.parse().unwrap()), offset(end));
                let step = self.answer(said);
                self.perform(step)
            }
            ["out", "of", "range", "start", start] => {
                let step = self.answer(LeaderSays::OutOfRange { log_start: offset(start) });
                self.perform(step)
            }
            ["refused"] => {
                let step = self.answer(LeaderSays::Refused(ErrorCode::NotLeaderOrFollower));
                self.perform(step)
            }
            ["damaged", "at", at] => {
                let failed = self.follower().on_damage(offset(at), now);
                if failed { "failed".to_owned() } else { self.ask() }
            }
            other => panic!("{other:?} is no line of a trace"),
        }
    }

    fn follower(&mut self) -> &mut Follower {
        self.follower.as_mut().unwrap()
    }

    fn answer(&mut self, said: LeaderSays) -> Step {
        let (own, now) = (self.own(), self.now);
        let mut follower = self.follower.clone().unwrap();
        let step = follower.on_answer(said, &own, |epoch| self.end_of(epoch), now);
        self.follower = Some(follower);
        step
    }

    fn perform(&mut self, step: Step) -> String {
        match step {
            Step::Append => panic!("there are no records"),
            Step::Rest => self.ask(),
            Step::Truncate(to) => {
                let kept = usize::try_from(to.0 - self.start).unwrap_or(0);
                assert!(kept < self.log.len(), "a cut shortens");
                self.log.truncate(kept);
                self.start = self.start.min(to.0);
                self.cut("truncate")
            }
            Step::StartAnew(at) => {
                (self.log, self.start) = (Vec::new(), at.0);
                self.cut("start anew")
            }
        }
    }

    fn cut(&mut self, how: &str) -> String {
        let own = self.own();
        let is_below = self.follower().on_cut(&own);
        let below = if is_below { " below the watermark" } else { "" };
        format!("{how} at {}{below}, {}", own.end, self.ask())
    }

    fn ask(&self) -> String {
        let follower = self.follower.as_ref().unwrap();
        let hw = follower.high_watermark();
        match follower.ask(&self.own(), self.now) {
            Some(Ask { from, last_epoch: Some(epoch), .. }) => {
                format!("ask {from} after epoch {epoch}, hw {hw}")
            }
            Some(Ask { from, .. }) => format!("ask {from}, hw {hw}"),
            None if follower.has_failed() => "failed".to_owned(),
            None => {
                let until = follower.next_deadline().unwrap();
                format!("rest until {}ms", until.since(Instant::default()).as_millis())
            }
        }
    }
}

fn offset(word: &str) -> Offset {
    Offset(word.parse().unwrap())
}
