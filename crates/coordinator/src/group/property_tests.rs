//! Whatever members, tools, the log and time do, and in whatever order: the promises of a group hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use model::ErrorCode;
use proptest::prelude::*;
use wire::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    OffsetCommitRequest, SyncGroupRequest, TopicName,
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    sync_group_request::SyncGroupRequestAssignment,
    text,
};

use super::{
    GroupShard,
    classic::{Group, Phase},
    cx::Timer,
    record::{CommittedOffset, GroupRecord, SavedGroup, SavedMember},
    test_world::World,
    trace_tests::subscription,
};
use crate::{
    asked::{Answered, Asked, RequestContext},
    options::GroupOptions,
};

/// One thing that happens. `who` is one of five clients, of which the first two are static.
#[derive(Clone, Debug)]
enum Event {
    Join { who: usize, is_new: bool, version: i16, protocols: usize },
    Sync { who: usize },
    Beat { who: usize },
    Leave { who: usize },
    Commit { who: usize, is_member: bool },
    Delete,
    Advance { ms: u64 },
    Restart,
    Refuse { is_refused: bool },
}

const CLIENTS: [&str; 5] = ["s0", "s1", "d2", "d3", "d4"];
const PROTOCOLS: [&[&str]; 4] =
    [&["range"], &["range", "sticky"], &["sticky", "range"], &["sticky"]];

fn event() -> impl Strategy<Value = Event> {
    let who = 0..CLIENTS.len();
    prop_oneof![
        8 => (who.clone(), any::<bool>(), 0_i16..10, 0..PROTOCOLS.len())
            .prop_map(|(who, is_new, version, protocols)| Event::Join { who, is_new, version, protocols }),
        8 => who.clone().prop_map(|who| Event::Sync { who }),
        4 => who.clone().prop_map(|who| Event::Beat { who }),
        1 => who.clone().prop_map(|who| Event::Leave { who }),
        2 => (who, any::<bool>()).prop_map(|(who, is_member)| Event::Commit { who, is_member }),
        1 => Just(Event::Delete),
        5 => (0_u64..20_000).prop_map(|ms| Event::Advance { ms }),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(|is_refused| Event::Refuse { is_refused }),
    ]
}

/// A record that no coordinator need have written: members and leaders at odds, ids twice, odd numbers.
fn damaged_record() -> impl Strategy<Value = GroupRecord> {
    let name = || prop_oneof![Just(""), Just("a"), Just("b"), Just("c")].prop_map(Arc::<str>::from);
    let member = (name(), prop::option::of(name()), name(), any::<i32>(), any::<i32>()).prop_map(
        |(id, instance_id, text, rebalance_timeout_ms, session_timeout_ms)| SavedMember {
            id,
            instance_id,
            client_id: Arc::clone(&text),
            client_host: Arc::clone(&text),
            rebalance_timeout_ms,
            session_timeout_ms,
            subscription: Bytes::copy_from_slice(text.as_bytes()),
            assignment: Bytes::new(),
        },
    );
    let members = prop::collection::vec(member, 0..4);
    let saved = (name(), any::<i32>(), prop::option::of(name()), prop::option::of(name()), members)
        .prop_map(|(protocol_type, generation, protocol, leader, members)| SavedGroup {
            protocol_type: protocol_type.to_string(),
            generation,
            protocol: protocol.map(|protocol| protocol.to_string()),
            leader,
            state_time: None,
            members,
        });
    prop::option::weighted(0.9, saved)
        .prop_map(|value| GroupRecord::Group { group: "g".into(), value })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_log_makes_a_sound_group(
        records in prop::collection::vec(damaged_record(), 1..8),
        events in prop::collection::vec(event(), 0..20),
    ) {
        let mut play = Play::new(0, 5);
        play.was_refused = true; // the log is not what this coordinator would have written
        for record in &records {
            play.world.log.append_record(record);
        }
        play.world.restart();
        for event in events {
            play.step(event);
            play.check();
        }
        play.step(Event::Advance { ms: 3_600_000 });
        play.check();
    }

    #[test]
    fn groups_keep_their_promises(
        events in prop::collection::vec(event(), 1..120),
        delay_ms in prop_oneof![Just(0), Just(3_000)],
        size in 2_usize..6,
    ) {
        let mut play = Play::new(delay_ms, size);
        for event in events {
            play.step(event);
            play.check();
        }
        play.check_end();
    }
}

struct Play {
    world: World,
    /// What each client was told last: id and generation.
    told: BTreeMap<&'static str, (String, i32)>,
    /// The leader told of the others, by life of the group in memory, and generation.
    leaders: BTreeMap<(u32, i32), String>,
    life: u32,
    /// From the first refused append on, memory may be ahead of the log.
    was_refused: bool,
    next_offset: i64,
}

