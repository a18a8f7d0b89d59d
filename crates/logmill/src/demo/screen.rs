//! What the demo shows: a picture redrawn in place on a terminal, lines in a pipe.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{clicks::Time, feed::Fed, verdict::Verdict};
use crate::{boot::Node, process};

/// How often the picture is redrawn; lines in a pipe come ten times slower.
const REDRAW_EVERY: Duration = Duration::from_millis(200);
const RESULTS_SHOWN: usize = 8;

/// The demo's face.
pub(crate) struct Screen {
    is_plain: bool,
    begun: Instant,
    drawn: Option<Instant>,
    lines_drawn: usize,
    sent_before: u64,
    newest: Vec<String>,
    peak_bytes: u64,
}

impl Screen {
    pub(crate) fn new(is_plain: bool, node: &Node) -> Self {
        println!(
            "A node is up after {} ms: kafka on {}, http on {}.",
            node.ready_in_ms(),
            node.kafka(),
            node.http()
        );
        println!(
            "A job counts page views per page and minute, by event time. Events come out of order,"
        );
        println!("some too late for their window, some broken.\n");
        Self {
            is_plain: is_plain || !io::stdout().is_terminal(),
            begun: Instant::now(),
            drawn: None,
            lines_drawn: 0,
            sent_before: 0,
            newest: Vec::new(),
            peak_bytes: 0,
        }
    }

    /// Notes a result row, as JSON text.
    pub(crate) fn observe_result(&mut self, row: &str) {
        if self.newest.len() == RESULTS_SHOWN {
            self.newest.remove(0);
        }
        self.newest.push(row.to_owned());
    }

    /// Shows where things are, if it is time to. `job` is what the node says of it.
    pub(crate) fn show(&mut self, sent: u64, job: &Value) {
        let every = if self.is_plain { REDRAW_EVERY * 10 } else { REDRAW_EVERY };
        let since = self.drawn.map(|drawn| drawn.elapsed());
        if since.is_some_and(|since| since < every) {
            return;
        }
        self.show_now(sent, job);
    }

    /// Shows where things are.
    pub(crate) fn show_now(&mut self, sent: u64, job: &Value) {
        let since = self.drawn.map(|drawn| drawn.elapsed());
        let rate =
            since.map_or(0.0, |since| (sent - self.sent_before) as f64 / since.as_secs_f64());
        (self.drawn, self.sent_before) = (Some(Instant::now()), sent);
        let lines = self.picture(sent, rate, &job["status"]);
        if self.is_plain {
            println!("{}", lines.first().map_or("", String::as_str));
            return;
        }
        let mut text = String::new();
        if self.lines_drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.lines_drawn));
        }
        for line in &lines {
            text.push_str(&format!("\x1b[2K{line}\n"));
        }
        self.lines_drawn = lines.len();
        // A terminal that is gone ends the process by itself.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    fn picture(&mut self, sent: u64, rate: f64, status: &Value) -> Vec<String> {
        let (now, peak) = process::memory_bytes(std::process::id()).unwrap_or_default();
        self.peak_bytes = peak;
        let counters = &status["counters"];
        let count = |name: &str| counters[name].as_u64().unwrap_or(0);
        let watermark = status["watermark_ms"]
            .as_i64()
            .map_or_else(|| "none yet".to_owned(), |ms| Time::of(ms).to_string());
        let mut lines = vec![
            format!(
                "{:>6.1} s  sent {sent:>9}  {rate:>9.0} events/s  windows closed {:>4}  results {:>7}  latency p99 {} ms",
                self.begun.elapsed().as_secs_f64(),
                status["windows_closed"].as_u64().unwrap_or(0),
                status["rows"].as_u64().unwrap_or(0),
                status["latency_p99_ms"].as_u64().map_or("-".to_owned(), |ms| ms.to_string()),
            ),
            format!(
                "          watermark {watermark}   node and demo together {} MB (at most {} MB)",
                now >> 20,
                peak >> 20
            ),
            format!(
                "          used {}   filtered {}   late {}   bad {}   skipped {}   = {} offsets consumed",
                count("used"),
                count("filtered"),
                count("late"),
                count("bad"),
                count("skipped"),
                status["offsets_consumed"].as_u64().unwrap_or(0),
            ),
            "          newest results:".to_owned(),
        ];
        let shown = self.newest.iter().map(|row| format!("            {row}"));
        lines.extend(shown);
        lines.resize(4 + RESULTS_SHOWN, String::new());
        lines
    }

    /// The last word: for people, then (plain) a JSON object.
    pub(crate) fn end(&self, fed: &Fed, verdict: &Verdict) {
        println!();
        println!("{}", verdict.sentence());
        let status = &fed.status;
        if !self.is_plain {
            return;
        }
        let seconds = fed.seconds;
        let figures = json!({
            "agrees": verdict.agrees(),
            "windows": verdict.windows,
            "rows": verdict.rows,
            "wrong": verdict.wrong,
            "events": fed.sent,
            "late": fed.late,
            "broken": fed.broken,
            "seconds": (seconds * 1000.0).round() / 1000.0,
            "events_per_second": (fed.sent as f64 / seconds).round(),
            "counters": status["counters"],
            "offsets_consumed": status["offsets_consumed"],
            "windows_closed": status["windows_closed"],
            "latency_p50_ms": status["latency_p50_ms"],
            "latency_p99_ms": status["latency_p99_ms"],
            "memory_peak_bytes": process::memory_bytes(std::process::id()).map(|(_, peak)| peak),
        });
        println!("{figures}");
    }
}
