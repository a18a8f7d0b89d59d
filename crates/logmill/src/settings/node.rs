//! One node's settings, checked together: roles, listeners, quorum, data.
//!
//! Told what is [`Written`]; answers either settings that a node can start with, or everything that is wrong. What Kafka would only find out
//! later (a voter that is missing, a listener that nobody can be told of) is found here.

use std::{fs, net::ToSocketAddrs, path::PathBuf, sync::Arc};

use metadata::options::ServerOptions;
use model::{BrokerId, TopicId};

use super::{Address, Listener, Problems, Voter, Written};

/// What a node is told.
#[derive(Clone, Debug)]
pub(crate) struct NodeSettings {
    pub(crate) node: BrokerId,
    /// None: it serves no clients and keeps none of their data.
    pub(crate) broker: Option<BrokerSettings>,
    /// Where the other nodes reach the controller. None: nobody is to.
    pub(crate) controller: Option<Listener>,
    /// Sorted by id.
    pub(crate) voters: Vec<Voter>,
    pub(crate) http: Http,
    pub(crate) data: PathBuf,
    /// `logmill.cluster.id`.
    pub(crate) cluster_id: Option<String>,
    pub(crate) server: Arc<ServerOptions>,
}

/// What a broker is told.
#[derive(Clone, Debug)]
pub(crate) struct BrokerSettings {
    /// Where clients connect.
    pub(crate) kafka: Listener,
    /// What clients are told; port 0 is the one that is got.
    pub(crate) advertised: Address,
    pub(crate) rack: Option<String>,
}

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    /// There or the node does not start.
    At(Address),
    /// There, or nowhere if another process has the port: nobody asked for it.
    Perhaps(Address),
    Nowhere,
}

impl NodeSettings {
    /// What `written` comes to, and what it should be warned of.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn resolve(mut written: Written) -> Result<(Self, Vec<String>), Problems> {
        let node = node_id(&mut written);
        let server = Arc::new(written.options(node));
        let (is_broker, is_controller) = roles(&mut written);
        let Listeners { kafka, controller } = listeners(&mut written, is_broker, is_controller);
        let broker = kafka.map(|kafka| BrokerSettings {
            advertised: advertised(&mut written, &kafka),
            kafka,
            rack: written.value("broker.rack").map(str::to_owned),
        });
        let voters = voters(&mut written, node, is_controller, controller.as_ref());
        check_promises(&mut written);
        let http = http(&mut written);
        let data = data(&mut written);
        let cluster_id = cluster_id(&mut written);
        let settings = Self { node, broker, controller, voters, http, data, cluster_id, server };
        Ok((settings, written.settle()?))
    }

    /// What the node is, for people.
    pub(crate) const fn roles(&self) -> &'static str {
        match (&self.broker, &self.controller) {
            (Some(_), Some(_)) => "broker and controller",
            (Some(_), None) => "broker",
            (None, _) => "controller",
        }
    }
}

fn node_id(written: &mut Written) -> BrokerId {
    let key = if written.value("node.id").is_some() { "node.id" } else { "broker.id" };
    let remedy = "give each node of the cluster its own number from 0, as in node.id=1";
    let Some(value) = written.value(key) else {
        written.complain("node.id", "a node is known by its number", remedy);
        return BrokerId(0);
    };
    match value.parse() {
        Ok(id) if id >= 0 => BrokerId(id),
        _ => {
            written.complain(key, "it is no whole number from 0", remedy);
            BrokerId(0)
        }
    }
}

/// Broker? Controller?
fn roles(written: &mut Written) -> (bool, bool) {
    let roles: Vec<String> =
        items(written.value_or_default("process.roles")).map(str::to_owned).collect();
    let has = |role: &str| roles.iter().any(|other| other == role);
    if roles.is_empty() {
        let why = "it says whether the node keeps data (broker), has a vote (controller), or both";
        written.complain("process.roles", why, "write process.roles=broker,controller");
        return (true, true);
    }
    (has("broker"), has("controller"))
}

struct Listeners {
    kafka: Option<Listener>,
    controller: Option<Listener>,
}

