//! One file per API. Each handler is four paragraphs: resolve, authorise (nobody is refused yet), delegate, answer.

pub(crate) mod cluster;
pub(crate) mod data;
pub(crate) mod groups;
mod operations;
pub(crate) mod topics;
pub(crate) mod transactions;

use std::time::Duration;

use controller::Refusal;
use model::{ErrorCode, Pending};

/// What `pending` answers, unless it takes longer than the request allows.
async fn within<T>(timeout_ms: i32, pending: Pending<T>) -> Option<T> {
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    world::exec::timeout(timeout, pending).await.flatten()
}

/// What is said when the controller does not.
fn unanswered() -> Refusal {
    Refusal::new(ErrorCode::RequestTimedOut, "The controller did not answer in time.")
}
