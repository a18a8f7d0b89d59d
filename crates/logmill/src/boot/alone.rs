//! A node that is all of its cluster, without a file: what `dev` and `demo` start.
//!
//! Its defaults are Kafka's own, but for what makes no sense alone: one replica of everything, no wait for the first members of a group, and
//! no listener for other controllers.

use std::path::PathBuf;

use tempfile::TempDir;

use super::{BootError, Node};
use crate::settings::{NodeSettings, Written};

/// What such a node is told.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    /// None: a temporary folder, removed at the end.
    pub(crate) data: Option<PathBuf>,
    pub(crate) kafka_port: u16,
    pub(crate) http_port: u16,
    /// `key=value`, under Kafka's names.
    pub(crate) settings: Vec<String>,
}

impl Alone {
    /// Starts it.
    ///
    /// # Errors
    /// [`BootError`]
    pub(crate) fn start(&self) -> Result<Node, BootError> {
        let temporary = match self.data {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("logmill-").tempdir()?),
        };
        let (settings, warnings) = self.settings(temporary.as_ref())?;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        Node::start(&settings, temporary)
    }

    fn settings(
        &self,
        temporary: Option<&TempDir>,
    ) -> Result<(NodeSettings, Vec<String>), BootError> {
        let mut written = Written::alone();
        written.preset("process.roles", "broker,controller");
        written.preset("node.id", "1");
        written.preset("listeners", &format!("PLAINTEXT://127.0.0.1:{}", self.kafka_port));
        written.preset("logmill.http.listener", &format!("127.0.0.1:{}", self.http_port));
        let data = self.data.as_deref().or_else(|| temporary.map(TempDir::path));
        written
            .preset("log.dirs", &data.map(|data| data.display().to_string()).unwrap_or_default());
        for topic in ["offsets.topic", "transaction.state.log"] {
            written.preset(&format!("{topic}.replication.factor"), "1");
        }
        written.preset("transaction.state.log.min.isr", "1");
        written.preset("group.initial.rebalance.delay.ms", "0");
        written.add_overrides(&self.settings);
        Ok(NodeSettings::resolve(written)?)
    }
}
