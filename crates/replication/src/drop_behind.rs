//! The thread that follows the logs' advice on the page cache: write-back may wait for the disk, and no append waits with it.

use std::{io, sync::Arc};

use storage::DropBehind;
use world::exec::{self, JoinHandle};

/// Ends when dropped.
pub(crate) struct Follower {
    advice: Arc<DropBehind>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(advice: &Arc<DropBehind>, window_bytes: u64) -> io::Result<Self> {
        advice.start(window_bytes);
        let followed = Arc::clone(advice);
        let thread = exec::spawn("drop-behind", move || {
            while let Some(advice) = followed.next() {
                advice.follow();
            }
        })?;
        Ok(Self { advice: Arc::clone(advice), thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.advice.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has been printed
        }
    }
}
