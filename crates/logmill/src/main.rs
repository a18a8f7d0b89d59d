//! The `logmill` command: `dev` and `server` start a node, `sql` and `cluster` talk to one, `demo` shows one, `bench` measures any Kafka broker.

mod bench;
mod boot;
mod cluster;
mod console;
mod demo;
mod dev;
mod figures;
mod process;
mod server;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Memory that was touched once is kept: a first touch is dear, above all on virtual machines.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A Kafka-compatible broker with a stream processor inside.
#[derive(Parser, Debug)]
#[command(name = "logmill", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Start a node for development: one process, no configuration.
    Dev(dev::DevArgs),
    /// Start a node of a cluster, as its server.properties says.
    Server(server::ServerArgs),
    /// Say how a cluster is.
    Cluster(cluster::ClusterArgs),
    /// Name what is wrong with a cluster, and what could lose data.
    Doctor(cluster::doctor::DoctorArgs),
    /// Run Flink SQL on a running node: a file, one statement, or a shell.
    Sql(console::SqlArgs),
    /// Show a clickstream becoming one-minute windows, and check every one of them.
    Demo(demo::DemoArgs),
    /// Measure a Kafka broker, this one or another.
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Dev(args) => dev::run(&args),
        Command::Server(args) => server::run(&args),
        Command::Cluster(args) => cluster::run(&args),
        Command::Doctor(args) => cluster::doctor::run(&args),
        Command::Sql(args) => console::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(args),
    }
}