impl Play {
    fn new(initial_rebalance_delay_ms: i32, group_size_max: usize) -> Self {
        let options =
            GroupOptions { initial_rebalance_delay_ms, group_size_max, ..GroupOptions::default() };
        let world = World::new(options, 1);
        world.log.be_replicated();
        Self {
            world,
            told: BTreeMap::new(),
            leaders: BTreeMap::new(),
            life: 0,
            was_refused: false,
            next_offset: 0,
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Join { who, is_new, version, protocols } => {
                let id = if is_new { String::new() } else { self.told_to(who).0 };
                self.ask(who, Asked::Join(context(who, version), join(who, &id, protocols)));
            }
            Event::Sync { who } => self.sync(who),
            Event::Beat { who } => {
                let (id, generation) = self.told_to(who);
                let beat = HeartbeatRequest::default()
                    .with_group_id(group_id())
                    .with_member_id(text(&id))
                    .with_generation_id(generation);
                self.ask(who, Asked::Heartbeat(beat));
            }
            Event::Leave { who } => {
                let member = MemberIdentity::default().with_member_id(text(&self.told_to(who).0));
                let leave = LeaveGroupRequest::default()
                    .with_group_id(group_id())
                    .with_members(vec![member]);
                self.ask(who, Asked::Leave(context(who, 3), leave));
            }
            Event::Commit { who, is_member } => self.commit(who, is_member),
            Event::Delete => self.ask(0, Asked::Delete(group_id())),
            Event::Advance { ms } => self.world.advance(Duration::from_millis(ms)),
            Event::Restart => {
                self.world.restart();
                self.life += 1;
            }
            Event::Refuse { is_refused } => {
                let code = is_refused.then_some(ErrorCode::NotEnoughReplicas);
                self.world.log.refuse_appends(code);
                self.was_refused |= is_refused;
            }
        }
        self.world.on_time();
        for (who, answer) in self.world.take_answers() {
            self.note(&who, answer);
        }
        if self.group().is_none() {
            self.life += 1; // deleted or expired: the next one of this name counts from the beginning
        }
    }

    fn ask(&mut self, who: usize, asked: Asked) {
        self.world.ask(CLIENTS[who], asked);
    }

    fn told_to(&self, who: usize) -> (String, i32) {
        self.told.get(CLIENTS[who]).cloned().unwrap_or_default()
    }

    /// Everybody sends assignments, as a confused client might; only the leader's may count. Each member is given its own
    /// client's name, so that a mix-up shows.
    fn sync(&mut self, who: usize) {
        let (id, generation) = self.told_to(who);
        let members = self.group().map(|group| {
            let given = group.members.values().map(|member| {
                SyncGroupRequestAssignment::default()
                    .with_member_id(text(&member.id))
                    .with_assignment(Bytes::copy_from_slice(member.client_id.as_bytes()))
            });
            given.collect()
        });
        let sync = SyncGroupRequest::default()
            .with_group_id(group_id())
            .with_member_id(text(&id))
            .with_generation_id(generation)
            .with_assignments(members.unwrap_or_default());
        self.ask(who, Asked::Sync(sync));
    }

