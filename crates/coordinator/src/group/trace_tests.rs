//! Runs the traces in `testdata/groups/`: what is asked stands at the start of a line, what came of it is indented below.
//!
//! ```text
//!   options delay=3s size=2             settings, before anything else
//!   join alice v=5 range:t,sticky:t     by the id that alice was told last; `id=new` forgets it, `instance=i` is static
//!   sync alice gen=1 alice=a,bob=b      the leader's assignments, by name
//!   beat|leave alice …   commit alice gen=1 t/0@42   fetch t/0   describe   list   delete   forget t/0
//!   txn-commit alice pid=7 gen=1 t/0@42   marker pid=7 commit|abort   fetch stable=1 t/0
//!   advance 3s   restart   refuse CODE   accept   topics-deleted t
//! ```
//! Members show as the name of their client, with a number from their second id on. A line that begins with `#` is a comment.
//! With `BLESS=1` in the environment the effects are written instead of compared: read the diff.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use model::{ErrorCode, ProducerEpoch, ProducerId, Verification};
use records::control::Marker;
use wire::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    OffsetDeleteRequest, StrBytes, SyncGroupRequest, TopicName,
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    sync_group_request::SyncGroupRequestAssignment,
    text,
};

use super::{record::GroupRecord, test_world::World};
use crate::{
    asked::{Answered, Asked, ListFilter, RequestContext},
    options::GroupOptions,
    runtime::Producer,
};

#[test]
fn traces_hold() {
    let folder = Path::new("testdata/groups");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are traces");
    for path in paths {
        let expected = std::fs::read_to_string(&path).unwrap();
        let seen = Trace::run(&expected);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &seen).unwrap();
            continue;
        }
        assert!(seen == expected, "{} differs; this is what came:\n{seen}", path.display());
    }
}

/// A subscription as consumers send it.
pub(crate) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(i32::try_from(topics.len()).unwrap());
    for topic in topics {
        bytes.put_i16(i16::try_from(topic.len()).unwrap());
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

struct Trace {
    world: World,
    /// The id that each client was told last.
    ids: BTreeMap<String, String>,
    /// How ids are shown.
    names: BTreeMap<String, String>,
    records_seen: usize,
}

/// A line's words: the name, `key=value` pairs, and the rest.
struct Words<'a> {
    who: &'a str,
    named: BTreeMap<&'a str, &'a str>,
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn parse(line: &'a str) -> (&'a str, Self) {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let mut parsed = Self { who: "", named: BTreeMap::new(), rest: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => {
                    parsed.named.insert(name, value);
                }
                None if parsed.who.is_empty() && takes_name(verb) => parsed.who = word,
                None => parsed.rest.push(word),
            }
        }
        (verb, parsed)
    }

    fn number(&self, name: &str, default: i32) -> i32 {
        self.named.get(name).map_or(default, |value| value.parse().unwrap())
    }

    fn millis(&self, name: &str, default: i32) -> i32 {
        self.named.get(name).map_or(default, |value| i32::try_from(millis(value)).unwrap())
    }

    fn instance(&self) -> Option<StrBytes> {
        self.named.get("instance").map(|id| text(id))
    }

    fn group(&self) -> GroupId {
        GroupId(text(self.named.get("group").copied().unwrap_or("g")))
    }
}

fn takes_name(verb: &str) -> bool {
    matches!(verb, "join" | "sync" | "beat" | "leave" | "commit" | "txn-commit")
}

fn millis(text: &str) -> u64 {
    for (unit, factor) in [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)] {
        if let Some(Ok(count)) = text.strip_suffix(unit).map(str::parse::<u64>) {
            return count * factor;
        }
    }
    panic!("a time with its unit, not {text}");
}

fn place(word: &str) -> (&str, i32) {
    let (topic, partition) = word.split_once('/').unwrap();
    (topic, partition.parse().unwrap())
}

impl Trace {
    fn run(trace: &str) -> String {
        let mut run = Self {
            world: World::new(GroupOptions::default(), 1),
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
            records_seen: 0,
        };
        let mut seen = String::new();
        for line in trace.lines().filter(|line| !line.starts_with("  ")) {
            seen.push_str(line);
            seen.push('\n');
            if !line.is_empty() && !line.starts_with('#') {
                run.step(line);
                run.show_effects(&mut seen);
            }
        }
        seen
    }

