//! A blocking connection for measuring: one thread writes requests and reads answers, with nothing between it and the socket.
//!
//! Time is what is measured here, and an event loop's timer counts in milliseconds; `ppoll` waits for an answer or for the next instant
//! that something is due with the precision of the kernel's own timers.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wire::{Deframer, FrameLimits};

/// Where the correlation id lies in a request frame: after length, key and version.
const CORRELATION_AT: usize = 8;
/// How long the peer may keep us waiting for room to write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// What one read takes at most.
const READ_BYTES_MAX: usize = 256 << 10;

/// The connection.
pub(super) struct Socket {
    stream: TcpStream,
    deframer: Deframer,
    chunk: Vec<u8>,
    next_correlation: i32,
}

impl Socket {
    /// Connects to `address` (host:port).
    pub(super) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok(Self {
            stream,
            deframer: Deframer::new(FrameLimits::RESPONSES),
            chunk: vec![0; READ_BYTES_MAX],
            next_correlation: 1,
        })
    }

    /// Sends a request frame, whose correlation id is set here.
    pub(super) fn send(&mut self, frame: &mut [u8]) -> io::Result<()> {
        if let Some(place) = frame.get_mut(CORRELATION_AT..CORRELATION_AT + 4) {
            place.copy_from_slice(&self.next_correlation.to_be_bytes());
        }
        self.next_correlation = self.next_correlation.wrapping_add(1);
        self.stream.write_all(frame)
    }

    /// The next answer's frame, waited for at most `wait`; none when it has not come by then.
    pub(super) fn receive(&mut self, wait: Duration) -> io::Result<Option<Bytes>> {
        if let Some(frame) = self.next_frame()? {
            return Ok(Some(frame));
        }
        if !self.await_bytes(wait)? {
            return Ok(None);
        }
        let count = self.stream.read(&mut self.chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = self.chunk.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            let room = self.deframer.room();
            let spare = (room.capacity() - room.len()).min(rest.len());
            let (now, later) = rest.split_at(spare);
            room.extend_from_slice(now);
            rest = later;
        }
        self.next_frame()
    }

    fn next_frame(&mut self) -> io::Result<Option<Bytes>> {
        let frame = self.deframer.next_frame().map_err(io::Error::other)?;
        Ok(frame.map(bytes::BytesMut::freeze))
    }

    fn await_bytes(&self, wait: Duration) -> io::Result<bool> {
        let mut sockets = [PollFd::new(&self.stream, PollFlags::IN)];
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        match poll(&mut sockets, Some(&wait)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
