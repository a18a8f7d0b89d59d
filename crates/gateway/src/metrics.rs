//! `GET /metrics`: Prometheus text, under the names that Kafka's JMX exporter gives where there is one.

use std::{fmt::Write, sync::Arc};

use ::jobs::{Engine, JobState};
use axum::{extract::State, http::header, response::IntoResponse};

/// Whoever has numbers to show.
pub trait MetricsPage: Send + Sync {
    /// Appends `# TYPE` lines and samples.
    fn write(&self, page: &mut String);
}

/// The page, of all pages.
pub(crate) async fn metrics(State(pages): State<Arc<[Arc<dyn MetricsPage>]>>) -> impl IntoResponse {
    // They look at every partition, and wait for the quorum's word.
    let written = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        pages.iter().for_each(|page| page.write(&mut text));
        text
    });
    let text = written.await.unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// What jobs have to show.
pub(crate) struct JobsPage(pub(crate) Arc<Engine>);

impl MetricsPage for JobsPage {
    fn write(&self, page: &mut String) {
        write_jobs(&self.0, page);
    }
}

fn write_jobs(engine: &Engine, page: &mut String) {
    let jobs = engine.jobs();
    let running = jobs.iter().filter(|job| job.fact.state == JobState::Running).count();
    // Writing to a String cannot fail.
    let _ = writeln!(page, "# TYPE logmill_jobs_running gauge\nlogmill_jobs_running {running}");
    let _ = writeln!(page, "# TYPE logmill_jobs_rows_total counter");
    for job in &jobs {
        let Some(status) = &job.status else { continue };
        let (id, counters) = (&job.fact.id, status.counters);
        let fates = [
            ("used", counters.used),
            ("filtered", counters.filtered),
            ("late", counters.late),
            ("bad", counters.bad),
            ("skipped", counters.skipped),
        ];
        for (fate, rows) in fates {
            let _ =
                writeln!(page, "logmill_jobs_rows_total{{job=\"{id}\",fate=\"{fate}\"}} {rows}");
        }
        let _ = writeln!(
            page,
            "logmill_jobs_windows_closed_total{{job=\"{id}\"}} {}",
            status.windows_closed
        );
        let _ = writeln!(page, "logmill_jobs_results_total{{job=\"{id}\"}} {}", status.rows);
        let _ = writeln!(page, "logmill_jobs_state_bytes{{job=\"{id}\"}} {}", status.state_bytes);
        let _ = writeln!(
            page,
            "logmill_jobs_lag_records{{job=\"{id}\"}} {}",
            job.lag_records.unwrap_or(0)
        );
        if let Some(watermark) = status.watermark {
            let _ = writeln!(page, "logmill_jobs_watermark_ms{{job=\"{id}\"}} {watermark}");
        }
    }
}
