//! TxnOffsetCommit, versions 0 to 5: offsets that become true with a transaction. 3 names the member (KIP-447), 4 knows
//! TRANSACTION_ABORTABLE, 5 adds the group's partition to the transaction by itself (KIP-890).

use coordinator::{AddPartitions, ClientVersion};
use model::{ErrorCode, ProducerEpoch, ProducerId, Verification};
use wire::messages::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic},
};

use super::{offsets_partition, producing};
use crate::{
    dispatch::Context,
    verification::{self, Guarded},
};

const ADDED_SINCE: i16 = 5;
const ABORTABLE_SINCE: i16 = 4;

pub(crate) async fn handle(cx: Context, asked: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let verified = match verify(&cx, &asked).await {
        Ok(verified) => verified,
        Err(code) => return refused(&asked, code),
    };
    let unavailable = refused(&asked, ErrorCode::CoordinatorNotAvailable);
    cx.shared.coordinator.commit_in_transaction(asked, verified).await.unwrap_or(unavailable)
}

async fn verify(cx: &Context, asked: &TxnOffsetCommitRequest) -> Result<Verification, ErrorCode> {
    let is_added = cx.version >= ADDED_SINCE;
    if !is_added && !cx.shared.options.verify_transactions {
        return Ok(Verification::Waived);
    }
    let place = offsets_partition(&cx.shared, &asked.group_id);
    let partition = cx.shared.replicas.find(&place).ok_or(ErrorCode::NotCoordinator)?;
    let (id, epoch) = (ProducerId(asked.producer_id.0), ProducerEpoch(asked.producer_epoch));
    // Offset commits have no sequence numbers: the least there is fits every one of them.
    let Some(guarded) = Guarded::begin(partition, (id, epoch), -1) else {
        return Ok(Verification::Asked(None));
    };
    let question = AddPartitions {
        producing: producing(&asked.transactional_id, id.0, epoch.0),
        partitions: vec![place.clone()],
        client_version: ClientVersion::TWO,
        is_verify_only: !is_added,
    };
    let mut guarded = [guarded];
    let codes = verification::ask(&cx.shared, question, &mut guarded).await;
    match codes.get(&place).copied().unwrap_or(ErrorCode::UnknownServerError) {
        ErrorCode::None => Ok(Verification::Asked(guarded[0].guard())),
        code => Err(known_to(cx.version, code)),
    }
}

fn known_to(version: i16, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::ConcurrentTransactions if version >= ADDED_SINCE => code,
        // Retried by clients of every age.
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::CoordinatorLoadInProgress,
        code => code,
    }
}

fn refused(asked: &TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse {
    let topics = asked.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code.code())
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}
