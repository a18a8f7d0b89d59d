//! The HTTP face: health, metrics, SQL and jobs.
//!
//! What this crate is not: it decides nothing; every answer is somebody else's, put into HTTP.

mod health;
mod jobs;
mod metrics;
mod router;
mod sql;

pub use metrics::MetricsPage;
pub use router::Gateway;
