//! The reading half: bytes from the socket to frames, within a budget of memory and of patience.
//!
//! A connection that is silent for a second between requests holds no buffer. One whose frame has begun is charged for its buffer; should memory be
//! short while the frame dawdles, the connection ends. Silence for `connections.max.idle.ms` ends it in any case.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Sleep, sleep},
};
use wire::{Deframer, FrameLimits, WireError};
use world::Instant;

use super::{Ended, ahead::Ahead};
use crate::{broker::Shared, budget::Charge, peer_listener::Begun};

pub(super) struct Inbound {
    shared: Arc<Shared>,
    stream: TcpStream,
    deframer: Deframer,
    /// A frame that was cut out and could not be handled yet.
    returned: Option<BytesMut>,
    charge: Charge,
    /// When the peer was last heard.
    heard: Instant,
    /// When the frame in the buffer began; none between frames.
    began: Option<Instant>,
    /// Ticks now and then; what it checks is decided when it fires, so that no request pays for a timer.
    timer: Pin<Box<Sleep>>,
    fires_at: Instant,
}

enum Event {
    Readable,
    Answer,
    Tick,
}

/// How often a connection that has begun a frame is looked at.
const TICK: Duration = Duration::from_secs(1);
/// The shortest pause of the timer.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// What a frame may take before memory shortage makes its peer the slow one; and per byte on top.
const FRAME_GRACE: Duration = Duration::from_secs(3);
const FRAME_BYTES_PER_SECOND: u64 = 4 << 20;

impl Inbound {
    pub(super) fn new(shared: Arc<Shared>, stream: TcpStream) -> Self {
        let (timer, now) = (Box::pin(sleep(shared.patience)), shared.clock.now());
        Self {
            fires_at: now.plus(shared.patience),
            shared,
            stream,
            deframer: Deframer::new(FrameLimits::REQUESTS),
            returned: None,
            charge: Charge::default(),
            heard: now,
            began: None,
            timer,
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// For whoever serves it from now on.
    pub(super) fn into_begun(self) -> Begun {
        Begun { stream: self.stream, deframer: self.deframer, frame: self.returned }
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<BytesMut>, WireError> {
        if self.returned.is_some() {
            return Ok(self.returned.take());
        }
        let frame = self.deframer.next_frame()?;
        if frame.is_some() {
            self.began = None;
        }
        Ok(frame)
    }

    pub(super) fn put_back(&mut self, frame: BytesMut) {
        assert!(self.returned.is_none(), "one frame is handled at a time");
        self.returned = Some(frame);
    }

    /// Waits until there are more bytes (where `may_read`), or the foremost Produce ahead is done; reads them.
    pub(super) async fn wait(&mut self, ahead: &mut Ahead, may_read: bool) -> Result<(), Ended> {
        if self.deframer.is_spent() {
            self.rest();
        }
        loop {
            let event = poll_fn(|cx| {
                if ahead.poll_front(cx).is_ready() {
                    return Poll::Ready(Ok(Event::Answer));
                }
                if may_read && let Poll::Ready(ready) = self.stream.poll_read_ready(cx) {
                    return Poll::Ready(ready.map(|()| Event::Readable));
                }
                match self.timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Ok(Event::Tick)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await?;
            match event {
                Event::Answer => return Ok(()),
                Event::Readable => {
                    if self.read().await? {
                        return Ok(());
                    }
                }
                Event::Tick => self.on_tick(ahead)?,
            }
        }
    }

    /// Reads once; answers whether there was anything.
    async fn read(&mut self) -> Result<bool, Ended> {
        self.shared.budget.raise(&mut self.charge, self.deframer.room_bytes()).await?;
        let room = self.deframer.room();
        let mut read = pin!(self.stream.read_buf(room));
        let read = poll_fn(|cx| match read.as_mut().poll(cx) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        });
        let Some(read) = read.await.transpose()? else { return Ok(false) };
        if read == 0 {
            return Err(Ended::Lost(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.heard = self.shared.clock.now();
        self.shared.metrics.network_in.add(read as u64);
        if self.began.is_none() {
            self.began = Some(self.heard);
        }
        self.tick_soon();
        Ok(true)
    }

    fn rest(&mut self) {
        self.deframer.rest();
        self.charge = Charge::default();
    }

    /// While a buffer is held, the timer fires within [`TICK`]; it is only moved when it is further off.
    fn tick_soon(&mut self) {
        if self.fires_at > self.heard.plus(TICK) {
            self.fire_after(TICK, self.heard);
        }
    }

    fn fire_after(&mut self, pause: Duration, now: Instant) {
        self.timer.set(sleep(pause));
        self.fires_at = now.plus(pause);
    }

    fn on_tick(&mut self, ahead: &Ahead) -> Result<(), Ended> {
        let now = self.shared.clock.now();
        let silent = now.since(self.heard);
        if silent >= self.shared.patience && ahead.is_empty() {
            return Err(Ended::Silent("silent"));
        }
        if self.deframer.buffered() == 0 && silent >= TICK {
            self.rest();
        }
        let Some(began) = self.began.filter(|_| self.deframer.missing() > Some(0)) else {
            self.fire_after(self.shared.patience.saturating_sub(silent).max(PAUSE_MIN), now);
            return Ok(());
        };
        let size = self.deframer.buffered() + self.deframer.missing().unwrap_or(0);
        let grace = FRAME_GRACE + Duration::from_secs(size as u64 / FRAME_BYTES_PER_SECOND);
        if now.since(began) > grace && self.shared.budget.is_pressed() {
            return Err(Ended::Silent("slow"));
        }
        self.fire_after(TICK, now);
        Ok(())
    }
}
