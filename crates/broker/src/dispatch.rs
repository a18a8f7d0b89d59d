//! From a frame to its handler to its answer. No logic of any API is here.

use std::{net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use metadata::Image;
use wire::{
    Request, RequestHeader, WireError, decode_request, encode_response, messages::Encodable,
};

use crate::{
    broker::Shared,
    fetch::Segments,
    handlers::{cluster, data, groups, topics, transactions},
};

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Asker {
    /// The address in Java's form, `/127.0.0.1`, as Kafka shows it.
    pub(crate) host: String,
}

impl Asker {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Self { host: format!("/{}", peer.ip()) }
    }
}

/// One request's surroundings. The image is the same from the first look to the last; Metadata may wait for a newer one before it looks.
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) asker: Arc<Asker>,
    pub(crate) client_id: String,
    pub(crate) version: i16,
    pub(crate) image: Arc<Image>,
}

/// What is to be sent.
pub(crate) enum Answer {
    /// One whole frame.
    Frame(Bytes),
    /// A frame with records in it that are not copied.
    Fetched(Segments),
}

/// Decodes `frame`, has it handled, encodes the answer. An error ends the connection.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    asker: &Arc<Asker>,
    header: RequestHeader,
    frame: BytesMut,
) -> Result<Answer, WireError> {
    if !header.is_version_served() {
        return encode_response(
            header.api,
            0,
            header.correlation,
            &cluster::api_versions::refuse(),
        )
        .map(|frame| Answer::Frame(frame.freeze()));
    }
    let cx = Context {
        shared: Arc::clone(shared),
        asker: Arc::clone(asker),
        client_id: header.client_id(&frame).to_owned(),
        version: header.version,
        image: shared.publisher.current(),
    };
    // Copied: what a handler keeps (a member's metadata, say) must not keep the connection's buffer.
    let body = Bytes::copy_from_slice(&frame[header.size_bytes..]);
    drop(frame);
    let request = decode_request(&header, body)?;
    handle(cx, &header, request).await
}

async fn handle(
    cx: Context,
    header: &RequestHeader,
    request: Request,
) -> Result<Answer, WireError> {
    let to = To { header };
    match request {
        Request::Fetch(asked) => {
            let answer = data::fetch::handle(cx, asked).await;
            let (segments, _) = answer.encode(header.version, header.correlation);
            Ok(Answer::Fetched(Segments(segments)))
        }
        Request::ListOffsets(asked) => to.send(&data::list_offsets::handle(cx, asked)),
        Request::DeleteRecords(asked) => to.send(&data::delete_records::handle(cx, asked).await),
        Request::InitProducerId(asked) => to.send(&data::init_producer_id::handle(cx, asked).await),
        Request::OffsetForLeaderEpoch(asked) => {
            to.send(&data::offset_for_leader_epoch::handle(cx, asked))
        }
        Request::Metadata(asked) => to.send(&topics::metadata::handle(cx, asked).await),
        Request::CreateTopics(asked) => to.send(&topics::create_topics::handle(cx, asked).await),
        Request::DeleteTopics(asked) => to.send(&topics::delete_topics::handle(cx, asked).await),
        Request::CreatePartitions(asked) => {
            to.send(&topics::create_partitions::handle(cx, asked).await)
        }
        Request::DescribeTopicPartitions(asked) => {
            to.send(&topics::describe_topic_partitions::handle(cx, asked))
        }
        Request::ApiVersions(asked) => to.send(&cluster::api_versions::handle(cx, asked)),
        Request::DescribeConfigs(asked) => to.send(&cluster::describe_configs::handle(cx, asked)),
        Request::IncrementalAlterConfigs(asked) => {
            to.send(&cluster::incremental_alter_configs::handle(cx, asked).await)
        }
        Request::DescribeLogDirs(asked) => to.send(&cluster::describe_log_dirs::handle(cx, asked)),
        Request::DescribeQuorum(asked) => {
            to.send(&cluster::describe_quorum::handle(cx, asked).await)
        }
        Request::DescribeCluster(asked) => to.send(&cluster::describe_cluster::handle(cx, asked)),
        Request::ElectLeaders(asked) => to.send(&cluster::elect_leaders::handle(cx, asked).await),
        Request::AlterPartitionReassignments(asked) => {
            to.send(&cluster::alter_partition_reassignments::handle(cx, asked).await)
        }
        Request::ListPartitionReassignments(asked) => {
            to.send(&cluster::list_partition_reassignments::handle(cx, asked))
        }
        Request::UnregisterBroker(asked) => {
            to.send(&cluster::unregister_broker::handle(cx, asked).await)
        }
        request => handle_group(cx, to, request).await,
    }
}

async fn handle_group(cx: Context, to: To<'_>, request: Request) -> Result<Answer, WireError> {
    match request {
        Request::FindCoordinator(asked) => {
            to.send(&groups::find_coordinator::handle(cx, asked).await)
        }
        Request::JoinGroup(asked) => to.send(&groups::join_group::handle(cx, asked).await),
        Request::SyncGroup(asked) => to.send(&groups::sync_group::handle(cx, asked).await),
        Request::Heartbeat(asked) => to.send(&groups::heartbeat::handle(cx, asked).await),
        Request::LeaveGroup(asked) => to.send(&groups::leave_group::handle(cx, asked).await),
        Request::OffsetCommit(asked) => to.send(&groups::offset_commit::handle(cx, asked).await),
        Request::OffsetFetch(asked) => to.send(&groups::offset_fetch::handle(cx, asked).await),
        Request::OffsetDelete(asked) => to.send(&groups::offset_delete::handle(cx, asked).await),
        Request::ListGroups(asked) => to.send(&groups::list_groups::handle(cx, asked).await),
        Request::DescribeGroups(asked) => {
            to.send(&groups::describe_groups::handle(cx, asked).await)
        }
        Request::DeleteGroups(asked) => to.send(&groups::delete_groups::handle(cx, asked).await),
        request => handle_transaction(cx, to, request).await,
    }
}

async fn handle_transaction(
    cx: Context,
    to: To<'_>,
    request: Request,
) -> Result<Answer, WireError> {
    use transactions as txn;
    match request {
        Request::AddPartitionsToTxn(asked) => {
            to.send(&txn::add_partitions_to_txn::handle(cx, asked).await)
        }
        Request::AddOffsetsToTxn(asked) => {
            to.send(&txn::add_offsets_to_txn::handle(cx, asked).await)
        }
        Request::EndTxn(asked) => to.send(&txn::end_txn::handle(cx, asked).await),
        Request::TxnOffsetCommit(asked) => {
            to.send(&txn::txn_offset_commit::handle(cx, asked).await)
        }
        Request::WriteTxnMarkers(asked) => {
            to.send(&txn::write_txn_markers::handle(cx, asked).await)
        }
        Request::DescribeProducers(asked) => to.send(&txn::describe_producers::handle(cx, asked)),
        Request::DescribeTransactions(asked) => {
            to.send(&txn::describe_transactions::handle(cx, asked).await)
        }
        Request::ListTransactions(asked) => {
            to.send(&txn::list_transactions::handle(cx, asked).await)
        }
        other => unreachable!("{} is handled above", other.api().name()),
    }
}

/// Where an answer goes.
struct To<'a> {
    header: &'a RequestHeader,
}

impl To<'_> {
    fn send(&self, body: &impl Encodable) -> Result<Answer, WireError> {
        let RequestHeader { api, version, correlation, .. } = *self.header;
        encode_response(api, version, correlation, body).map(|frame| Answer::Frame(frame.freeze()))
    }
}
