//! The desk of the group coordinator: cuts a question into requests of single groups and puts their answers together again.
//!
//! A question about one group is one request. OffsetFetch since version 8, DescribeGroups, DeleteGroups and ListGroups ask
//! several groups, which may live on several partitions: their parts are gathered, in the order of the question.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use model::{ErrorCode, PartitionId, Reply, Verification};
use records::control::Marker;
use wire::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, delete_groups_response::DeletableGroupResult,
};
use world::Chance;

use crate::{
    asked::{Answered, Asked, ListFilter, RequestContext},
    budget::Budget,
    fetch_shape,
    group::{Core, GroupShard, partition_for},
    limits,
    options::{GroupOptions, Topics},
    runtime::{Desk, Producer, Reign, Ticket, Timers},
    transactional,
};

/// What callers of [`crate::Coordinator`] ask, with where the answer goes.
pub(crate) enum Question {
    Join(RequestContext, Box<JoinGroupRequest>, Reply<JoinGroupResponse>),
    Sync(Box<SyncGroupRequest>, Reply<SyncGroupResponse>),
    Heartbeat(Box<HeartbeatRequest>, Reply<HeartbeatResponse>),
    Leave(RequestContext, LeaveGroupRequest, Reply<LeaveGroupResponse>),
    CommitOffsets(RequestContext, Box<OffsetCommitRequest>, Reply<OffsetCommitResponse>),
    CommitInTransaction(Box<TxnOffsetCommitRequest>, Verification, Reply<TxnOffsetCommitResponse>),
    EndTransaction(PartitionId, Producer, Marker, i32, Reply<ErrorCode>),
    FetchOffsets(RequestContext, OffsetFetchRequest, Reply<OffsetFetchResponse>),
    DeleteOffsets(OffsetDeleteRequest, Reply<OffsetDeleteResponse>),
    Describe(RequestContext, DescribeGroupsRequest, Reply<DescribeGroupsResponse>),
    Delete(DeleteGroupsRequest, Reply<DeleteGroupsResponse>),
    List(ListGroupsRequest, Reply<ListGroupsResponse>),
    TopicsDeleted(Vec<String>),
}

/// Whom an answer goes to.
enum Waiting {
    Join(i16, Reply<JoinGroupResponse>),
    Sync(Reply<SyncGroupResponse>),
    Heartbeat(Reply<HeartbeatResponse>),
    Leave(Reply<LeaveGroupResponse>),
    CommitOffsets(Reply<OffsetCommitResponse>),
    CommitInTransaction(Reply<TxnOffsetCommitResponse>),
    EndTransaction(Reply<ErrorCode>),
    DeleteOffsets(Reply<OffsetDeleteResponse>),
    /// The part `index` of the gathering `gathering`.
    Part {
        gathering: u64,
        index: usize,
    },
}

/// Parts of one answer, as they come.
struct Gathering {
    parts: Vec<Option<Answered>>,
    missing: usize,
    finish: Finish,
}

enum Finish {
    FetchOffsets(i16, Reply<OffsetFetchResponse>),
    Describe(Reply<DescribeGroupsResponse>),
    Delete(Reply<DeleteGroupsResponse>),
    List(Reply<ListGroupsResponse>),
}

pub(crate) struct GroupDesk {
    options: Arc<GroupOptions>,
    topics: Topics,
    budget: Arc<Budget>,
    chance: Chance,
    /// Bounded by the queue and by what shards park: one join and one sync per member.
    waiting: BTreeMap<Ticket, Waiting>,
    gatherings: BTreeMap<u64, Gathering>,
    last_number: u64,
}

type Requests = crate::runtime::Requests<GroupDesk>;

