//! A node's HTTP face, from outside.

use std::{
    io::{BufRead, BufReader},
    time::Duration,
};

use jobs::Answer;
use serde_json::{Value, json};

/// How long a connection may take; answers themselves may take for ever.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A node to ask.
#[derive(Clone)]
pub(crate) struct Remote {
    url: String,
    agent: ureq::Agent,
}

impl Remote {
    /// The node at `url`, with or without `http://`.
    pub(crate) fn new(url: &str) -> Self {
        let url = url.trim_end_matches('/');
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_MAX))
            .http_status_as_error(false)
            .build();
        Self { url, agent: config.into() }
    }

    /// Carries a script out; `take` gets every piece of the answer as it comes and says whether it wants more.
    ///
    /// # Errors
    /// When the node cannot be asked.
    pub(crate) fn execute(
        &self,
        session: &str,
        script: &str,
        mut take: impl FnMut(Answer) -> bool,
    ) -> Result<(), String> {
        let body = json!({ "session": session, "sql": script });
        let response = self.agent.post(format!("{}/v1/sql", self.url)).send_json(&body);
        let response = response.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        for line in lines {
            let line = line.map_err(|error| format!("the node went away: {error}"))?;
            if !status.is_success() {
                return Err(format!("the node answered {status}: {line}"));
            }
            let answer = serde_json::from_str(&line).map_err(|error| {
                format!("the node's answer is not understood ({error}): {line}")
            })?;
            if !take(answer) {
                break;
            }
        }
        Ok(())
    }

    /// One job.
    ///
    /// # Errors
    /// When the node cannot be asked, or knows no such job.
    pub(crate) fn job(&self, id: &str) -> Result<Value, String> {
        self.get(&format!("/v1/jobs/{id}"))
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let response = self.agent.get(format!("{}{path}", self.url)).call();
        let mut response = response.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            let status = response.status();
            let why = response.body_mut().read_to_string().unwrap_or_default();
            return Err(format!("the node answered {status}: {}", why.trim_end()));
        }
        response.body_mut().read_json().map_err(|error| error.to_string())
    }

    fn unreachable(&self, error: &ureq::Error) -> String {
        format!("no node answers at {}: {error}; start one with `logmill dev`", self.url)
    }
}
