//! Peers that mean harm: memory stays bounded, an honest client is unharmed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use support::{Node, batch};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Mutex, MutexGuard},
};

/// One attack at a time: each weighs this whole process, and would weigh its neighbours with it.
async fn alone() -> MutexGuard<'static, ()> {
    static ATTACK: Mutex<()> = Mutex::const_new(());
    ATTACK.lock().await
}

/// Resident memory of this process (the node and its peers), in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

async fn work(peer: &mut support::Peer, rounds: usize) {
    for _ in 0..rounds {
        assert_eq!(peer.produce(batch(&["honest"])).await.error_code, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_peers_hold_no_memory_and_honest_ones_are_served() {
    let _alone = alone().await;
    let (node, mut honest) = Node::with_topic(1).await;
    work(&mut honest, 10).await;
    let before = resident();
    let mut hostile = Vec::new();
    for number in 0..1_000_u32 {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        // Some say nothing, some claim 100 MB and send a little of it, some stop within the header.
        let claim: &[u8] = match number % 4 {
            0 => &[],
            1 => &[0x06, 0x40, 0, 0, 0, 0, 0, 9],
            2 => &[0x06, 0x40],
            _ => &[0, 0, 0, 100, 0, 3, 0, 9, 0, 0],
        };
        stream.write_all(claim).await.unwrap();
        hostile.push(stream);
    }
    work(&mut honest, 200).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for 1,000 half-open peers");
    drop(hostile);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_frames_cannot_hold_all_memory() {
    let _alone = alone().await;
    let (node, mut honest) = Node::with_topic(1).await;
    let before = resident();
    let mut hostile = Vec::new();
    // 80 peers send 3 MB each of frames that never end: 240 MB, where 128 MiB may be held.
    for _ in 0..80 {
        let address = node.address;
        hostile.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut claim = BytesMut::new();
            claim.put_i32(4 << 20);
            claim.put_slice(&[0, 0, 0, 9, 0, 0, 0, 1]);
            let _ = stream.write_all(&claim).await;
            for _ in 0..48 {
                if stream.write_all(&[0; 64 << 10]).await.is_err() {
                    return;
                }
            }
            // Holds on to what it has until the broker ends it.
            let _ = stream.readable().await;
        }));
    }
    let mut large = batch(&["x".repeat(700_000).as_str()]);
    for _ in 0..20 {
        let done = tokio::time::timeout(Duration::from_secs(25), honest.produce(large.clone()));
        assert_eq!(done.await.expect("served in time").error_code, 0);
        large = large.slice(..);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 300 << 20, "{grown} bytes while frames dawdle");
    for peer in hostile {
        peer.abort();
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_ends_the_connection_and_nothing_else() {
    let _alone = alone().await;
    let (node, mut honest) = Node::with_topic(1).await;
    let before = resident();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..300 {
        let mut garbage = vec![0_u8; 64 + round];
        for byte in &mut garbage {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            *byte = (seed >> 32) as u8;
        }
        let mut frame = BytesMut::new();
        match round % 3 {
            // A frame of garbage; a garbage body behind a good header; no frame at all.
            0 => frame.put_i32(garbage.len() as i32),
            1 => {
                let keys = wire::Api::ALL;
                let api = keys[round % keys.len()];
                frame.put_i32((10 + garbage.len()) as i32);
                frame.put_i16(api.key());
                frame.put_i16(api.served().last);
                frame.put_i32(1);
                frame.put_i16(-1);
            }
            _ => {}
        }
        frame.put_slice(&garbage);
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let _ = stream.write_all(&frame).await;
    }
    work(&mut honest, 50).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes after garbage");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_takes_no_answers_is_not_read_for_ever() {
    let _alone = alone().await;
    let (node, mut honest) = Node::with_topic(1).await;
    assert_eq!(honest.produce(batch(&["x".repeat(500_000).as_str()])).await.error_code, 0);
    let before = resident();
    let mut deaf = node.connect().await;
    let request = support::fetch("t", 0, 0);
    let frame = deaf.encode(wire::Api::Fetch, 12, &request);
    let mut sent = 0_usize;
    // Asks for half a megabyte each time and reads none of it: at some point the broker stops reading.
    while sent < 100_000 {
        let write = deaf.stream.write_all(&frame);
        match tokio::time::timeout(Duration::from_millis(500), write).await {
            Ok(done) => done.unwrap(),
            Err(_) => break,
        }
        sent += 1;
    }
    assert!(sent < 100_000, "the broker reads on without being read");
    work(&mut honest, 50).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for a deaf peer");
    node.stop().await;
}
