//! The runtime's promises, shown with the group shard on a log that can refuse and hold back.

use std::time::Duration;

use model::{ErrorCode, LeaderEpoch, Offset};
use wire::messages::{
    GroupId, HeartbeatRequest, OffsetCommitRequest, TopicName,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::OffsetFetchRequestGroup,
    text,
};

use crate::{
    asked::{Answered, Asked, RequestContext},
    group::test_world::{PARTITION, World},
    limits,
    options::GroupOptions,
};

fn commit(group: &str, offset: i64, metadata: &str) -> Asked {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![partition; 1]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    Asked::CommitOffsets(RequestContext { api_version: 8, ..RequestContext::default() }, request)
}

fn fetch(group: &str) -> Asked {
    let request = OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group)));
    Asked::FetchOffsets(request.with_topics(None), false)
}

fn commit_codes(answer: &Answered) -> Vec<i16> {
    let Answered::CommitOffsets(answer) = answer else { panic!("not a commit: {answer:?}") };
    answer.topics.iter().flat_map(|topic| &topic.partitions).map(|part| part.error_code).collect()
}

fn fetched_offsets(answer: &Answered) -> Vec<i64> {
    let Answered::FetchOffsets(answer) = answer else { panic!("not a fetch: {answer:?}") };
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|part| part.committed_offset).collect()
}

#[test]
fn nobody_is_told_of_what_is_not_committed() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.log.hold_commits(Some(Offset(0)));
    world.ask("writer", commit("g", 7, ""));
    world.ask("reader", fetch("g"));
    world.on_time();
    assert_eq!(world.take_answers().len(), 0, "both wait: the reader would see what may be lost");
    world.log.hold_commits(Some(Offset(1)));
    world.on_time();
    let answers = world.take_answers();
    assert_eq!(commit_codes(&answers[0].1), [0]);
    assert_eq!(fetched_offsets(&answers[1].1), [7]);
}

#[test]
fn a_commit_that_does_not_come_is_an_error_after_its_time() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.log.hold_commits(Some(Offset(0)));
    world.ask("writer", commit("g", 7, ""));
    world.advance(limits::COMMIT_TIMEOUT - Duration::from_millis(1));
    assert_eq!(world.take_answers().len(), 0);
    world.advance(Duration::from_millis(1));
    let answers = world.take_answers();
    assert_eq!(commit_codes(&answers[0].1), [ErrorCode::CoordinatorNotAvailable.code()]);
}

#[test]
fn a_lost_partition_answers_everybody_and_refuses_the_rest() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.log.hold_commits(Some(Offset(0)));
    world.ask("writer", commit("g", 7, ""));
    world.runtime.on_resigned(PARTITION);
    world.ask("late", commit("g", 8, ""));
    let codes: Vec<_> =
        world.take_answers().iter().flat_map(|(_, got)| commit_codes(got)).collect();
    assert_eq!(codes, [ErrorCode::NotCoordinator.code(); 2]);
    assert!(world.waiting().is_empty());
}

#[test]
fn a_failed_load_is_tried_again_and_kills_no_member_meanwhile() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.ask("writer", commit("g", 7, ""));
    world.take_answers();
    world.log.refuse_loads(Some(ErrorCode::KafkaStorageError));
    world.restart();
    world.ask("reader", fetch("g"));
    let beat = HeartbeatRequest::default().with_group_id(GroupId(text("g")));
    world.ask("member", Asked::Heartbeat(beat));
    let answers = world.take_answers();
    let Answered::FetchOffsets(refused) = &answers[0].1 else { panic!("not a fetch") };
    assert_eq!(refused.error_code, ErrorCode::CoordinatorLoadInProgress.code());
    let Answered::Heartbeat(beat) = &answers[1].1 else { panic!("not a heartbeat") };
    assert_eq!(beat.error_code, ErrorCode::None.code());

    world.log.refuse_loads(None);
    world.advance(limits::LOAD_RETRY);
    world.ask("reader", fetch("g"));
    assert_eq!(fetched_offsets(&world.take_answers()[0].1), [7]);
}

#[test]
fn a_load_of_an_earlier_reign_is_thrown_away() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.runtime.on_resigned(PARTITION);
    let first = world.runtime.on_elected(PARTITION, LeaderEpoch(10)).unwrap();
    let stale = world.replayed();
    world.runtime.on_resigned(PARTITION);
    let second = world.runtime.on_elected(PARTITION, LeaderEpoch(12)).unwrap();
    let now = world.now();
    world.runtime.on_loaded(first, Ok((stale, Offset::ZERO)), now);
    assert!(world.runtime.shard(PARTITION).is_none(), "another may have led in between");
    let fresh = world.replayed();
    world.runtime.on_loaded(second, Ok((fresh, Offset::ZERO)), now);
    assert!(world.runtime.shard(PARTITION).is_some());
    assert!(world.runtime.on_elected(PARTITION, LeaderEpoch(12)).is_none(), "it knows it all");
    assert!(world.runtime.on_elected(PARTITION, LeaderEpoch(13)).is_some(), "others may have led");
    assert!(world.runtime.shard(PARTITION).is_none());
}