fn listeners(written: &mut Written, is_broker: bool, is_controller: bool) -> Listeners {
    let none = Listeners { kafka: None, controller: None };
    let all = match Listener::parse_list(written.value_or_default("listeners")) {
        Ok(all) => all,
        Err(why) => {
            let remedy = "write NAME://host:port with commas between, as in PLAINTEXT://:9092";
            written.complain("listeners", why, remedy);
            return none;
        }
    };
    let names: Vec<String> = items(written.value_or_default("controller.listener.names"))
        .map(str::to_ascii_uppercase)
        .collect();
    for listener in &all {
        check_protocol(written, &listener.name, names.contains(&listener.name));
    }
    let (controllers, mut brokers): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|listener| names.contains(&listener.name));
    let is_alone = written.is_alone;
    if is_controller && controllers.is_empty() && !is_alone {
        let (key, remedy) = if names.is_empty() {
            ("controller.listener.names", "write controller.listener.names=CONTROLLER")
        } else {
            (
                "listeners",
                "add CONTROLLER://host:9093 to listeners, under a name of controller.listener.names",
            )
        };
        written.complain(key, "a controller needs a listener of its own", remedy);
    }
    if is_broker && brokers.is_empty() {
        let remedy = "add PLAINTEXT://host:9092 to listeners";
        written.complain("listeners", "a broker needs a listener for its clients", remedy);
    }
    if brokers.len() > 1 {
        let why = "several listeners for clients are not served yet";
        written.complain("listeners", why, "keep one beside those of controller.listener.names");
    }
    if !is_broker && !brokers.is_empty() && written.value("listeners").is_some() {
        let why = format!("a controller alone serves no clients, and {} is for them", brokers[0]);
        let remedy = "name it in controller.listener.names, or add broker to process.roles";
        written.complain("listeners", why, remedy);
    }
    if let (true, false, Some(unused)) = (is_broker, is_controller, controllers.first()) {
        let why = format!("{unused} is a controller's listener, and the node is a broker alone");
        let remedy = "take it out, or add controller to process.roles";
        written.complain("listeners", why, remedy);
    }
    let between = written.value("inter.broker.listener.name").map(str::to_ascii_uppercase);
    if let (true, Some(name), Some(own)) = (is_broker, between, brokers.first())
        && name != own.name
    {
        let why = format!("there is no such listener for brokers, there is {}", own.name);
        written.complain("inter.broker.listener.name", why, format!("write {}", own.name));
    }
    let kafka = if is_broker && !brokers.is_empty() { Some(brokers.remove(0)) } else { None };
    Listeners { kafka, controller: controllers.into_iter().next().filter(|_| is_controller) }
}

/// A topic that is made by default must be writable. Only where both are written: topics may all say how many replicas they have.
fn check_promises(written: &mut Written) {
    const KEY: &str = "min.insync.replicas";
    let number = |key: &str| written.value(key).and_then(|value| value.parse::<i64>().ok());
    let (Some(in_sync), Some(replicas)) = (number(KEY), number("default.replication.factor"))
    else {
        return;
    };
    if in_sync > replicas {
        let why =
            format!("a topic with default.replication.factor={replicas} can never have so many");
        written.complain(KEY, why, format!("write {KEY}={} or less", (replicas - 1).max(1)));
    }
}

/// Only PLAINTEXT is spoken; everything else is said before a client finds out.
fn check_protocol(written: &mut Written, name: &str, is_controller: bool) {
    const KEY: &str = "listener.security.protocol.map";
    let is_mapped = written.value(KEY).is_some();
    let map = written.value_or_default(KEY);
    let found = items(map).find_map(|item| {
        let (listener, protocol) = item.split_once(':')?;
        listener.trim().eq_ignore_ascii_case(name).then(|| protocol.trim().to_ascii_uppercase())
    });
    match found.as_deref() {
        Some("PLAINTEXT") => {}
        // Kafka's default, too: without a map, controllers speak PLAINTEXT.
        None if is_controller && !is_mapped => {}
        None => {
            let why = format!("listener {name} has no protocol");
            written.complain(KEY, why, format!("add {name}:PLAINTEXT"));
        }
        Some(protocol @ ("SSL" | "SASL_PLAINTEXT" | "SASL_SSL")) => {
            let why = format!("listener {name} speaks {protocol}, which is not served yet");
            let key = if is_mapped { KEY } else { "listeners" };
            written.complain(key, why, "use PLAINTEXT, on a network that you trust");
        }
        Some(protocol) => {
            let why = format!("{protocol} is no security protocol");
            written.complain(KEY, why, format!("write {name}:PLAINTEXT"));
        }
    }
}

fn advertised(written: &mut Written, kafka: &Listener) -> Address {
    let nowhere = Address { host: String::new(), port: 0 };
    let Some(value) = written.value("advertised.listeners") else {
        return advertised_by_default(written, kafka);
    };
    let remedy = format!("write {}://host:port as clients are to connect", kafka.name);
    let found = match Listener::parse_list(value) {
        Err(why) => Err(why),
        Ok(all) => all
            .into_iter()
            .find(|listener| listener.name == kafka.name)
            .ok_or_else(|| format!("listener {} is not in it", kafka.name)),
    };
    match found {
        Ok(found) if found.address.is_wildcard() => {
            let why = format!("nobody can connect to '{}'", found.address);
            written.complain("advertised.listeners", why, remedy);
            nowhere
        }
        Ok(found) => found.address,
        Err(why) => {
            written.complain("advertised.listeners", why, remedy);
            nowhere
        }
    }
}

/// The listener itself; where it is every interface, this machine's name.
fn advertised_by_default(written: &mut Written, kafka: &Listener) -> Address {
    let Address { host, port } = kafka.address.clone();
    if host.is_empty() {
        return Address { host: host_name(), port };
    }
    if kafka.address.is_wildcard() {
        let why = format!("{kafka} is every interface, and clients must be told one host");
        let remedy = format!("write advertised.listeners={}://host:{port}", kafka.name);
        written.complain("advertised.listeners", why, remedy);
    }
    Address { host, port }
}

