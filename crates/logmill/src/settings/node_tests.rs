//! Files as people have them, and what is said of those that cannot be.

use super::*;
use crate::settings::{Place, Problem};

fn resolve(text: &str) -> Result<(NodeSettings, Vec<String>), Vec<Problem>> {
    let mut written = Written::default();
    written.add_text(text);
    NodeSettings::resolve(written).map_err(|problems| problems.problems)
}

/// The only problem of `text`.
fn problem(text: &str) -> Problem {
    let mut problems = resolve(text).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

const NODE_2: &str = "\
process.roles=broker,controller
node.id=2
controller.quorum.voters=1@127.0.0.1:19093,2@127.0.0.1:29093,3@127.0.0.1:39093
listeners=PLAINTEXT://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093
controller.listener.names=CONTROLLER
log.dirs=/data
broker.rack=b
";

/// What Apache Kafka ships as config/server.properties, without its comments.
const KAFKAS_OWN: &str = "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

#[test]
fn a_node_of_three_is_read() {
    let (settings, warnings) = resolve(NODE_2).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(settings.node, BrokerId(2));
    assert_eq!(settings.roles(), "broker and controller");
    let broker = settings.broker.unwrap();
    assert_eq!(broker.kafka.to_string(), "PLAINTEXT://127.0.0.1:29092");
    assert_eq!(settings.controller.unwrap().to_string(), "CONTROLLER://127.0.0.1:29093");
    assert_eq!(broker.advertised.to_string(), "127.0.0.1:29092");
    assert_eq!(settings.voters.len(), 3);
    assert_eq!(broker.rack.as_deref(), Some("b"));
    assert_eq!(settings.data, PathBuf::from("/data"));
    assert_eq!(settings.http, Http::Perhaps(Address { host: "127.0.0.1".into(), port: 8080 }));
}

#[test]
fn the_file_that_kafka_ships_is_its_own_quorum() {
    let (settings, warnings) = resolve(KAFKAS_OWN).unwrap();
    let voters: Vec<_> = settings.voters.iter().map(ToString::to_string).collect();
    assert_eq!(voters, ["1@localhost:9093"]);
    assert_eq!(settings.broker.unwrap().advertised.to_string(), "localhost:9092");
    // Share groups are not served: their keys are no rows yet.
    assert!(warnings.iter().all(|warning| warning.contains("share.coordinator")), "{warnings:?}");
}

#[test]
fn roles_decide_what_must_be_there() {
    let broker = NODE_2
        .replace("broker,controller", "broker")
        .replace("node.id=2", "node.id=7")
        .replace(",CONTROLLER://127.0.0.1:29093", "");
    let (settings, _) = resolve(&broker).unwrap();
    assert_eq!(settings.roles(), "broker");
    assert_eq!(settings.controller, None);

    let controller = NODE_2
        .replace("broker,controller", "controller")
        .replace("PLAINTEXT://127.0.0.1:29092,", "");
    let (settings, _) = resolve(&controller).unwrap();
    assert_eq!(settings.roles(), "controller");
    assert_eq!(settings.voters.len(), 3);

    let both = problem(&broker.replace("PLAINTEXT://", "CONTROLLER://:29093,PLAINTEXT://"));
    assert!(both.why.contains("the node is a broker alone"), "{both:?}");
    let clients = problem(&controller.replace("CONTROLLER:", "PLAINTEXT://:29092,CONTROLLER:"));
    assert!(clients.why.contains("serves no clients"), "{clients:?}");
    let voter = problem(&broker.replace("node.id=7", "node.id=3"));
    assert!(voter.why.contains("node 3 is no controller"), "{voter:?}");
    let stranger = problem(&NODE_2.replace("node.id=2", "node.id=4"));
    assert!(stranger.why.contains("not among the voters"), "{stranger:?}");
    let deaf = problem(&NODE_2.replace(",CONTROLLER://127.0.0.1:29093", ""));
    assert_eq!((deaf.place, deaf.why.contains("listener of its own")), (Place::Line(4), true));
}

#[test]
fn bootstrap_servers_alone_are_enough_for_a_controller_of_its_own_quorum_only() {
    let voters = "controller.quorum.voters=1@127.0.0.1:19093,2@127.0.0.1:29093,3@127.0.0.1:39093";
    let told_by = |servers: &str| NODE_2.replace(voters, servers);
    let controller = told_by("controller.quorum.bootstrap.servers=127.0.0.1:29093")
        .replace("broker,controller", "controller")
        .replace("PLAINTEXT://127.0.0.1:29092,", "");
    let (settings, _) = resolve(&controller).unwrap();
    assert_eq!(settings.voters[0].to_string(), "2@127.0.0.1:29093");

    let broker = told_by("controller.quorum.bootstrap.servers=a:1,b:2")
        .replace("broker,controller", "broker")
        .replace(",CONTROLLER://127.0.0.1:29093", "");
    let lacking = problem(&broker);
    assert_eq!(lacking.place, Place::Line(3));
    assert!(lacking.remedy.contains("controller.quorum.voters=ID@a:1,ID@b:2"), "{lacking:?}");
}

#[test]
fn what_is_not_served_is_said() {
    let secure = problem(&NODE_2.replace("listeners=PLAINTEXT:", "listeners=SSL:"));
    assert!(secure.why.contains("SSL, which is not served yet"), "{secure:?}");
    let map = "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_SSL\n";
    let mapped = problem(&(NODE_2.to_owned() + map));
    assert_eq!(mapped.place, Place::Line(8));
    let two_disks = problem(&NODE_2.replace("/data", "/a,/b"));
    assert!(two_disks.remedy.contains("one"), "{two_disks:?}");
    let two =
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OUT:PLAINTEXT\n";
    let two = NODE_2.replace("listeners=PL", "listeners=OUT://127.0.0.1:5,PL") + two;
    assert!(problem(&two).why.contains("several listeners"));
}

#[test]
fn what_nobody_could_reach_is_refused() {
    let everywhere = problem(&NODE_2.replace("127.0.0.1:29092", "0.0.0.0:29092"));
    assert!(everywhere.remedy.contains("advertised.listeners=PLAINTEXT://host:29092"));
    let told = problem(&(NODE_2.to_owned() + "advertised.listeners=PLAINTEXT://0.0.0.0:9092\n"));
    assert_eq!(told.place, Place::Line(8));
    let other = problem(&(NODE_2.to_owned() + "advertised.listeners=OUT://h:9092\n"));
    assert!(other.why.contains("PLAINTEXT is not in it"));
    let voters = problem(&NODE_2.replace("3@127.0.0.1:39093", "3@0.0.0.0:39093"));
    assert!(voters.why.contains("reach"));
    let between = problem(&(NODE_2.to_owned() + "inter.broker.listener.name=IN\n"));
    assert!(between.remedy.contains("PLAINTEXT"));
}

#[test]
fn promises_that_cannot_be_kept_are_refused() {
    let file = NODE_2.to_owned() + "default.replication.factor=3\nmin.insync.replicas=9\n";
    assert_eq!(problem(&file).what, "min.insync.replicas=9");
    assert!(resolve(&file.replace("=9", "=3")).is_ok());
    assert!(resolve(&(NODE_2.to_owned() + "min.insync.replicas=2\n")).is_ok());
    let twice = problem(&NODE_2.replace("3@127.0.0.1:39093", "3@127.0.0.1:19093"));
    assert!(twice.why.contains("1 and 3"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let problems = resolve("node.id=one\nlisteners=9092\nnum.partitions=0\nlog.dirs=a,b\n");
    let problems = problems.unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.place).collect();
    for line in 1..=4 {
        assert!(lines.contains(&Place::Line(line)), "line {line}: {problems:#?}");
    }
    let missing: Vec<_> = problems.iter().filter(|it| it.place == Place::Missing).collect();
    assert!(missing.iter().any(|problem| problem.what == "process.roles is not set"));
    assert!(missing.iter().any(|problem| problem.what == "controller.quorum.voters is not set"));
}

#[test]
fn an_empty_file_is_told_what_it_lacks() {
    let problems = resolve("").unwrap_err();
    let whats: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert!(whats.contains(&"node.id is not set"), "{whats:?}");
    assert!(whats.contains(&"process.roles is not set"), "{whats:?}");
    assert!(whats.contains(&"controller.listener.names is not set"), "{whats:?}");
}