    fn commit(&mut self, who: usize, is_member: bool) {
        self.next_offset += 1;
        let (id, generation) = if is_member { self.told_to(who) } else { (String::new(), -1) };
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(i32::try_from(who).unwrap() % 4)
            .with_committed_offset(self.next_offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text("t")))
            .with_partitions(vec![partition]);
        let commit = OffsetCommitRequest::default()
            .with_group_id(group_id())
            .with_member_id(text(&id))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(vec![topic]);
        self.ask(who, Asked::CommitOffsets(context(who, 8), commit));
    }

    fn note(&mut self, who: &str, answer: Answered) {
        let who = *CLIENTS.iter().find(|name| **name == who).unwrap();
        match answer {
            Answered::Join(join) => self.note_join(who, &join),
            Answered::Sync(sync) if sync.error_code == 0 => {
                let given = String::from_utf8(sync.assignment.to_vec()).unwrap();
                assert!(given.is_empty() || given == who, "{who} was given what is {given}'s");
            }
            _ => {}
        }
    }

    fn note_join(&mut self, who: &'static str, join: &JoinGroupResponse) {
        if join.error_code == ErrorCode::MemberIdRequired.code() || join.error_code == 0 {
            self.told.insert(who, (join.member_id.to_string(), join.generation_id));
        }
        if join.error_code != 0 || join.members.is_empty() || join.skip_assignment {
            return;
        }
        assert_eq!(join.leader, join.member_id, "only the leader is told who is in the group");
        let leader = join.leader.to_string();
        let known = self.leaders.entry((self.life, join.generation_id)).or_insert(leader.clone());
        assert_eq!(*known, leader, "generation {} has two leaders", join.generation_id);
    }

    fn group(&self) -> Option<&Group> {
        self.world.shard().groups().get("g")
    }

    fn check(&mut self) {
        let shard = self.world.shard();
        for group in shard.groups().values() {
            group.check();
            check_deadlines(shard, group);
        }
        let parked = shard.groups().values().flat_map(|group| group.members.values());
        let parked = parked.map(|member| {
            usize::from(member.awaiting_join.is_some())
                + usize::from(member.awaiting_sync.is_some())
        });
        let waiting = self.world.waiting();
        assert_eq!(parked.sum::<usize>(), waiting.len(), "only who is parked waits: {waiting:?}");
        self.check_replay();
    }

    /// A coordinator that reads the log knows what this one knows, but for a rebalance in flight.
    fn check_replay(&mut self) {
        let replayed = self.world.replayed();
        for group in replayed.groups().values() {
            group.check();
        }
        assert_eq!(offsets(&replayed), offsets(self.world.shard()));
        let Some(group) = self.group().filter(|group| is_settled(group)) else { return };
        if self.was_refused {
            return;
        }
        match replayed.groups().get("g") {
            Some(known) => assert_eq!(durable(known), durable(group)),
            None => {
                assert!(group.members.is_empty(), "members survive");
                assert_eq!(offsets(&replayed).len(), 0, "offsets survive");
            }
        }
    }

    /// Left alone, everybody is answered, the group empties, its offsets expire, and no memory is held.
    fn check_end(&mut self) {
        self.world.log.refuse_appends(None);
        self.world.advance(Duration::from_secs(2 * 3_600));
        for (who, answer) in self.world.take_answers() {
            self.note(&who, answer);
        }
        assert_eq!(self.world.waiting(), Vec::<&str>::new(), "everybody is answered in the end");
        self.check();
        assert!(self.group().is_none_or(|group| group.phase == Phase::Empty), "all sessions end");
        self.world.advance(Duration::from_secs(15 * 24 * 3_600));
        assert_eq!(self.world.shard().groups().len(), 0, "what expires is gone");
        assert_eq!(self.world.budget.held_bytes(), 0, "and its memory is given back");
    }
}

/// Nothing waits without an end: each wait has its timer.
fn check_deadlines(shard: &GroupShard, group: &Group) {
    let timers = &shard.core().timers;
    let is_preparing = matches!(group.phase, Phase::Preparing { .. });
    assert!(!is_preparing || timers.contains(&Timer::Join(Arc::clone(&group.id))));
    let is_awaited = !group.unsynced.is_empty();
    assert!(!is_awaited || timers.contains(&Timer::Sync(Arc::clone(&group.id))));
    for member in group.members.values() {
        let has_session = timers.contains(&group.session_timer(&member.id));
        assert!(has_session || member.is_excused(), "{} would live for ever", member.id);
    }
    for id in group.pending.keys() {
        assert!(timers.contains(&group.session_timer(id)), "{id} would be announced for ever");
    }
}

fn is_settled(group: &Group) -> bool {
    matches!(group.phase, Phase::Stable | Phase::Empty)
}

type Durable = (i32, Option<String>, Option<String>, BTreeSet<(String, Bytes, Bytes)>);

fn durable(group: &Group) -> Durable {
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let members = group.members.values().map(|member| {
        (member.id.to_string(), member.metadata(protocol), member.assignment.clone())
    });
    let leader = group.leader.as_deref().map(str::to_owned);
    (group.generation, group.protocol.as_deref().map(str::to_owned), leader, members.collect())
}

fn offsets(shard: &GroupShard) -> Vec<((Arc<str>, i32), CommittedOffset)> {
    shard.offsets().of("g").map(|(place, committed)| (place, committed.clone())).collect()
}

fn group_id() -> GroupId {
    GroupId(text("g"))
}

fn context(who: usize, api_version: i16) -> RequestContext {
    let client_id = CLIENTS[who].to_owned();
    RequestContext { client_id, client_host: "/127.0.0.1".to_owned(), api_version }
}

fn join(who: usize, id: &str, protocols: usize) -> JoinGroupRequest {
    let protocol = |name: &&str| {
        JoinGroupRequestProtocol::default()
            .with_name(text(name))
            .with_metadata(subscription(&["t"]))
    };
    JoinGroupRequest::default()
        .with_group_id(group_id())
        .with_member_id(text(id))
        .with_group_instance_id((who < 2).then(|| text(CLIENTS[who])))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(15_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(PROTOCOLS[protocols].iter().map(protocol).collect())
}