/// As the system says, if it can be resolved.
fn host_name() -> String {
    let said = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = said.trim();
    let is_found = !name.is_empty() && (name, 0).to_socket_addrs().is_ok();
    if is_found { name.to_owned() } else { "localhost".to_owned() }
}

fn voters(
    written: &mut Written,
    node: BrokerId,
    is_controller: bool,
    controller: Option<&Listener>,
) -> Vec<Voter> {
    const KEY: &str = "controller.quorum.voters";
    let remedy = "write id@host:port of every controller, the same on all nodes, as in 1@a:9093,2@b:9093,3@c:9093";
    let Some(value) = written.value(KEY) else {
        return voters_by_bootstrap(written, node, is_controller, controller);
    };
    let voters = match Voter::parse_list(value) {
        Ok(voters) => voters,
        Err(why) => {
            written.complain(KEY, why, remedy);
            return Vec::new();
        }
    };
    let own = voters.iter().find(|voter| voter.id == node);
    match (own, is_controller) {
        (None, true) => {
            let why = format!("node {node} is a controller and not among the voters");
            written.complain(
                KEY,
                why,
                format!("add {node}@host:port, or take controller from process.roles"),
            );
        }
        (Some(own), false) => {
            let why = format!("{own} is a voter, and node {node} is no controller");
            written.complain(
                KEY,
                why,
                "add controller to process.roles, or give the node another id",
            );
        }
        (Some(own), true) => {
            if let Some(listener) = controller
                && own.address.port != listener.address.port
            {
                let warning =
                    format!("node {node} is voter {own} but listens at {listener}: another port");
                written.warnings.push(warning);
            }
        }
        (None, false) => {}
    }
    voters
}

/// A node whose only bootstrap server is itself is its own quorum, as with the file that Kafka ships.
fn voters_by_bootstrap(
    written: &mut Written,
    node: BrokerId,
    is_controller: bool,
    controller: Option<&Listener>,
) -> Vec<Voter> {
    const KEY: &str = "controller.quorum.bootstrap.servers";
    if written.is_alone {
        return Vec::new();
    }
    let servers: Vec<String> = items(written.value_or_default(KEY)).map(str::to_owned).collect();
    let known = servers.iter().map(|server| Address::parse(server)).collect::<Result<Vec<_>, _>>();
    match (known, controller) {
        (Err(why), _) => {
            written.complain(KEY, why, "write host:port of every controller, with commas between");
        }
        (Ok(servers), Some(listener)) if is_controller => {
            if let [own] = servers.as_slice()
                && own.port == listener.address.port
            {
                return vec![Voter { id: node, address: own.clone() }];
            }
            let why = "who has a vote must be said";
            let remedy = "write id@host:port of every controller, the same on all nodes; for one node alone, its own";
            written.complain("controller.quorum.voters", why, remedy);
        }
        (Ok(servers), _) if servers.is_empty() => {
            let why = "the node must know where the controllers are, and their ids";
            let remedy = "write id@host:port of every controller, the same on all nodes";
            written.complain("controller.quorum.voters", why, remedy);
        }
        (Ok(servers), _) => {
            let voters: Vec<_> = servers.iter().map(|server| format!("ID@{server}")).collect();
            let why = "it says where controllers are and not their ids, which a broker is not told by them yet";
            let remedy = format!(
                "write controller.quorum.voters={} with the node.id of each, the same on all nodes",
                voters.join(",")
            );
            written.complain(KEY, why, remedy);
        }
    }
    Vec::new()
}

fn http(written: &mut Written) -> Http {
    const KEY: &str = "logmill.http.listener";
    let is_set = written.value(KEY).is_some();
    let value = written.value_or_default(KEY).to_owned();
    if value == "none" {
        return Http::Nowhere;
    }
    match Address::parse(&value) {
        Ok(address) if is_set => Http::At(address),
        Ok(address) => Http::Perhaps(address),
        Err(why) => {
            written.complain(KEY, why, "write host:port, or none");
            Http::Nowhere
        }
    }
}

fn data(written: &mut Written) -> PathBuf {
    let key = if written.value("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
    let directories: Vec<String> =
        items(written.value_or_default(key)).map(str::to_owned).collect();
    if directories.len() > 1 {
        let why = "several directories on one node are not served yet";
        written.complain(key, why, "name one; a volume over several disks gives the space of all");
    }
    PathBuf::from(directories.into_iter().next().unwrap_or_default())
}

fn cluster_id(written: &mut Written) -> Option<String> {
    const KEY: &str = "logmill.cluster.id";
    let id = written.value(KEY)?.to_owned();
    if TopicId::parse(&id).is_none() {
        let remedy = "give 22 characters as `kafka-storage random-uuid` prints them, the same on all nodes, or leave it out";
        written.complain(KEY, "it is no cluster id", remedy);
    }
    Some(id)
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
