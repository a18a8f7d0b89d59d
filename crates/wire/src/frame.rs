//! Frames: a length of four bytes, then that many bytes.
//!
//! [`Deframer`] is told bytes by whoever reads the socket into [`Deframer::room`], and answers whole frames, cut out
//! without a copy. The buffer grows as bytes arrive: a peer that claims 100 MB and sends nothing holds 4 KiB. Its size follows
//! what the peer has shown to send: a frame fits its buffer with little to spare, because whoever keeps a part of the frame keeps
//! the buffer; a peer that sends several frames at once gets room for several.

use bytes::{Buf, BytesMut};
use model::limits::{FRAME_BYTES_MAX, FRAME_BYTES_MAX_WITHOUT_RECORDS};

use crate::{Api, WireError};

/// How long frames may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Any frame.
    pub any: usize,
    /// A request that carries no records, known by its API key.
    pub without_records: Option<usize>,
}

impl FrameLimits {
    /// What a broker takes from clients.
    pub const REQUESTS: Self =
        Self { any: FRAME_BYTES_MAX, without_records: Some(FRAME_BYTES_MAX_WITHOUT_RECORDS) };
    /// What a client takes from a broker.
    pub const RESPONSES: Self = Self { any: FRAME_BYTES_MAX, without_records: None };
}

const LENGTH_BYTES: usize = 4;
/// Room for a peer that has shown nothing yet, or small frames.
const ROOM_BYTES_MIN: usize = 4 << 10;
/// Room for several frames of a busy peer, unless one is larger.
const ROOM_BYTES_BUSY: usize = 64 << 10;
/// The most room that is kept ready because the last frames were large.
const ROOM_BYTES_READY_MAX: usize = 2 << 20;

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct Deframer {
    limits: FrameLimits,
    buffer: BytesMut,
    /// The largest of the recent frames, prefix included: what this peer has shown to send.
    shown: usize,
    /// There was more behind the last frame.
    is_busy: bool,
}