impl GroupDesk {
    pub(crate) fn new(options: GroupOptions, topics: Topics, seed: u64) -> Self {
        Self {
            options: Arc::new(options),
            topics,
            budget: Budget::new(limits::GROUPS_BYTES_MAX),
            chance: Chance::from_seed(seed),
            waiting: BTreeMap::new(),
            gatherings: BTreeMap::new(),
            last_number: 0,
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// One request to the partition of `group`. What needs a group id is refused here when it has none.
    fn one(&mut self, group: &str, asked: Asked, waiting: Waiting) -> Requests {
        let ticket = Ticket(self.next_number());
        self.waiting.insert(ticket, waiting);
        let needs_id = matches!(
            asked,
            Asked::Join(..) | Asked::Sync(_) | Asked::Heartbeat(_) | Asked::Leave(..)
        );
        if (needs_id && group.is_empty()) || group.len() > limits::TEXT_BYTES_MAX {
            self.settle(ticket, asked.refuse(ErrorCode::InvalidGroupId));
            return Vec::new();
        }
        vec![(self.partition(group), ticket, asked)]
    }

    /// One request per part, each to its partition; the answers are put together by `finish`.
    fn gather(&mut self, parts: Vec<(PartitionId, Asked)>, finish: Finish) -> Requests {
        let gathering = self.next_number();
        let missing = parts.len();
        if missing == 0 {
            finish.finish(Vec::new());
            return Vec::new();
        }
        let empty = std::iter::repeat_with(|| None).take(missing).collect();
        self.gatherings.insert(gathering, Gathering { parts: empty, missing, finish });
        let mut requests = Vec::with_capacity(missing);
        for (index, (partition, asked)) in parts.into_iter().enumerate() {
            let ticket = Ticket(self.next_number());
            self.waiting.insert(ticket, Waiting::Part { gathering, index });
            requests.push((partition, ticket, asked));
        }
        requests
    }

    fn settle_part(&mut self, (number, index): (u64, usize), answer: Answered) {
        let Some(gathering) = self.gatherings.get_mut(&number) else { return };
        if let Some(part) = gathering.parts.get_mut(index)
            && part.replace(answer).is_none()
        {
            gathering.missing -= 1;
        }
        if gathering.missing == 0
            && let Some(whole) = self.gatherings.remove(&number)
        {
            whole.finish.finish(whole.parts.into_iter().flatten().collect());
        }
    }

    fn partition(&self, group: &str) -> PartitionId {
        partition_for(group, self.options.offsets_partitions)
    }

    fn open_one(&mut self, question: Question) -> Requests {
        match question {
            Question::Join(cx, request, reply) => {
                let (group, waiting) =
                    (request.group_id.clone(), Waiting::Join(cx.api_version, reply));
                self.one(&group, Asked::Join(cx, *request), waiting)
            }
            Question::Sync(request, reply) => {
                self.one(&request.group_id.clone(), Asked::Sync(*request), Waiting::Sync(reply))
            }
            Question::Heartbeat(request, reply) => {
                let group = request.group_id.clone();
                self.one(&group, Asked::Heartbeat(*request), Waiting::Heartbeat(reply))
            }
            Question::Leave(cx, request, reply) => {
                let group = request.group_id.clone();
                self.one(&group, Asked::Leave(cx, request), Waiting::Leave(reply))
            }
            Question::CommitOffsets(cx, request, reply) => {
                let group = request.group_id.clone();
                let waiting = Waiting::CommitOffsets(reply);
                self.one(&group, Asked::CommitOffsets(cx, *request), waiting)
            }
            Question::CommitInTransaction(request, verification, reply) => {
                let group = request.group_id.clone();
                let (producer, request) = transactional::plain(*request);
                let asked = Asked::CommitInTransaction(request, producer, verification);
                self.one(&group, asked, Waiting::CommitInTransaction(reply))
            }
            Question::EndTransaction(partition, producer, marker, coordinator_epoch, reply) => {
                let ticket = Ticket(self.next_number());
                self.waiting.insert(ticket, Waiting::EndTransaction(reply));
                let asked = Asked::EndTransaction(producer, marker, coordinator_epoch);
                vec![(partition, ticket, asked)]
            }
            Question::DeleteOffsets(request, reply) => {
                let group = request.group_id.clone();
                self.one(&group, Asked::DeleteOffsets(request), Waiting::DeleteOffsets(reply))
            }
            _ => Vec::new(),
        }
    }
}

impl Desk for GroupDesk {
    const NAME: &'static str = "coordinator";
    type Shard = GroupShard;
    type Question = Question;

    fn open(&mut self, question: Question, led: &[PartitionId]) -> Requests {
        match question {
            Question::FetchOffsets(cx, request, reply) => {
                let is_stable_wanted = request.require_stable;
                let groups = fetch_shape::groups_of(cx.api_version, request);
                let part =
                    |group: wire::messages::offset_fetch_request::OffsetFetchRequestGroup| {
                        let partition = self.partition(&group.group_id);
                        (partition, Asked::FetchOffsets(group, is_stable_wanted))
                    };
                let parts = groups.into_iter().map(part).collect();
                self.gather(parts, Finish::FetchOffsets(cx.api_version, reply))
            }
            Question::Describe(cx, request, reply) => {
                let part = |group: wire::messages::GroupId| {
                    (self.partition(&group), Asked::Describe(cx.clone(), group))
                };
                let parts = request.groups.into_iter().map(part).collect();
                self.gather(parts, Finish::Describe(reply))
            }
            Question::Delete(request, reply) => {
                let part =
                    |group: wire::messages::GroupId| (self.partition(&group), Asked::Delete(group));
                let parts = request.groups_names.into_iter().map(part).collect();
                self.gather(parts, Finish::Delete(reply))
            }
            Question::List(request, reply) => {
                let lower = |texts: Vec<wire::messages::StrBytes>| {
                    texts.iter().map(|text| text.to_lowercase()).collect()
                };
                let filter = Arc::new(ListFilter {
                    states: lower(request.states_filter),
                    types: lower(request.types_filter),
                });
                let part = |partition: &PartitionId| (*partition, Asked::List(Arc::clone(&filter)));
                self.gather(led.iter().map(part).collect(), Finish::List(reply))
            }
            Question::TopicsDeleted(names) => {
                let names = Arc::new(names);
                let part = |partition: &PartitionId| {
                    (*partition, Ticket::NOBODY, Asked::TopicsDeleted(Arc::clone(&names)))
                };
                led.iter().map(part).collect()
            }
            question => self.open_one(question),
        }
    }

    fn settle(&mut self, ticket: Ticket, answer: Answered) {
        match (self.waiting.remove(&ticket), answer) {
            (Some(Waiting::Join(version, reply)), Answered::Join(mut answer)) => {
                if version < 7 && answer.protocol_name.is_none() {
                    answer.protocol_name = Some(wire::messages::text(""));
                }
                reply.send(answer);
            }
            (Some(Waiting::Sync(reply)), Answered::Sync(answer)) => reply.send(answer),
            (Some(Waiting::Heartbeat(reply)), Answered::Heartbeat(answer)) => reply.send(answer),
            (Some(Waiting::Leave(reply)), Answered::Leave(answer)) => reply.send(answer),
            (Some(Waiting::CommitOffsets(reply)), Answered::CommitOffsets(answer)) => {
                reply.send(answer);
            }
            (Some(Waiting::CommitInTransaction(reply)), Answered::CommitOffsets(answer)) => {
                reply.send(transactional::answer(answer));
            }
            (Some(Waiting::EndTransaction(reply)), Answered::EndTransaction(code)) => {
                reply.send(code);
            }
            (Some(Waiting::DeleteOffsets(reply)), Answered::DeleteOffsets(answer)) => {
                reply.send(answer);
            }
            (Some(Waiting::Part { gathering, index }), answer) => {
                self.settle_part((gathering, index), answer);
            }
            (None, answer) => debug_assert!(
                matches!(answer, Answered::Done) || ticket == Ticket::NOBODY,
                "nobody waits for {answer:?}"
            ),
            (Some(_), answer) => debug_assert!(false, "an answer of another kind: {answer:?}"),
        }
    }

    fn perform(&mut self, _reign: Reign, effect: Infallible) {
        match effect {}
    }

    fn shard(&mut self) -> GroupShard {
        GroupShard::new(Core {
            options: Arc::clone(&self.options),
            topics: Arc::clone(&self.topics),
            budget: Arc::clone(&self.budget),
            chance: Chance::from_seed(self.chance.bits()),
            timers: Timers::new(),
        })
    }
}

impl Finish {
    fn finish(self, parts: Vec<Answered>) {
        match self {
            Self::FetchOffsets(version, reply) => {
                let groups = parts.into_iter().filter_map(|part| match part {
                    Answered::FetchOffsets(group) => Some(group),
                    _ => None,
                });
                reply.send(fetch_shape::answer_of(version, groups.collect()));
            }
            Self::Describe(reply) => {
                let groups = parts.into_iter().filter_map(|part| match part {
                    Answered::Describe(group) => Some(group),
                    _ => None,
                });
                reply.send(DescribeGroupsResponse::default().with_groups(groups.collect()));
            }
            Self::Delete(reply) => {
                let results = parts.into_iter().filter_map(|part| match part {
                    Answered::Delete(group, code) => Some(
                        DeletableGroupResult::default()
                            .with_group_id(group)
                            .with_error_code(code.code()),
                    ),
                    _ => None,
                });
                reply.send(DeleteGroupsResponse::default().with_results(results.collect()));
            }
            Self::List(reply) => reply.send(list_answer(parts)),
        }
    }
}

/// A partition that is still loading makes the whole list an error, as in Kafka; one that was lost meanwhile is left out.
fn list_answer(parts: Vec<Answered>) -> ListGroupsResponse {
    let mut groups = Vec::new();
    for part in parts {
        match part {
            Answered::List(Ok(listed)) => groups.extend(listed),
            Answered::List(Err(ErrorCode::NotCoordinator)) => {}
            Answered::List(Err(code)) => {
                return ListGroupsResponse::default().with_error_code(code.code());
            }
            _ => {}
        }
    }
    ListGroupsResponse::default().with_groups(groups)
}
