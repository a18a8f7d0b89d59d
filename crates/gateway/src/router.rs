//! Which path is whose.

use std::{future::Future, io, sync::Arc};

use ::jobs::Engine;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    routing::{delete, get, post},
};
use tokio::net::TcpListener;

use crate::{
    health, jobs,
    metrics::{self, JobsPage, MetricsPage},
    sql,
};

/// The largest request body: a script of that size is a mistake.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What the HTTP face speaks for: health and figures, which every node has; statements and jobs, which only a broker has.
#[derive(Default)]
pub struct Gateway {
    pages: Vec<Arc<dyn MetricsPage>>,
    jobs: Router,
}

impl Gateway {
    /// Shows `page` in `/metrics`, after those before.
    #[must_use]
    pub fn with_page(mut self, page: Arc<dyn MetricsPage>) -> Self {
        self.pages.push(page);
        self
    }

    /// Serves statements and jobs, and shows the jobs in `/metrics`.
    #[must_use]
    pub fn with_jobs(mut self, engine: Arc<Engine>) -> Self {
        self.jobs = Router::new()
            .route("/v1/sql", post(sql::execute))
            .route("/v1/jobs", get(jobs::list))
            .route("/v1/jobs/{id}", get(jobs::show))
            .route("/v1/jobs/{id}", delete(jobs::stop))
            .with_state(Arc::clone(&engine));
        self.with_page(Arc::new(JobsPage(engine)))
    }

    /// Serves HTTP on `listener` until `shutdown`.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/healthz", get(health::healthz))
            .route("/metrics", get(metrics::metrics))
            .with_state(self.pages.into())
            .merge(self.jobs)
            .fallback(nothing_here)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        axum::serve(listener, router).with_graceful_shutdown(shutdown).await
    }
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "there is no such path on this node; SQL and jobs are served by brokers\n",
    )
}
