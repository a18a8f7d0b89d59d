//! Requests by API: decoded within bounds on the server's side, encoded on the client's.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::{
    Api, RequestHeader, WireError,
    bounded::{layout_of, walk},
    messages as m,
};

macro_rules! requests {
    ($($api:ident($message:ident),)*) => {
        /// A decoded request. Produce is none: it is read where it lies, by [`crate::ProduceRequest`].
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each variant is the API of its name")]
        pub enum Request {
            $($api(m::$message),)*
        }

        impl Request {
            /// Whose request it is.
            #[must_use]
            pub const fn api(&self) -> Api {
                match self {
                    $(Self::$api(_) => Api::$api,)*
                }
            }
        }

        #[cfg(test)]
        impl Request {
            /// The frame that asks it.
            pub(crate) fn encode_frame(
                &self,
                version: i16,
                correlation: i32,
                client_id: &str,
            ) -> Result<BytesMut, WireError> {
                match self {
                    $(Self::$api(message) => {
                        encode_request(Api::$api, version, correlation, client_id, message)
                    })*
                }
            }

            /// What the codec writes for it.
            pub(crate) fn encode_body(&self, version: i16) -> BytesMut {
                let mut out = BytesMut::new();
                match self {
                    $(Self::$api(message) => message.encode(&mut out, version),)*
                }
                .expect("what was decoded in a version can be encoded in it");
                out
            }
        }

        pub(crate) fn decode(
            api: Api,
            version: i16,
            body: &mut Bytes,
        ) -> Result<Request, WireError> {
            match api {
                $(Api::$api => m::$message::decode(body, version).map(Request::$api),)*
                Api::Produce => return Err(WireError::malformed("Produce is read where it lies")),
            }
            .map_err(|error| WireError::Decode(format!("{} v{version}: {error}", api.name())))
        }
    };
}

requests! {
    Fetch(FetchRequest),
    ListOffsets(ListOffsetsRequest),
    Metadata(MetadataRequest),
    OffsetCommit(OffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    FindCoordinator(FindCoordinatorRequest),
    JoinGroup(JoinGroupRequest),
    Heartbeat(HeartbeatRequest),
    LeaveGroup(LeaveGroupRequest),
    SyncGroup(SyncGroupRequest),
    DescribeGroups(DescribeGroupsRequest),
    ListGroups(ListGroupsRequest),
    ApiVersions(ApiVersionsRequest),
    CreateTopics(CreateTopicsRequest),
    DeleteTopics(DeleteTopicsRequest),
    DeleteRecords(DeleteRecordsRequest),
    InitProducerId(InitProducerIdRequest),
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
    DescribeConfigs(DescribeConfigsRequest),
    DescribeLogDirs(DescribeLogDirsRequest),
    CreatePartitions(CreatePartitionsRequest),
    DeleteGroups(DeleteGroupsRequest),
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
    OffsetDelete(OffsetDeleteRequest),
    DescribeQuorum(DescribeQuorumRequest),
    DescribeCluster(DescribeClusterRequest),
    DescribeTopicPartitions(DescribeTopicPartitionsRequest),
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    AddOffsetsToTxn(AddOffsetsToTxnRequest),
    EndTxn(EndTxnRequest),
    WriteTxnMarkers(WriteTxnMarkersRequest),
    TxnOffsetCommit(TxnOffsetCommitRequest),
    DescribeProducers(DescribeProducersRequest),
    DescribeTransactions(DescribeTransactionsRequest),
    ListTransactions(ListTransactionsRequest),
    ElectLeaders(ElectLeadersRequest),
    AlterPartitionReassignments(AlterPartitionReassignmentsRequest),
    ListPartitionReassignments(ListPartitionReassignmentsRequest),
    UnregisterBroker(UnregisterBrokerRequest),
}

/// Decodes `body`, the bytes after `header`. Strings and bytes of the answer share `body`'s memory; what is allocated
/// besides is at most the walk's sum, and that at most 32 MiB.
///
/// # Errors
/// [`WireError`]: the connection's end.
pub fn decode_request(header: &RequestHeader, mut body: Bytes) -> Result<Request, WireError> {
    let RequestHeader { api, version, .. } = *header;
    if !header.is_version_served() {
        return Err(WireError::UnsupportedVersion { key: api.key(), version });
    }
    walk(layout_of(api), version, api.is_flexible(version), &body)?;
    decode(api, version, &mut body)
}

/// The whole frame that asks `body`, length prefix included.
///
/// # Errors
/// [`WireError::Encode`] when `body` holds a field that `version` lacks.
pub fn encode_request(
    api: Api,
    version: i16,
    correlation: i32,
    client_id: &str,
    body: &impl Encodable,
) -> Result<BytesMut, WireError> {
    let fault = |error: &dyn std::fmt::Display| {
        WireError::Encode(format!("{} v{version}: {error}", api.name()))
    };
    let flexible = api.is_flexible(version);
    let body_size = body.compute_size(version).map_err(|error| fault(&error))?;
    let size = 2 + 2 + 4 + 2 + client_id.len() + usize::from(flexible) + body_size;
    let mut frame = BytesMut::with_capacity(4 + size);
    frame.put_i32(i32::try_from(size).map_err(|error| fault(&error))?);
    frame.put_i16(api.key());
    frame.put_i16(version);
    frame.put_i32(correlation);
    frame.put_i16(i16::try_from(client_id.len()).map_err(|error| fault(&error))?);
    frame.put_slice(client_id.as_bytes());
    if flexible {
        frame.put_u8(0);
    }
    body.encode(&mut frame, version).map_err(|error| fault(&error))?;
    Ok(frame)
}
