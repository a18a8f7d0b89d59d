//! Which path is whose.

use std::{future::Future, io, sync::Arc};

use ::jobs::Engine;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{delete, get, post},
};
use tokio::net::TcpListener;

use crate::{health, jobs, metrics, metrics::MetricsPage, sql};

/// The largest request body: a script of that size is a mistake.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What the HTTP face speaks for.
pub struct Gateway {
    /// Statements and jobs.
    pub engine: Arc<Engine>,
    /// What `/metrics` shows.
    pub metrics: Arc<dyn MetricsPage>,
}

/// Serves HTTP on `listener` until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    gateway: Gateway,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/v1/sql", post(sql::execute))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show))
        .route("/v1/jobs/{id}", delete(jobs::stop))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(gateway));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}