impl Deframer {
    /// Empty; holds no memory.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, buffer: BytesMut::new(), shown: 0, is_busy: false }
    }

    /// The next whole frame without its length, if it is there.
    ///
    /// # Errors
    /// [`WireError::FrameLength`] as soon as the claim is known: the connection's end.
    pub fn next_frame(&mut self) -> Result<Option<BytesMut>, WireError> {
        let Some(length) = self.claimed()? else { return Ok(None) };
        let whole = LENGTH_BYTES + length;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        // Decays by an eighth a frame, so that one giant among small frames is soon forgotten.
        self.shown = whole.max(self.shown - self.shown / 8);
        let mut frame = self.buffer.split_to(whole);
        self.is_busy = !self.buffer.is_empty();
        frame.advance(LENGTH_BYTES);
        Ok(Some(frame))
    }

    /// How many bytes are still to come of the frame that has begun; none between frames. Only a length that is
    /// allowed counts.
    #[must_use]
    pub fn missing(&self) -> Option<usize> {
        if self.buffer.is_empty() {
            return None;
        }
        let length = self.claimed().ok().flatten().unwrap_or(0);
        Some((LENGTH_BYTES + length).saturating_sub(self.buffer.len()))
    }

    /// Bytes of the frame that has begun, and of those behind it.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// How much memory the next [`Deframer::room`] will hold: what to charge before calling it.
    #[must_use]
    pub fn room_bytes(&self) -> usize {
        if self.spare_bytes() < self.wanted_bytes() {
            self.new_room_bytes()
        } else {
            self.buffer.capacity()
        }
    }

    /// The buffer, with room for the next read behind what it holds.
    pub fn room(&mut self) -> &mut BytesMut {
        if self.spare_bytes() < self.wanted_bytes() {
            if self.buffer.is_empty() {
                // What is left of the old buffer is of no use; it is not to be carried along.
                self.buffer = BytesMut::with_capacity(self.new_room_bytes());
            } else {
                self.buffer.reserve(self.new_room_bytes() - self.buffer.len());
            }
        }
        &mut self.buffer
    }

    /// Whether the buffer is empty, and too short for the next frame: there is no point in keeping it.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.buffer.is_empty() && self.spare_bytes() < self.wanted_bytes()
    }

    /// Gives the memory back while nothing is buffered: an idle connection holds none.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    fn spare_bytes(&self) -> usize {
        self.buffer.capacity() - self.buffer.len()
    }

    /// Room that is worth a read: for the rest of the frame that has begun (in steps), else for a frame as those before.
    fn wanted_bytes(&self) -> usize {
        match self.missing() {
            Some(missing) => missing.clamp(1, ROOM_BYTES_MIN / 2),
            None => self.shown.clamp(ROOM_BYTES_MIN / 2, ROOM_BYTES_READY_MAX),
        }
    }

    fn new_room_bytes(&self) -> usize {
        let have = self.buffer.len();
        // Frames of one peer differ a little in size.
        let shown = (self.shown + self.shown / 8).clamp(ROOM_BYTES_MIN, ROOM_BYTES_READY_MAX);
        let ready = if self.is_busy { shown.max(ROOM_BYTES_BUSY.min(4 * shown)) } else { shown };
        let Some(whole) = self.claimed().ok().flatten().map(|length| LENGTH_BYTES + length) else {
            return ready.max(have + ROOM_BYTES_MIN);
        };
        let next = whole.min(have.saturating_mul(4)).max(ready.min(whole.max(ROOM_BYTES_MIN)));
        if self.is_busy { next.max(ready) } else { next.max(have + 1) }
    }

    /// The length that the buffer's front claims, once it can be judged.
    fn claimed(&self) -> Result<Option<usize>, WireError> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let claim = i32::from_be_bytes(*prefix);
        let too_long = |max| WireError::FrameLength { length: i64::from(claim), max };
        let length = usize::try_from(claim).map_err(|_| too_long(self.limits.any))?;
        if length > self.limits.any {
            return Err(too_long(self.limits.any));
        }
        if let (Some(max), Some([.., high, low])) =
            (self.limits.without_records, self.buffer.first_chunk::<6>())
            && length > max
            && i16::from_be_bytes([*high, *low]) != Api::Produce.key()
        {
            return Err(too_long(max));
        }
        Ok(Some(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(deframer: &mut Deframer, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = deframer.room();
            let spare = (room.capacity() - room.len()).min(rest.len());
            assert!(spare > 0, "room is room");
            room.extend_from_slice(&rest[..spare]);
            rest = &rest[spare..];
            while let Some(frame) = deframer.next_frame().unwrap() {
                frames.push(frame.to_vec());
            }
        }
        frames
    }

    fn framed(bytes: &[u8]) -> Vec<u8> {
        let mut whole = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        whole.extend_from_slice(bytes);
        whole
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let bodies: Vec<Vec<u8>> = [0, 1, 7, 300, 70_000, 3, 500_000, 0, 12]
            .iter()
            .map(|&size| (0..size).map(|index| (index % 251) as u8).collect())
            .collect();
        // Produce's key, so that size is free.
        let bodies: Vec<Vec<u8>> = bodies.into_iter().map(|b| [vec![0, 0], b].concat()).collect();
        let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        for step in [1, 3, 1000, 65_536, stream.len()] {
            let mut deframer = Deframer::new(FrameLimits::REQUESTS);
            let frames: Vec<_> =
                stream.chunks(step).flat_map(|cut| feed(&mut deframer, cut)).collect();
            assert_eq!(frames, bodies, "step {step}");
            assert_eq!(deframer.missing(), None);
        }
    }

    #[test]
    fn a_claim_alone_holds_little_memory() {
        let mut deframer = Deframer::new(FrameLimits::REQUESTS);
        let claim = i32::try_from(FRAME_BYTES_MAX).unwrap().to_be_bytes();
        assert!(feed(&mut deframer, &claim).is_empty());
        assert!(feed(&mut deframer, &[0, 0]).is_empty());
        assert!(deframer.room().capacity() <= 2 * ROOM_BYTES_MIN);
        // What has come bounds what is held.
        for _ in 0..100 {
            assert!(feed(&mut deframer, &[0; 10_000]).is_empty());
            let held = deframer.room().capacity();
            assert!(held <= 2 * ROOM_BYTES_MIN + 8 * deframer.buffered(), "{held}");
        }
    }

    #[test]
    fn who_keeps_a_frame_keeps_little_more() {
        for size in [9_000, 16_384, 100_000, 1 << 20] {
            let mut deframer = Deframer::new(FrameLimits::REQUESTS);
            let stream = framed(&vec![0; size]);
            for round in 0..10 {
                let room = deframer.room();
                let held = room.capacity();
                // One read per frame, once its size is known.
                if round > 0 {
                    assert!(held >= stream.len() && held <= stream.len() * 5 / 4, "{held}");
                }
                assert_eq!(feed(&mut deframer, &stream).len(), 1);
                assert!(round == 0 || deframer.is_spent());
            }
        }
    }

    #[test]
    fn small_frames_share_their_buffer() {
        let mut deframer = Deframer::new(FrameLimits::REQUESTS);
        let stream = framed(&[0; 100]);
        feed(&mut deframer, &stream);
        assert!(!deframer.is_spent());
        let place = deframer.room().as_ptr();
        feed(&mut deframer, &stream);
        assert_eq!(deframer.room().as_ptr() as usize - place as usize, stream.len());
    }

    #[test]
    fn lengths_out_of_bounds_are_refused_at_once() {
        for claim in [-1, i32::MIN, i32::MAX, 104_857_601] {
            let mut deframer = Deframer::new(FrameLimits::REQUESTS);
            deframer.room().extend_from_slice(&claim.to_be_bytes());
            assert!(deframer.next_frame().is_err(), "{claim}");
        }
        let mut deframer = Deframer::new(FrameLimits::REQUESTS);
        deframer.room().extend_from_slice(&(9_i32 << 20).to_be_bytes());
        assert_eq!(deframer.next_frame(), Ok(None), "it may be a Produce");
        deframer.room().extend_from_slice(&[0, 1]);
        assert!(deframer.next_frame().is_err(), "it is a Fetch");
    }
}