/// A node that registers again while it still loads led its partitions in two reigns: nobody asked for the second load,
/// and the partition stayed in COORDINATOR_LOAD_IN_PROGRESS for good.
#[test]
fn a_new_reign_while_loading_asks_for_a_load_of_its_own() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.runtime.on_resigned(PARTITION);
    let first = world.runtime.on_elected(PARTITION, LeaderEpoch(10)).unwrap();
    assert!(world.runtime.on_elected(PARTITION, LeaderEpoch(10)).is_none(), "it is under way");
    let second = world.runtime.on_elected(PARTITION, LeaderEpoch(11)).unwrap();
    let now = world.now();
    let stale = world.replayed();
    world.runtime.on_loaded(first, Ok((stale, Offset::ZERO)), now);
    let fresh = world.replayed();
    world.runtime.on_loaded(second, Ok((fresh, Offset::ZERO)), now);
    assert!(world.runtime.shard(PARTITION).is_some());
}

/// What a new leader reads may not be committed yet: nobody is told of it, and nothing is decided on it.
#[test]
fn a_load_waits_until_what_it_read_is_committed() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.ask("writer", commit("g", 7, ""));
    world.ask("writer", commit("g", 8, ""));
    world.take_answers();
    world.log.hold_commits(Some(Offset(1)));
    world.restart();
    world.ask("reader", fetch("g"));
    let answers = world.take_answers();
    let Answered::FetchOffsets(refused) = &answers[0].1 else { panic!("not a fetch") };
    assert_eq!(refused.error_code, ErrorCode::CoordinatorLoadInProgress.code());
    world.log.hold_commits(Some(Offset(2)));
    world.on_time();
    world.ask("reader", fetch("g"));
    assert_eq!(fetched_offsets(&world.take_answers()[0].1), [8]);
}

/// A coordinator that has not heard yet that it is none: the log refuses it by its reign.
#[test]
fn nothing_is_appended_once_somebody_else_leads() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.ask("writer", commit("g", 7, ""));
    world.take_answers();
    world.log.lead(LeaderEpoch(9));
    world.ask("writer", commit("g", 8, ""));
    world.ask("reader", fetch("g"));
    let answers = world.take_answers();
    assert!(answers.is_empty(), "what it knows is committed in no reign of its own");
    world.elect_in(LeaderEpoch(10));
    let answers = world.take_answers();
    assert_eq!(commit_codes(&answers[0].1), [ErrorCode::NotCoordinator.code()]);
    world.ask("reader", fetch("g"));
    assert_eq!(fetched_offsets(&world.take_answers()[0].1), [7]);
}

/// A coordinator that hung while another took commits told its old offsets to whoever had asked meanwhile: a consumer went back to them.
#[test]
fn where_others_are_in_sync_offsets_are_told_once_they_have_followed() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.log.be_replicated();
    world.ask("writer", commit("g", 7, ""));
    world.take_answers();
    world.log.hold_commits(Some(world.log.end(PARTITION)));
    world.ask("reader", fetch("g"));
    assert_eq!(world.take_answers().len(), 0, "somebody else may have led");
    world.log.hold_commits(Some(world.log.end(PARTITION)));
    world.on_time();
    assert_eq!(fetched_offsets(&world.take_answers()[0].1), [7]);

    world.log.hold_commits(Some(world.log.end(PARTITION)));
    world.ask("reader", fetch("g"));
    world.elect_in(LeaderEpoch(10));
    let answers = world.take_answers();
    let Answered::FetchOffsets(refused) = &answers[0].1 else { panic!("not a fetch") };
    assert_eq!(refused.error_code, ErrorCode::NotCoordinator.code());
    world.log.hold_commits(None);
    world.on_time();
    world.ask("reader", fetch("g"));
    assert_eq!(fetched_offsets(&world.take_answers()[0].1), [7], "a barrier is no commit");
}

#[test]
fn expiry_of_any_number_of_offsets_fits_the_partition() {
    let options = GroupOptions { offsets_retention_minutes: 1, ..GroupOptions::default() };
    let mut world = World::new(options, 1);
    let long_name = "g".repeat(30_000);
    for number in 0..60 {
        world.ask("writer", commit(&format!("{number}-{long_name}"), 1, ""));
    }
    world.take_answers();
    world.advance(Duration::from_secs(3_600));
    assert_eq!(world.shard().groups().len(), 0);
    assert_eq!(world.budget.held_bytes(), 0);
    assert!(world.log.largest_batch_bytes() < model::limits::BATCH_BYTES_MAX);
}

#[test]
fn metadata_has_a_limit_and_a_group_id_too() {
    let mut world = World::new(GroupOptions::default(), 1);
    world.ask("writer", commit("g", 1, &"x".repeat(4_096)));
    world.ask("writer", commit("g", 2, &"x".repeat(4_097)));
    let answers = world.take_answers();
    assert_eq!(commit_codes(&answers[0].1), [0]);
    assert_eq!(commit_codes(&answers[1].1), [ErrorCode::OffsetMetadataTooLarge.code()]);
}
