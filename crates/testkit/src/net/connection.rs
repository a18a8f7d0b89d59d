//! One end of a connection.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use world::{Instant, sim::threads};

use super::{Broken, Host, Net, Pipe};

/// One end of a connection. Dropped, the other end hears of it, unless this host has no power.
pub struct Connection {
    net: Net,
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl Connection {
    pub(super) fn new(net: Net, incoming: Arc<Pipe>, outgoing: Arc<Pipe>) -> Self {
        Self { net, incoming, outgoing }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Host {
        self.outgoing.link.1
    }

    /// Sends a frame. That it was sent says nothing of its arrival.
    ///
    /// # Errors
    /// The connection is known to be broken.
    pub fn send(&self, frame: Bytes) -> Result<(), Broken> {
        let fate = self.net.draw();
        let sent = if fate.arrives {
            threads::note(frame.len() as u64);
            self.outgoing.push(frame, now().plus(fate.delay))
        } else {
            Ok(())
        };
        if fate.is_broken {
            self.outgoing.shut();
            self.incoming.reset();
            return Err(Broken::Reset);
        }
        sent
    }

    /// The next frame; waits at most `timeout`, or for ever.
    ///
    /// # Errors
    /// It broke, or nothing came.
    #[track_caller]
    pub fn receive(&self, timeout: Option<Duration>) -> Result<Bytes, Broken> {
        self.incoming.pull(&self.net, now, timeout)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.net.is_silent(self.incoming.link.1) {
            self.outgoing.shut();
            self.incoming.reset();
        }
    }
}

fn now() -> Instant {
    Instant::default().plus(threads::elapsed())
}
