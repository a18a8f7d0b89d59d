//! What is asked of one group, and what it answers: Kafka's own messages, one group each.

use model::{ErrorCode, Verification};
use records::control::Marker;
use wire::messages::{
    GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, SyncGroupRequest, SyncGroupResponse,
    describe_groups_response::DescribedGroup,
    leave_group_response::MemberResponse,
    list_groups_response::ListedGroup,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    offset_fetch_request::OffsetFetchRequestGroup,
    offset_fetch_response::OffsetFetchResponseGroup,
    text,
};

use std::sync::Arc;

use crate::runtime::Producer;

/// Who asks, in which version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// From the request header; empty when it is null.
    pub client_id: String,
    /// The peer's address in Java's form, `/127.0.0.1`, as DescribeGroups shows it.
    pub client_host: String,
    /// Of the request.
    pub api_version: i16,
}

/// A request of one group, or of all groups of one partition.
#[derive(Debug)]
pub(crate) enum Asked {
    Join(RequestContext, JoinGroupRequest),
    Sync(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    Leave(RequestContext, LeaveGroupRequest),
    CommitOffsets(RequestContext, OffsetCommitRequest),
    /// TxnOffsetCommit, with what is known of its right to begin the transaction in this partition.
    CommitInTransaction(OffsetCommitRequest, Producer, Verification),
    /// WriteTxnMarkers: the transaction of this producer has ended, by the word of a coordinator of this epoch.
    EndTransaction(Producer, Marker, i32),
    /// With whether only stable offsets are wanted.
    FetchOffsets(OffsetFetchRequestGroup, bool),
    DeleteOffsets(OffsetDeleteRequest),
    Describe(RequestContext, GroupId),
    Delete(GroupId),
    List(Arc<ListFilter>),
    TopicsDeleted(Arc<Vec<String>>),
}

/// Which groups ListGroups shows, in lower case; an empty list shows all.
#[derive(Debug, Default)]
pub(crate) struct ListFilter {
    pub(crate) states: Vec<String>,
    pub(crate) types: Vec<String>,
}

/// The answer to an [`Asked`].
#[derive(Debug)]
pub(crate) enum Answered {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    Leave(LeaveGroupResponse),
    CommitOffsets(OffsetCommitResponse),
    EndTransaction(ErrorCode),
    FetchOffsets(OffsetFetchResponseGroup),
    DeleteOffsets(OffsetDeleteResponse),
    Describe(DescribedGroup),
    Delete(GroupId, ErrorCode),
    List(Result<Vec<ListedGroup>, ErrorCode>),
    Done,
}

impl Asked {
    /// The answer that says `code`, in the place where this request's answer has its error.
    pub(crate) fn refuse(&self, code: ErrorCode) -> Answered {
        match self {
            Self::Join(_, request) => {
                Answered::Join(join_error(code).with_member_id(request.member_id.clone()))
            }
            Self::Sync(_) => {
                Answered::Sync(SyncGroupResponse::default().with_error_code(code.code()))
            }
            Self::Heartbeat(_) => Answered::Heartbeat(heartbeat(match code {
                // A coordinator that is still loading does not know its members: it must not kill them.
                ErrorCode::CoordinatorLoadInProgress => ErrorCode::None,
                code => code,
            })),
            Self::Leave(cx, request) => Answered::Leave(leave_error(cx, request, code)),
            Self::CommitOffsets(_, request) | Self::CommitInTransaction(request, ..) => {
                Answered::CommitOffsets(commit_error(request, code))
            }
            Self::EndTransaction(..) => Answered::EndTransaction(code),
            Self::FetchOffsets(request, _) => Answered::FetchOffsets(fetch_error(request, code)),
            Self::DeleteOffsets(_) => Answered::DeleteOffsets(
                OffsetDeleteResponse::default().with_error_code(code.code()),
            ),
            Self::Describe(_, group) => Answered::Describe(describe_error(group, code)),
            Self::Delete(group) => Answered::Delete(group.clone(), code),
            Self::List(_) => Answered::List(Err(code)),
            Self::TopicsDeleted(_) => Answered::Done,
        }
    }
}

impl Answered {
    /// This answer, but its records were not written: `code` says why.
    pub(crate) fn fail(self, code: ErrorCode) -> Self {
        match self {
            Self::Join(answer) => {
                Self::Join(join_error(append_error(code)).with_member_id(answer.member_id))
            }
            Self::Sync(_) => {
                Self::Sync(SyncGroupResponse::default().with_error_code(append_error(code).code()))
            }
            Self::Heartbeat(_) => Self::Heartbeat(heartbeat(append_error(code))),
            Self::Leave(_) => Self::Leave(
                LeaveGroupResponse::default().with_error_code(append_error(code).code()),
            ),
            Self::CommitOffsets(mut answer) => {
                let code = commit_append_error(code).code();
                for partition in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    if partition.error_code == ErrorCode::None.code() {
                        partition.error_code = code;
                    }
                }
                Self::CommitOffsets(answer)
            }
            // The log's own word: it says whether the marker is stale, or to be sent again.
            Self::EndTransaction(_) => Self::EndTransaction(code),
            Self::FetchOffsets(answer) => Self::FetchOffsets(
                OffsetFetchResponseGroup::default()
                    .with_group_id(answer.group_id)
                    .with_error_code(append_error(code).code()),
            ),
            Self::DeleteOffsets(_) => Self::DeleteOffsets(
                OffsetDeleteResponse::default().with_error_code(append_error(code).code()),
            ),
            Self::Describe(answer) => {
                Self::Describe(describe_error(&answer.group_id, append_error(code)))
            }
            Self::Delete(group, _) => Self::Delete(group, append_error(code)),
            Self::List(_) => Self::List(Err(append_error(code))),
            Self::Done => Self::Done,
        }
    }
}

