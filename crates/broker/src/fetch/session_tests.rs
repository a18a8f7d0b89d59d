//! KIP-227, request by request.

use wire::messages::{
    TopicName,
    fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    text,
};

use super::*;

fn asked(id: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions.iter().map(|(index, offset)| {
        FetchPartition::default().with_partition(*index).with_fetch_offset(*offset)
    });
    let partitions: Vec<_> = partitions.collect();
    let topic = FetchTopic::default().with_topic(TopicName(text("t")));
    let topics =
        if partitions.is_empty() { vec![] } else { vec![topic.with_partitions(partitions)] };
    FetchRequest::default().with_session_id(id).with_session_epoch(epoch).with_topics(topics)
}

fn offsets(plan: &Plan) -> Vec<(i32, i64)> {
    plan.targets.due().map(|target| (target.key.index().0, target.from.0)).collect()
}

const NOW: Instant = Instant(0);

#[test]
fn an_incremental_request_reads_all_that_was_named_and_is_not_forgotten() {
    let sessions = Sessions::default();
    let full = sessions.plan(&asked(0, 0, &[(0, 5), (1, 6), (2, 7)]), 12, NOW).unwrap();
    assert!(!full.is_incremental);
    let id = full.session_id;
    assert!(id > 0);
    sessions.give_back(id, full.targets);

    let forget =
        ForgottenTopic::default().with_topic(TopicName(text("t"))).with_partitions(vec![1]);
    let request = asked(id, 1, &[(0, 50), (3, 8)]).with_forgotten_topics_data(vec![forget]);
    let next = sessions.plan(&request, 12, NOW).unwrap();
    assert!(next.is_incremental);
    assert_eq!(offsets(&next), [(0, 50), (2, 7), (3, 8)]);
    sessions.give_back(id, next.targets);
    let same = sessions.plan(&asked(id, 2, &[]), 12, NOW).unwrap();
    assert_eq!(offsets(&same), [(0, 50), (2, 7), (3, 8)]);
}

#[test]
fn wrong_ids_and_epochs_are_refused_by_name() {
    let sessions = Sessions::default();
    let error = |request: &FetchRequest, version| {
        sessions.plan(request, version, NOW).err().unwrap_or(ErrorCode::None)
    };
    assert_eq!(error(&asked(9, 1, &[]), 12), ErrorCode::FetchSessionIdNotFound);
    let full = sessions.plan(&asked(0, 0, &[(0, 0)]), 12, NOW).unwrap();
    let id = full.session_id;
    assert_eq!(error(&asked(id, 1, &[]), 12), ErrorCode::InvalidFetchSessionEpoch, "it is lent");
    sessions.give_back(id, full.targets);
    assert_eq!(error(&asked(id, 2, &[]), 12), ErrorCode::InvalidFetchSessionEpoch);
    assert_eq!(error(&asked(id, 1, &[]), 13), ErrorCode::FetchSessionTopicIdError);
    assert_eq!(error(&asked(id, 1, &[]), 12), ErrorCode::None);
}

#[test]
fn closing_and_beginning_anew_end_the_session() {
    let sessions = Sessions::default();
    for epoch in [EPOCH_CLOSE, EPOCH_NEW] {
        let full = sessions.plan(&asked(0, 0, &[(0, 0)]), 12, NOW).unwrap();
        let id = full.session_id;
        sessions.give_back(id, full.targets);
        let plan = sessions.plan(&asked(id, epoch, &[(0, 3)]), 12, NOW).unwrap();
        assert_eq!(offsets(&plan), [(0, 3)]);
        assert_ne!(plan.session_id, id);
        assert!(sessions.plan(&asked(id, 1, &[]), 12, NOW).is_err());
    }
    let without = sessions.plan(&asked(0, -1, &[(0, 0)]), 12, NOW).unwrap();
    assert_eq!(without.session_id, 0);
}

#[test]
fn sessions_are_bounded_and_stale_ones_make_room() {
    let sessions = Sessions::default();
    for _ in 0..FETCH_SESSIONS_MAX {
        assert!(sessions.plan(&asked(0, 0, &[(0, 0)]), 12, NOW).unwrap().session_id > 0);
    }
    assert_eq!(sessions.plan(&asked(0, 0, &[(0, 0)]), 12, NOW).unwrap().session_id, 0);
    let later = NOW.plus(STALE + Duration::from_secs(1));
    assert!(sessions.plan(&asked(0, 0, &[(0, 0)]), 12, later).unwrap().session_id > 0);
    assert_eq!(sessions.count(), 1);
}

#[test]
fn partitions_are_bounded_also_when_a_session_grows() {
    let sessions = Sessions::default();
    let many: Vec<(i32, i64)> = (0..PARTITIONS_MAX as i32).map(|index| (index, 0)).collect();
    let full = sessions.plan(&asked(0, 0, &many), 12, NOW).unwrap();
    let id = full.session_id;
    assert!(id > 0);
    assert_eq!(sessions.plan(&asked(0, 0, &[(0, 0)]), 12, NOW).unwrap().session_id, 0);
    sessions.give_back(id, full.targets);
    let grown = sessions.plan(&asked(id, 1, &[(-7, 0)]), 12, NOW);
    assert_eq!(grown.err(), Some(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(sessions.count(), 0);
}
