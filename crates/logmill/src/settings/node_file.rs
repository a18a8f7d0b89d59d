//! The file of one node of a cluster on one machine, written from the option rows: `config/node-N.properties`, and what
//! `dev --nodes` gives its children.

use std::fmt::Write;

use metadata::options::broker;

/// One node's ports on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) kafka: u16,
    pub(crate) controller: u16,
    pub(crate) http: u16,
}

/// The file of node `id` (from 1) of a cluster of `nodes`, which keeps its data in `data`.
pub(crate) fn node_file(nodes: &[Ports], id: usize, data: &str) -> String {
    let Ports { kafka, controller, http } = nodes[id - 1];
    let voters =
        nodes.iter().zip(1..).map(|(node, id)| format!("{id}@127.0.0.1:{}", node.controller));
    let voters: Vec<String> = voters.collect();
    // A majority of the replicas, and never more than there are.
    let replicas = nodes.len().min(3);
    let in_sync = replicas / 2 + 1;
    let mut text = format!("# Node {id} of a cluster of {} on one machine.\n", nodes.len());
    text.push_str(
        "# All settings: docs/settings.md. Without a line here a setting has its default.\n",
    );
    let mut section = |title: &str, settings: &[(&str, String)]| {
        let _ = writeln!(text, "\n### {title}");
        for (name, value) in settings {
            let row = broker::row(name).expect("only settings that have a row are written");
            let _ = writeln!(text, "\n# {}", row.doc);
            if let Some(default) = row.default.filter(|default| !default.is_empty()) {
                let _ = writeln!(text, "# Default: {default}");
            }
            let _ = writeln!(text, "{name}={value}");
        }
    };
    section(
        "Who this node is, and with whom it forms a cluster",
        &[
            ("node.id", id.to_string()),
            ("process.roles", "broker,controller".to_owned()),
            ("controller.quorum.voters", voters.join(",")),
            ("broker.rack", format!("rack-{id}")),
        ],
    );
    section(
        "Where it listens; on several machines, write their names instead of 127.0.0.1",
        &[
            (
                "listeners",
                format!("PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}"),
            ),
            ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{kafka}")),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
            ),
            ("logmill.http.listener", format!("127.0.0.1:{http}")),
        ],
    );
    section("Where its data lies", &[("log.dirs", data.to_owned())]);
    section(
        "What a topic gets that does not say: any one node can be lost without losing a record",
        &[
            ("num.partitions", "3".to_owned()),
            ("default.replication.factor", replicas.to_string()),
            ("min.insync.replicas", in_sync.to_string()),
            ("offsets.topic.replication.factor", replicas.to_string()),
            ("transaction.state.log.replication.factor", replicas.to_string()),
            ("transaction.state.log.min.isr", in_sync.to_string()),
        ],
    );
    text
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;
    use crate::settings::{NodeSettings, Written};

    const NODES: [Ports; 3] = [
        Ports { kafka: 19092, controller: 19093, http: 18081 },
        Ports { kafka: 19094, controller: 19095, http: 18082 },
        Ports { kafka: 19096, controller: 19097, http: 18083 },
    ];

    /// Compares a file of the repository with what the rows say; `LOGMILL_WRITE=1` writes it.
    fn check_written(file: &str, expected: &str) {
        let path = Path::new("../..").join(file);
        if env::var_os("LOGMILL_WRITE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{file} is not what the rows say: LOGMILL_WRITE=1 cargo test -p logmill"
        );
    }

    #[test]
    fn the_ready_files_are_what_the_rows_say() {
        for id in 1..=3 {
            let text = node_file(&NODES, id, &format!("data/node-{id}"));
            check_written(&format!("config/node-{id}.properties"), &text);
        }
    }

    #[test]
    fn the_ready_files_start_nodes_of_one_cluster() {
        let nodes = (1..=3).map(|id| {
            let mut written = Written::default();
            written.add_text(&node_file(&NODES, id, "data"));
            let (settings, warnings) = NodeSettings::resolve(written).unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
            settings
        });
        let nodes: Vec<_> = nodes.collect();
        assert_eq!(nodes[0].voters, nodes[2].voters);
        assert_eq!(nodes[1].broker.as_ref().unwrap().advertised.port, 19094);
    }

    #[test]
    fn the_table_of_settings_is_what_the_rows_say() {
        let mut text = String::from(
            "# Settings\n\n\
             Every setting of `server.properties`, under Kafka's names, as the rows of `crates/metadata/src/options/broker.rs` have them. \
             This file is written from them.\nA setting marked *live* can also be changed while the node runs, where the wire serves it.\n\n\
             | setting | default | live | what it is |\n|---|---|---|---|\n",
        );
        for row in broker::ROWS {
            let default = row.default.map_or(String::new(), |default| format!("`{default}`"));
            let default = if default == "``" { String::new() } else { default };
            let live = if row.is_dynamic { "live" } else { "" };
            let _ = writeln!(text, "| `{}` | {default} | {live} | {} |", row.name, row.doc);
        }
        check_written("docs/settings.md", &text);
    }
}