/// A join's answer that is nothing but an error.
pub(crate) fn join_error(code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default().with_error_code(code.code())
}

pub(crate) fn heartbeat(code: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(code.code())
}

/// Up to version 2 the one member's error is the answer's; from 3 on the answer repeats it per member.
pub(crate) fn leave_error(
    cx: &RequestContext,
    request: &LeaveGroupRequest,
    code: ErrorCode,
) -> LeaveGroupResponse {
    let answer = LeaveGroupResponse::default();
    if cx.api_version < 3 || code != ErrorCode::UnknownMemberId {
        return answer.with_error_code(code.code());
    }
    let member = |asked: &wire::messages::leave_group_request::MemberIdentity| {
        MemberResponse::default()
            .with_member_id(asked.member_id.clone())
            .with_group_instance_id(asked.group_instance_id.clone())
            .with_error_code(code.code())
    };
    answer.with_members(request.members.iter().map(member).collect())
}

/// Every partition asked for, with one error.
pub(crate) fn commit_error(request: &OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code.code())
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

pub(crate) fn fetch_error(
    request: &OffsetFetchRequestGroup,
    code: ErrorCode,
) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup::default()
        .with_group_id(request.group_id.clone())
        .with_error_code(code.code())
}

/// Of an unknown group Kafka says that it is dead.
pub(crate) fn describe_error(group: &GroupId, code: ErrorCode) -> DescribedGroup {
    let described =
        DescribedGroup::default().with_group_id(group.clone()).with_error_code(code.code());
    if code == ErrorCode::GroupIdNotFound {
        let message = format!("Group {} not found.", group.as_str());
        return described.with_group_state(text("Dead")).with_error_message(Some(text(&message)));
    }
    described
}

/// What a group's member is told when the log refused the group's record.
pub(crate) fn append_error(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidFetchSize => ErrorCode::UnknownServerError,
        code => code,
    }
}

/// What a committer is told when the log refused its offsets.
fn commit_append_error(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidFetchSize => ErrorCode::InvalidCommitOffsetSize,
        code => append_error(code),
    }
}