    fn step(&mut self, line: &str) {
        let (verb, words) = Words::parse(line);
        match verb {
            "options" => {
                let options = GroupOptions {
                    initial_rebalance_delay_ms: words.millis("delay", 3_000),
                    group_size_max: usize::try_from(words.number("size", i32::MAX)).unwrap(),
                    offsets_retention_minutes: i64::from(words.number("retention", 10_080)),
                    ..GroupOptions::default()
                };
                self.world = World::new(options, 1);
            }
            "advance" => self.world.advance(Duration::from_millis(millis(words.rest[0]))),
            "restart" => self.world.restart(),
            "refuse" => {
                let code = (0..200).filter_map(ErrorCode::from_code);
                let code = code.into_iter().find(|code| code.name() == words.rest[0]).unwrap();
                self.world.log.refuse_appends(Some(code));
            }
            "accept" => self.world.log.refuse_appends(None),
            _ => {
                let asker = if words.who.is_empty() { "admin" } else { words.who };
                let asked = self.asked(verb, &words);
                self.world.ask(asker, asked);
                self.world.on_time();
            }
        }
    }

    fn asked(&self, verb: &str, words: &Words<'_>) -> Asked {
        let cx = RequestContext {
            client_id: words.who.to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            api_version: i16::try_from(words.number("v", 5)).unwrap(),
        };
        match verb {
            "join" => Asked::Join(cx, self.join(words)),
            "sync" => Asked::Sync(self.sync(words)),
            "beat" => Asked::Heartbeat(
                HeartbeatRequest::default()
                    .with_group_id(words.group())
                    .with_member_id(self.id(words))
                    .with_group_instance_id(words.instance())
                    .with_generation_id(words.number("gen", -1)),
            ),
            "leave" => Asked::Leave(cx, self.leave(words)),
            "commit" => Asked::CommitOffsets(cx, self.commit(words)),
            "txn-commit" => Asked::CommitInTransaction(
                self.commit(words),
                producer(words),
                Verification::Waived,
            ),
            "marker" => {
                let marker = if words.rest[0] == "commit" { Marker::Commit } else { Marker::Abort };
                Asked::EndTransaction(producer(words), marker, 0)
            }
            "fetch" => Asked::FetchOffsets(fetch(words), words.number("stable", 0) == 1),
            "forget" => Asked::DeleteOffsets(forget(words)),
            "describe" => Asked::Describe(cx, words.group()),
            "delete" => Asked::Delete(words.group()),
            "list" => Asked::List(std::sync::Arc::new(ListFilter {
                states: words.rest.iter().map(|word| (*word).to_owned()).collect(),
                types: Vec::new(),
            })),
            "topics-deleted" => Asked::TopicsDeleted(std::sync::Arc::new(
                words.rest.iter().map(|word| (*word).to_owned()).collect(),
            )),
            verb => panic!("no such verb: {verb}"),
        }
    }

    fn id(&self, words: &Words<'_>) -> StrBytes {
        match words.named.get("id") {
            Some(&"new") => text(""),
            Some(name) => {
                let known = self.names.iter().find(|(_, shown)| shown == name);
                text(known.map_or(*name, |(id, _)| id))
            }
            None => text(self.ids.get(words.who).map_or("", String::as_str)),
        }
    }

    fn join(&self, words: &Words<'_>) -> JoinGroupRequest {
        let protocols = words.rest.first().copied().unwrap_or_default();
        let protocol = |protocol: &str| {
            let (name, topics) = protocol.split_once(':').unwrap_or((protocol, ""));
            let topics: Vec<&str> = topics.split('+').filter(|topic| !topic.is_empty()).collect();
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(subscription(&topics))
        };
        let protocols = protocols.split(',').filter(|name| !name.is_empty()).map(protocol);
        JoinGroupRequest::default()
            .with_group_id(words.group())
            .with_member_id(self.id(words))
            .with_group_instance_id(words.instance())
            .with_session_timeout_ms(words.millis("session", 10_000))
            .with_rebalance_timeout_ms(words.millis("rebalance", 60_000))
            .with_protocol_type(text(words.named.get("type").copied().unwrap_or("consumer")))
            .with_protocols(protocols.collect())
    }

