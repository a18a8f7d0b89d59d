//! How long a call is tried again, and with which pauses.

use std::time::Duration;

use tokio::time::{self, Instant};

use crate::ClientError;

/// The tries of one call.
pub(crate) struct Retry {
    deadline: Instant,
    pause: Duration,
    pause_max: Duration,
}

impl Retry {
    /// Tries up to `timeout` from now, first after `pause`, then after twice that and so on up to `pause_max`.
    pub(crate) fn new(timeout: Duration, pause: Duration, pause_max: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, pause, pause_max }
    }

    /// What is final, at once; otherwise `None`, after a pause: try again.
    pub(crate) async fn settle<T>(
        &mut self,
        result: Result<T, ClientError>,
    ) -> Option<Result<T, ClientError>> {
        match &result {
            Err(error) if error.is_retriable() && Instant::now() + self.pause <= self.deadline => {}
            _ => return Some(result),
        }
        time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.pause_max);
        None
    }
}

#[cfg(test)]
mod tests {
    use model::ErrorCode;

    use super::*;

    fn tries(code: ErrorCode) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let ms = Duration::from_millis;
            let mut retry = Retry::new(ms(20), ms(1), ms(2));
            let mut tries = 1;
            while retry.settle(Err::<(), _>(ClientError::refused("x", code))).await.is_none() {
                tries += 1;
            }
            tries
        })
    }

    #[test]
    fn only_what_may_mend_is_tried_again_and_not_for_ever() {
        assert_eq!(tries(ErrorCode::TopicAuthorizationFailed), 1);
        assert!(tries(ErrorCode::NotLeaderOrFollower) > 1);
    }
}
