//! `GET /metrics`: Prometheus text, under the names that Kafka's JMX exporter gives where there is one.

use std::{fmt::Write, sync::Arc};

use ::jobs::JobState;
use axum::{extract::State, http::header, response::IntoResponse};

use crate::router::Gateway;

/// Whoever has numbers to show.
pub trait MetricsPage: Send + Sync {
    /// Appends `# TYPE` lines and samples.
    fn write(&self, page: &mut String);
}

/// The page.
pub(crate) async fn metrics(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    // It looks at every partition, and waits for the quorum's word.
    let asked = Arc::clone(&gateway);
    let written = tokio::task::spawn_blocking(move || {
        let mut page = String::new();
        asked.metrics.write(&mut page);
        page
    });
    let mut page = written.await.unwrap_or_default();
    write_jobs(&gateway, &mut page);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page)
}

fn write_jobs(gateway: &Gateway, page: &mut String) {
    let jobs = gateway.engine.jobs();
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
