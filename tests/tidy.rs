//! The structure of the tree, checked: floors, heads, who may import what, what stays pure.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{collections::BTreeMap, fs, path::PathBuf};

/// A crate as its manifest says.
struct Room {
    floor: u32,
    imports: Vec<String>,
}

/// Cargo runs a test in the folder of its package.
fn root() -> PathBuf {
    PathBuf::from("..")
}

fn rooms() -> BTreeMap<String, Room> {
    let mut rooms = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let directory = entry.unwrap().path();
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap();
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let floor = manifest
            .lines()
            .find_map(|line| line.strip_prefix("floor = "))
            .unwrap_or_else(|| panic!("{name} does not say its floor"))
            .parse()
            .unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let imports = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|import| !import.is_empty())
            .map(str::to_owned)
            .collect();
        rooms.insert(name, Room { floor, imports });
    }
    rooms
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut pending = vec![root().join("crates"), root().join("tests"), root().join("bench")];
    let mut sources = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() && !path.ends_with("target") {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
    sources.sort();
    sources
}

/// The text before the tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

/// The lines of the product: of crates, not of their tests, without comments.
fn product_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (path, text) in sources() {
        let shown = path.to_str().unwrap().to_owned();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_test = name.ends_with("_tests") || name.starts_with("test_") || name == "fixture";
        let beside = ["/tests/", "/benches/", "/examples/"];
        if !shown.starts_with("crates/") || is_test || beside.iter().any(|it| shown.contains(it)) {
            continue;
        }
        let code = code(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.extend(code.map(|line| (shown.clone(), line.to_owned())));
    }
    lines
}

#[test]
fn arrows_go_strictly_down() {
    let rooms = rooms();
    for (name, room) in &rooms {
        for import in &room.imports {
            if let Some(below) = rooms.get(import) {
                assert!(
                    below.floor < room.floor,
                    "{name} (floor {}) imports {import} (floor {})",
                    room.floor,
                    below.floor
                );
            }
        }
    }
}

#[test]
fn foreign_crates_stay_where_they_belong() {
    let owners: [(&str, &[&str]); 6] = [
        ("kafka-protocol", &["wire"]),
        ("sqlparser", &["sql"]),
        ("axum", &["gateway"]),
        ("openraft", &["controller"]),
        ("clap", &["logmill"]),
        ("corosensei", &["world"]),
    ];
    for (name, room) in rooms() {
        for (foreign, allowed) in owners {
            let knows = room.imports.iter().any(|import| import == foreign);
            assert!(!knows || allowed.contains(&name.as_str()), "{name} imports {foreign}");
        }
    }
}

#[test]
fn sql_is_parsed_in_one_module() {
    for (path, line) in product_lines() {
        let knows = line.contains("sqlparser::");
        assert!(!knows || path.starts_with("crates/sql/src/parse"), "{path} knows sqlparser");
    }
}

#[test]
fn every_file_opens_with_a_head() {
    for (path, text) in sources() {
        let head = text.trim_start_matches("#!");
        assert!(head.starts_with("//!"), "{} has no //! head", path.display());
    }
}

#[test]
fn the_operating_systems_clock_disk_and_chance_stay_in_the_world() {
    let banned =
        ["SystemTime::now", "Instant::now", "std::fs::", "fs::File", "fs::read", "fastrand::"];
    // The command line is outside: it measures, and reads files for people. The client is a client. The quorum's runtime asks the
    // world first, and tokio where it is real.
    let outside = [
        "crates/world/",
        "crates/logmill/",
        "crates/client/",
        "crates/testkit/src/main.rs",
        "crates/controller/src/raft/runtime.rs",
    ];
    for (path, line) in product_lines() {
        if !outside.iter().any(|prefix| path.starts_with(prefix)) {
            for word in banned {
                assert!(!line.contains(word), "{path} uses {word}: ask world for it");
            }
        }
    }
}

#[test]
fn threads_and_waits_are_the_worlds() {
    let banned = [
        "std::thread",
        "thread::spawn",
        "thread::Builder",
        "thread::sleep",
        "thread::park",
        "std::sync::mpsc",
        "tokio::time",
        "sync::Condvar",
        "Condvar, Mutex, MutexGuard, PoisonError",
    ];
    // The command line and the client are outside; what waits on a socket waits with tokio.
    let outside = [
        "crates/world/",
        "crates/logmill/",
        "crates/client/",
        "crates/gateway/",
        "crates/broker/src/server.rs",
        "crates/broker/src/connection/",
        "crates/broker/src/links/",
        "crates/broker/src/cluster_topics/",
        "crates/broker/src/peers.rs",
        "crates/broker/src/peer_listener.rs",
        "crates/controller/src/raft/runtime.rs",
        "crates/controller/src/test_cluster.rs",
    ];
    for (path, line) in product_lines() {
        if !outside.iter().any(|prefix| path.starts_with(prefix)) {
            for word in banned {
                assert!(!line.contains(word), "{path} uses {word}: ask world::exec for it");
            }
        }
    }
}

#[test]
fn machines_are_synchronous() {
    let machines = [
        "crates/replication/src/leader.rs",
        "crates/replication/src/isr.rs",
        "crates/replication/src/watermark.rs",
    ];
    for (path, text) in sources() {
        let shown = path.to_str().unwrap();
        let is_machine = machines.contains(&shown)
            || shown.starts_with("crates/storage/")
            || shown.starts_with("crates/flow/")
            || shown.starts_with("crates/coordinator/src/group/")
            || shown.starts_with("crates/metadata/");
        assert!(!is_machine || !code(&text).contains("async fn"), "{shown} holds an async fn");
    }
}

#[test]
fn nothing_is_called_utils() {
    for (path, _) in sources() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let vague = ["utils", "util", "helpers", "helper", "common", "misc"];
        assert!(!vague.contains(&name), "{}: name the thing it is", path.display());
    }
}

#[test]
fn no_unwrap_outside_tests() {
    for (path, line) in product_lines() {
        assert!(!line.contains(".unwrap()"), "{path}: expect(\"why it cannot fail\") or an error");
    }
}
