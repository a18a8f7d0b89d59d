//! `logmill dev --nodes N`: child processes of this binary, so that one can be killed and the others go on.
//!
//! ```text
//!   DIR/node-1/server.properties, data/, log        each child is `logmill server --config` of its file
//!   standard input of a child                       a pipe that ends with this process, and the child with it
//! ```
//! Closing: SIGTERM to all, one after the other has ended, so that each hands over to those that stay.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::child::Child;
use crate::settings::{Ports, node_file};

/// The children, and where they live.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Child>,
    ports: Vec<Ports>,
    home: PathBuf,
    /// Removed last.
    _temporary: Option<TempDir>,
}

/// What a cluster is told.
pub(crate) struct ClusterOptions {
    pub(crate) nodes: usize,
    /// None: a temporary folder, removed at the end.
    pub(crate) data: Option<PathBuf>,
    /// The first node's; the others' follow. 0 picks free ones.
    pub(crate) kafka_port: u16,
    /// As `kafka_port`.
    pub(crate) http_port: u16,
    /// `key=value` for every node.
    pub(crate) settings: Vec<String>,
}

impl Cluster {
    /// Writes the nodes' files and starts them all. Answers before they serve: [`Child::await_ready`].
    ///
    /// # Errors
    /// A file cannot be written, or a process not started.
    pub(crate) fn start(options: &ClusterOptions) -> io::Result<Self> {
        let temporary = match options.data {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("logmill-").tempdir()?),
        };
        let home = options.data.as_deref().or_else(|| temporary.as_ref().map(TempDir::path));
        let home = home.unwrap_or_else(|| Path::new(".")).to_owned();
        let ports = choose_ports(options)?;
        let mut nodes = Vec::new();
        for id in 1..=options.nodes {
            let folder = home.join(format!("node-{id}"));
            fs::create_dir_all(&folder)?;
            let file = folder.join("server.properties");
            let data = folder.join("data").display().to_string();
            fs::write(&file, node_file(&ports, id, &data))?;
            nodes.push(Child::new(id, file, options.settings.clone()));
        }
        for node in &mut nodes {
            node.start()?;
        }
        Ok(Self { nodes, ports, home, _temporary: temporary })
    }

    /// Waits until every node serves.
    ///
    /// # Errors
    /// One of them ended instead.
    pub(crate) fn await_ready(&mut self) -> Result<(), String> {
        self.nodes.iter_mut().try_for_each(Child::await_ready)
    }

    /// `host:port` of every node, with commas between.
    pub(crate) fn bootstrap(&self) -> String {
        let addresses = self.ports.iter().map(|ports| format!("127.0.0.1:{}", ports.kafka));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// What is where, for people.
    pub(crate) fn greeting(&self) -> String {
        let mut text = String::new();
        for (ports, node) in self.ports.iter().zip(&self.nodes) {
            let (kafka, http) = (ports.kafka, ports.http);
            text.push_str(&format!(
                "  node {}  kafka 127.0.0.1:{kafka}  http 127.0.0.1:{http}  process {}\n",
                node.id,
                node.pid()
            ));
        }
        let (home, bootstrap) = (self.home.display(), self.bootstrap());
        format!("{text}  data in {home}; bootstrap servers {bootstrap}")
    }

    /// Ends them, one after the other, cleanly. Answers whether all did.
    pub(crate) fn close(&mut self) -> bool {
        let mut all = true;
        for node in &mut self.nodes {
            all &= node.stop();
        }
        all
    }
}

/// Ports next to each other from the wished ones, or free ones.
fn choose_ports(options: &ClusterOptions) -> io::Result<Vec<Ports>> {
    let ClusterOptions { nodes, kafka_port, http_port, .. } = *options;
    // Held until all are chosen, so that none is chosen twice.
    let mut held = Vec::new();
    let mut port = |wished: u16, steps: usize| {
        if wished != 0 {
            let steps = u16::try_from(steps).unwrap_or(u16::MAX);
            return Ok(wished.saturating_add(steps));
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        held.push(listener);
        io::Result::Ok(port)
    };
    (0..nodes)
        .map(|node| {
            let kafka = port(kafka_port, 2 * node)?;
            let controller = port(kafka_port, 2 * node + 1)?;
            Ok(Ports { kafka, controller, http: port(http_port, node)? })
        })
        .collect()
}

/// Tells of children that end by themselves, until `is_over`.
pub(crate) fn watch(cluster: &mut Cluster, mut is_over: impl FnMut() -> bool) {
    while !is_over() {
        for node in &mut cluster.nodes {
            if let Some(how) = node.has_ended() {
                eprintln!(
                    "node {} has ended ({how}); the others go on. Again: logmill server --config {}",
                    node.id,
                    node.file().display()
                );
            }
        }
        thread::sleep(WATCH_EVERY);
    }
}

const WATCH_EVERY: Duration = Duration::from_millis(50);
