//! `/v1/jobs`: what runs, where it is, and stopping it.

use std::sync::Arc;

use ::jobs::{Answer, Asker, Engine, JobView};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

/// All jobs, oldest first.
pub(crate) async fn list(State(engine): State<Arc<Engine>>) -> Json<Value> {
    Json(Value::Array(engine.jobs().iter().map(view).collect()))
}

/// One job.
pub(crate) async fn show(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let jobs = engine.jobs();
    let job = jobs.iter().find(|job| job.fact.id == id);
    job.map(|job| Json(view(job)))
        .ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no job {id}\n")))
}

/// Stops one job.
pub(crate) async fn stop(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let stop = move || {
        let mut last = Last(None);
        let quoted = id.replace('\'', "''");
        engine.execute("", &format!("STOP JOB '{quoted}'"), &mut last);
        last.0
    };
    match tokio::task::spawn_blocking(stop).await {
        Ok(Some(Answer::Done { message })) => Ok(Json(json!({ "message": message }))),
        Ok(Some(Answer::Error { message, .. })) => Err((StatusCode::NOT_FOUND, message + "\n")),
        _ => Err((StatusCode::INTERNAL_SERVER_ERROR, "the job did not stop\n".to_owned())),
    }
}

/// Keeps the last piece of an answer.
struct Last(Option<Answer>);

impl Asker for Last {
    fn answer(&mut self, answer: Answer) -> bool {
        self.0 = Some(answer);
        true
    }

    fn is_there(&self) -> bool {
        true
    }
}

fn view(job: &JobView) -> Value {
    let status = job.status.as_ref().map(|status| {
        let mut latencies: Vec<_> = status.latencies_ms.iter().copied().collect();
        latencies.sort_unstable();
        let quantile = |q: usize| latencies.get((latencies.len() * q / 100).min(latencies.len().saturating_sub(1)));
        json!({
            "counters": status.counters,
            "offsets_consumed": status.counters.total(),
            "watermark_ms": status.watermark,
            "windows_closed": status.windows_closed,
            "rows": status.rows,
            "seal": status.seal,
            "state_bytes": status.state_bytes,
            "is_finished": status.is_finished,
            "latency_p50_ms": quantile(50),
            "latency_p99_ms": quantile(99),
            "positions": status.positions.iter()
                .map(|(partition, offset)| json!({ "partition": partition.to_string(), "offset": offset.0 }))
                .collect::<Vec<_>>(),
        })
    });
    json!({
        "id": job.fact.id,
        "name": job.fact.name,
        "sql": job.fact.sql,
        "group": job.fact.group,
        "state": job.fact.state.word(),
        "reason": job.fact.state.reason(),
        "node": job.node.map(|node| node.0),
        "waits_for": job.waits_for,
        "submitted_ms": job.fact.submitted_ms,
        "lag_records": job.lag_records,
        "status": status,
    })
}
