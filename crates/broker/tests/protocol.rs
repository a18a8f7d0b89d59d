//! What holds for every request: versions, order, the end of a connection.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::{Buf, BufMut, BytesMut};
use support::Node;
use tokio::io::AsyncWriteExt;
use wire::{
    Api,
    messages::{
        ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest, DescribeClusterResponse,
        HeartbeatRequest, text,
    },
};

fn header(key: i16, version: i16, correlation: i32) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(correlation);
    frame.put_i16(-1);
    frame
}

fn framed(body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i32(i32::try_from(body.len()).unwrap());
    frame.put_slice(body);
    frame
}

#[tokio::test]
async fn every_served_api_is_advertised_and_nothing_else() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let named = ApiVersionsRequest::default()
        .with_client_software_name(text("test"))
        .with_client_software_version(text("1.0"));
    for version in 0..=4 {
        let request = if version < 3 { ApiVersionsRequest::default() } else { named.clone() };
        let answer: ApiVersionsResponse = peer.ask(Api::ApiVersions, version, &request).await;
        assert_eq!(answer.error_code, 0);
        let rows: Vec<_> = answer
            .api_keys
            .iter()
            .map(|row| (row.api_key, row.min_version, row.max_version))
            .collect();
        let table: Vec<_> = Api::ALL
            .iter()
            .map(|api| (api.key(), api.advertised().first, api.advertised().last))
            .collect();
        assert_eq!(rows, table);
        assert_eq!(rows[0], (0, 0, 13), "Produce is advertised from 0");
        let finalised: Vec<_> = answer
            .finalized_features
            .iter()
            .map(|feature| (feature.name.as_str(), feature.max_version_level))
            .collect();
        let expected = if version < 3 { vec![] } else { vec![("transaction.version", 2)] };
        assert_eq!(finalised, expected);
        assert_eq!(answer.supported_features.len(), usize::from(version >= 4), "KAFKA-17492");
    }
    let bad = named.with_client_software_name(text("-bad-"));
    let answer: ApiVersionsResponse = peer.ask(Api::ApiVersions, 3, &bad).await;
    assert_eq!((answer.error_code, answer.api_keys.len()), (42, 0));
    node.stop().await;
}

#[tokio::test]
async fn a_newer_api_versions_is_answered_in_version_0() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    peer.stream.write_all(&framed(&header(18, 99, 7))).await.unwrap();
    let mut answer = peer.frame().await.unwrap();
    assert_eq!((answer.get_i32(), answer.get_i16()), (7, 35));
    assert_eq!(answer.get_i32(), 1, "one row");
    assert_eq!((answer.get_i16(), answer.get_i16(), answer.get_i16()), (18, 0, 4));
    assert!(!answer.has_remaining());
    // The connection lives on.
    let request = DescribeClusterRequest::default().with_endpoint_type(1);
    let answer: DescribeClusterResponse = peer.ask(Api::DescribeCluster, 1, &request).await;
    assert_eq!(answer.cluster_id.as_str(), support::CLUSTER);
    node.stop().await;
}

#[tokio::test]
async fn what_is_not_served_ends_the_connection() {
    let node = Node::start().await;
    let heartbeat = HeartbeatRequest::default();
    let mut undecodable = header(12, 3, 1);
    undecodable.put_slice(&[0, 9, b'x']);
    let mut huge_count = header(3, 1, 1);
    huge_count.put_i32(i32::MAX);
    let frames = [
        header(0, 2, 1),
        header(0, 14, 1),
        header(4, 0, 1),
        header(17, 0, 1),
        header(-1, 0, 1),
        header(3, 14, 1),
        header(12, -1, 1),
        undecodable,
        huge_count,
        BytesMut::new(),
        BytesMut::from(&[0_u8][..]),
    ];
    let refused = frames.len() as u64;
    for frame in frames {
        let mut peer = node.connect().await;
        // What was asked before is answered.
        peer.send(Api::Heartbeat, 3, &heartbeat).await;
        peer.stream.write_all(&framed(&frame)).await.unwrap();
        assert!(peer.frame().await.is_some());
        assert_eq!(peer.frame().await, None, "{frame:?}");
    }
    assert_eq!(node.metrics.connections_refused.value(), refused);
    node.stop().await;
}

#[tokio::test]
async fn connections_above_the_limit_are_let_go() {
    let node = Node::start_with(&[("max.connections", "2")]).await;
    let mut first = node.connect().await;
    let mut second = node.connect().await;
    let request = DescribeClusterRequest::default().with_endpoint_type(1);
    for peer in [&mut first, &mut second] {
        let _: DescribeClusterResponse = peer.ask(Api::DescribeCluster, 1, &request).await;
    }
    assert_eq!(node.connect().await.frame().await, None);
    drop(first);
    // Its place is free once its end is noticed.
    loop {
        let mut third = node.connect().await;
        let frame = third.encode(Api::DescribeCluster, 1, &request);
        if third.stream.write_all(&frame).await.is_ok() && third.frame().await.is_some() {
            break;
        }
    }
    node.stop().await;
}

#[tokio::test]
async fn a_silent_connection_ends() {
    let node = Node::start_with(&[("connections.max.idle.ms", "100")]).await;
    assert_eq!(node.connect().await.frame().await, None);
    node.stop().await;
}

#[tokio::test]
async fn stopping_ends_every_connection() {
    let node = Node::start().await;
    let mut idle = node.connect().await;
    let request = DescribeClusterRequest::default().with_endpoint_type(1);
    let _: DescribeClusterResponse = idle.ask(Api::DescribeCluster, 1, &request).await;
    node.stop().await;
    assert_eq!(idle.frame().await, None);
}