    fn sync(&self, words: &Words<'_>) -> SyncGroupRequest {
        let is_setting = |name: &str| matches!(name, "gen" | "id" | "instance" | "group" | "name");
        let given = words.named.iter().filter(|(name, _)| !is_setting(name)).map(|(name, what)| {
            let id = self.ids.get(*name).map_or(*name, String::as_str);
            SyncGroupRequestAssignment::default()
                .with_member_id(text(id))
                .with_assignment(Bytes::copy_from_slice(what.as_bytes()))
        });
        SyncGroupRequest::default()
            .with_group_id(words.group())
            .with_member_id(self.id(words))
            .with_group_instance_id(words.instance())
            .with_generation_id(words.number("gen", -1))
            .with_protocol_name(words.named.get("name").map(|name| text(name)))
            .with_assignments(given.collect())
    }

    fn leave(&self, words: &Words<'_>) -> LeaveGroupRequest {
        let member = MemberIdentity::default()
            .with_member_id(self.id(words))
            .with_group_instance_id(words.instance());
        LeaveGroupRequest::default()
            .with_group_id(words.group())
            .with_member_id(self.id(words))
            .with_members(vec![member])
    }

    fn commit(&self, words: &Words<'_>) -> OffsetCommitRequest {
        let topics = words.rest.iter().map(|word| {
            let (at, offset) = word.split_once('@').unwrap();
            let (topic, partition) = place(at);
            let metadata = words.named.get("metadata").map(|text_| text(text_));
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset.parse().unwrap())
                .with_committed_metadata(metadata);
            OffsetCommitRequestTopic::default()
                .with_name(TopicName(text(topic)))
                .with_partitions(vec![partition])
        });
        OffsetCommitRequest::default()
            .with_group_id(words.group())
            .with_member_id(self.id(words))
            .with_group_instance_id(words.instance())
            .with_generation_id_or_member_epoch(words.number("gen", -1))
            .with_retention_time_ms(i64::from(words.millis("retention", -1)))
            .with_topics(topics.collect())
    }

    fn show_effects(&mut self, into: &mut String) {
        let count = self.world.log.records().len();
        let records = self.world.log.records().split_off(self.records_seen.min(count));
        self.records_seen = count;
        let answers = self.world.take_answers();
        for (who, answer) in &answers {
            self.note_name(who, answer);
        }
        for (who, answer) in answers {
            writeln!(into, "  {who}: {}", self.show(answer)).unwrap();
        }
        for record in records {
            writeln!(into, "  record {}", self.show_record(&record)).unwrap();
        }
    }

    /// Remembers the id that a client was told.
    fn note_name(&mut self, who: &str, answer: &Answered) {
        let Answered::Join(join) = answer else { return };
        let is_told = join.error_code == ErrorCode::MemberIdRequired.code() || join.error_code == 0;
        if is_told {
            self.ids.insert(who.to_owned(), join.member_id.to_string());
            let like = self.names.values().filter(|name| name.starts_with(who)).count();
            let name = if like == 0 { who.to_owned() } else { format!("{who}{}", like + 1) };
            self.names.entry(join.member_id.to_string()).or_insert(name);
        }
    }

    fn name(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn show(&self, answer: Answered) -> String {
        match answer {
            Answered::Join(join) if join.error_code != 0 => {
                format!("{} id={}", code(join.error_code), self.name(&join.member_id))
            }
            Answered::Join(join) => {
                let members: Vec<String> =
                    join.members.iter().map(|member| self.name(&member.member_id)).collect();
                let skip = if join.skip_assignment { " skip-assignment" } else { "" };
                format!(
                    "joined generation={} protocol={} leader={} members=[{}]{skip}",
                    join.generation_id,
                    join.protocol_name.as_ref().map_or("-", |name| name.as_str()),
                    self.name(&join.leader),
                    members.join(" ")
                )
            }
            Answered::Sync(sync) if sync.error_code != 0 => code(sync.error_code),
            Answered::Sync(sync) => {
                format!("synced assignment={}", String::from_utf8_lossy(&sync.assignment))
            }
            Answered::Heartbeat(beat) => format!("heartbeat {}", code(beat.error_code)),
            Answered::Leave(leave) => {
                let members: Vec<String> =
                    leave.members.iter().map(|member| code(member.error_code)).collect();
                format!("left {} members=[{}]", code(leave.error_code), members.join(" "))
            }
            Answered::CommitOffsets(commit) => {
                let partitions = commit.topics.iter().flat_map(|topic| &topic.partitions);
                let codes: Vec<String> = partitions.map(|part| code(part.error_code)).collect();
                format!("committed [{}]", codes.join(" "))
            }
            Answered::EndTransaction(ended) => format!("ended {ended}"),
            Answered::FetchOffsets(fetched) => {
                let mut shown = format!("fetched {}", code(fetched.error_code));
                for topic in &fetched.topics {
                    for part in &topic.partitions {
                        let (name, index) = (topic.name.as_str(), part.partition_index);
                        write!(shown, " {name}/{index}@{}", part.committed_offset).unwrap();
                        if part.error_code != 0 {
                            write!(shown, "({})", code(part.error_code)).unwrap();
                        }
                    }
                }
                shown
            }
            Answered::DeleteOffsets(deleted) => {
                let partitions = deleted.topics.iter().flat_map(|topic| &topic.partitions);
                let codes: Vec<String> = partitions.map(|part| code(part.error_code)).collect();
                format!("forgot {} [{}]", code(deleted.error_code), codes.join(" "))
            }
            Answered::Describe(group) => {
                let members: Vec<String> = group
                    .members
                    .iter()
                    .map(|member| {
                        let assignment = String::from_utf8_lossy(&member.member_assignment);
                        format!("{}={assignment}", self.name(&member.member_id))
                    })
                    .collect();
                format!(
                    "described {} state={} type={} protocol={} members=[{}]",
                    code(group.error_code),
                    group.group_state.as_str(),
                    group.protocol_type.as_str(),
                    group.protocol_data.as_str(),
                    members.join(" ")
                )
            }
            Answered::Delete(_, deleted) => format!("deleted {deleted}"),
            Answered::List(listed) => {
                let mut shown = "listed".to_owned();
                for group in listed.unwrap() {
                    let (id, state) = (group.group_id.as_str(), group.group_state.as_str());
                    write!(shown, " {id}:{state}:{}", group.group_type.as_str()).unwrap();
                }
                shown
            }
            Answered::Done => "done".to_owned(),
        }
    }

    fn show_record(&self, record: &GroupRecord) -> String {
        match record {
            GroupRecord::Offset { group, topic, partition, value: Some(value) } => {
                format!("{group} {topic}/{partition}@{}", value.offset)
            }
            GroupRecord::Offset { group, topic, partition, value: None } => {
                format!("{group} {topic}/{partition} tombstone")
            }
            GroupRecord::Group { group, value: None } => format!("{group} tombstone"),
            GroupRecord::Group { group, value: Some(saved) } => {
                let members: Vec<String> = saved
                    .members
                    .iter()
                    .map(|member| {
                        let assignment = String::from_utf8_lossy(&member.assignment);
                        format!("{}={assignment}", self.name(&member.id))
                    })
                    .collect();
                format!(
                    "{group} generation={} protocol={} leader={} members=[{}]",
                    saved.generation,
                    saved.protocol.as_deref().unwrap_or("-"),
                    saved.leader.as_deref().map_or("-".to_owned(), |id| self.name(id)),
                    members.join(" ")
                )
            }
        }
    }
}

