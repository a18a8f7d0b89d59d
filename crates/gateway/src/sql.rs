//! `POST /v1/sql`: a script in, one JSON line per piece of answer out, as it comes.
//!
//! The body is `{"session": "…", "sql": "…"}`; `session` holds the statements that the answers named as the session's.
//! A push query's lines go on until the client closes the connection.

use std::{
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::jobs::{Answer, Asker, Engine};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::sync::mpsc;

/// Pieces of answer waiting for a slow client; the statement waits with them.
const PIECES_MAX: usize = 256;

/// What a client asks.
#[derive(Deserialize)]
pub(crate) struct Script {
    /// Statements that make the session.
    #[serde(default)]
    session: String,
    /// Statements to carry out.
    sql: String,
}

/// Carries a script out.
pub(crate) async fn execute(
    State(engine): State<Arc<Engine>>,
    Json(script): Json<Script>,
) -> Response {
    let (pieces, lines) = mpsc::channel(PIECES_MAX);
    let statements = move || {
        let mut lines = Lines { pieces };
        let execute = || engine.execute(&script.session, &script.sql, &mut lines);
        if panic::catch_unwind(AssertUnwindSafe(execute)).is_err() {
            // It has been printed where it happened; the client must not take silence for success.
            lines.answer(Answer::failed("an internal error; the node's log says where"));
        }
    };
    // A thread of its own: a push query lasts, and must not hold one of the runtime's.
    let started = std::thread::Builder::new().name("sql".to_owned()).spawn(statements);
    match started {
        Ok(_) => {
            let body = Body::from_stream(Received { lines });
            ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
        }
        Err(error) => {
            (axum::http::StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
        }
    }
}

/// The asker at the other end of the connection.
struct Lines {
    pieces: mpsc::Sender<Bytes>,
}

impl Asker for Lines {
    fn answer(&mut self, answer: Answer) -> bool {
        let mut line = serde_json::to_vec(&answer).unwrap_or_default();
        line.push(b'\n');
        self.pieces.blocking_send(line.into()).is_ok()
    }

    fn is_there(&self) -> bool {
        !self.pieces.is_closed()
    }
}

/// The lines as a body's stream.
struct Received {
    lines: mpsc::Receiver<Bytes>,
}

impl futures_core::Stream for Received {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.lines.poll_recv(cx).map(|line| line.map(Ok))
    }
}
