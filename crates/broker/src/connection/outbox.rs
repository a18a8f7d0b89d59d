//! What is yet to be sent on a connection: bytes and pieces of files, in order.
//!
//! Bytes go out vectored, many in one call. A piece of a file goes out by `sendfile`, in slices small enough that a
//! slow disk or a fast reader does not hold the thread; a small piece is read and joins the bytes around it, which saves
//! a call. Bytes before a file are sent with "more to come", so that they share its first packet.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use bytes::{Buf, Bytes};
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::{io::Interest, net::TcpStream, runtime, task};
use world::File;

/// A part of an answer.
pub(crate) enum Piece {
    /// In memory.
    Bytes(Bytes),
    /// `length` bytes of a file from `position` on.
    File { file: Arc<dyn File>, position: u64, length: usize },
}

/// The queue of a connection.
#[derive(Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    size_bytes: usize,
    /// Answers begun and not wholly sent are none of the outbox's business; bytes sent are counted for the metrics.
    sent_bytes: u64,
}

/// A file's piece up to this size is copied: a system call of its own would cost more.
const COPIED_BYTES_MAX: usize = 16 << 10;
/// The most that one `sendfile` is asked for.
const SLICE_BYTES_MAX: usize = 256 << 10;
/// The most parts of one vectored write.
const PARTS_MAX: usize = 64;

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Bytes sent since the last call.
    pub(crate) fn take_sent_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.sent_bytes)
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.size_bytes += bytes.len();
        self.pieces.push_back(Piece::Bytes(bytes));
    }

    /// Queues a piece of a file, or its bytes when it is small.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn push_file(
        &mut self,
        file: Arc<dyn File>,
        position: u64,
        length: usize,
    ) -> io::Result<()> {
        if length <= COPIED_BYTES_MAX || file.descriptor().is_none() {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, position)?;
            self.push(bytes.into());
        } else {
            self.size_bytes += length;
            self.pieces.push_back(Piece::File { file, position, length });
        }
        Ok(())
    }

    /// All that waits, in one piece.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn into_bytes(self) -> io::Result<Bytes> {
        let mut whole = Vec::with_capacity(self.size_bytes);
        for piece in self.pieces {
            match piece {
                Piece::Bytes(bytes) => whole.extend_from_slice(&bytes),
                Piece::File { file, position, length } => {
                    let start = whole.len();
                    whole.resize(start + length, 0);
                    file.read_exact_at(&mut whole[start..], position)?;
                }
            }
        }
        Ok(whole.into())
    }

    /// Sends until nothing waits. A peer that takes nothing for `patience` is an error.
    ///
    /// # Errors
    /// The socket's or the disk's; `TimedOut`.
    pub(crate) async fn flush(&mut self, stream: &TcpStream, patience: Duration) -> io::Result<()> {
        while let Some(front) = self.pieces.front_mut() {
            let sent = match front {
                Piece::Bytes(_) => {
                    stream.try_io(Interest::WRITABLE, || send_bytes(stream, &self.pieces))
                }
                Piece::File { file, position, length } => {
                    let slice = (*length).min(SLICE_BYTES_MAX);
                    stream.try_io(Interest::WRITABLE, || send_file(stream, file, *position, slice))
                }
            };
            match sent {
                Ok(sent) => self.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::timeout(patience, stream.writable()).await??;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            task::coop::consume_budget().await;
        }
        Ok(())
    }

    fn advance(&mut self, mut sent: usize) {
        self.size_bytes -= sent;
        self.sent_bytes += sent as u64;
        while let Some(front) = self.pieces.front_mut() {
            let (left, step) = match front {
                Piece::Bytes(bytes) => {
                    let step = sent.min(bytes.len());
                    bytes.advance(step);
                    (bytes.len(), step)
                }
                Piece::File { position, length, .. } => {
                    let step = sent.min(*length);
                    *position += step as u64;
                    *length -= step;
                    (*length, step)
                }
            };
            sent -= step;
            if left > 0 {
                return;
            }
            self.pieces.pop_front();
        }
    }
}

fn send_bytes(stream: &TcpStream, pieces: &VecDeque<Piece>) -> io::Result<usize> {
    let mut parts = [IoSlice::new(&[]); PARTS_MAX];
    let mut count = 0;
    let mut more = false;
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) if count < PARTS_MAX => {
                parts[count] = IoSlice::new(bytes);
                count += 1;
            }
            Piece::Bytes(_) | Piece::File { .. } => {
                more = true;
                break;
            }
        }
    }
    let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
    let mut control = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(stream, &parts[..count], &mut control, flags)?)
}

fn send_file(
    stream: &TcpStream,
    file: &Arc<dyn File>,
    position: u64,
    length: usize,
) -> io::Result<usize> {
    let source = file.descriptor().ok_or(io::ErrorKind::Unsupported)?;
    let send = || {
        let mut offset = position;
        rustix::fs::sendfile(stream, source, Some(&mut offset), length)
    };
    let sent = if is_cold(source, position, length) && may_block_in_place() {
        task::block_in_place(send)?
    } else {
        send()?
    };
    // The file is shorter than the log says: the answer's length is promised, so the connection must end.
    if sent == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(sent) }
}

/// Whether the piece's ends are not in the page cache: then `sendfile` waits for the disk, and other connections must
/// not wait with it. Where the kernel cannot say, it is taken for warm.
fn is_cold(source: std::os::fd::BorrowedFd<'_>, position: u64, length: usize) -> bool {
    let last = position + (length as u64).saturating_sub(1);
    [position, last].into_iter().any(|position| {
        let mut byte = [0];
        let mut parts = [io::IoSliceMut::new(&mut byte)];
        let read =
            rustix::io::preadv2(source, &mut parts, position, rustix::io::ReadWriteFlags::NOWAIT);
        read == Err(rustix::io::Errno::AGAIN)
    })
}

fn may_block_in_place() -> bool {
    runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == runtime::RuntimeFlavor::MultiThread)
}