fn producer(words: &Words<'_>) -> Producer {
    let (id, epoch) = (words.number("pid", 7), words.number("epoch", 0));
    Producer { id: ProducerId(i64::from(id)), epoch: ProducerEpoch(i16::try_from(epoch).unwrap()) }
}

fn fetch(words: &Words<'_>) -> OffsetFetchRequestGroup {
    let topics = words.rest.iter().map(|word| {
        let (topic, partition) = place(word);
        OffsetFetchRequestTopics::default()
            .with_name(TopicName(text(topic)))
            .with_partition_indexes(vec![partition])
    });
    let topics = (!words.rest.is_empty()).then(|| topics.collect());
    OffsetFetchRequestGroup::default().with_group_id(words.group()).with_topics(topics)
}

fn forget(words: &Words<'_>) -> OffsetDeleteRequest {
    let topics = words.rest.iter().map(|word| {
        let (topic, partition) = place(word);
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(partition);
        OffsetDeleteRequestTopic::default()
            .with_name(TopicName(text(topic)))
            .with_partitions(vec![partition])
    });
    OffsetDeleteRequest::default().with_group_id(words.group()).with_topics(topics.collect())
}

fn code(code: i16) -> String {
    ErrorCode::from_code(code).map_or_else(|| code.to_string(), |code| code.name().to_owned())
}
