//! `logmill dev`: one node in this process, or several as its children, until it is told to stop.

mod child;
mod cluster;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use clap::Args;

use self::cluster::{Cluster, ClusterOptions};
use crate::{boot::Alone, process};

/// Start a node for development.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  logmill dev                                   ports 9092 and 8080, data in a temporary folder
  logmill dev --data ./data                     data that outlives the node
  logmill dev --kafka-port 19092 --http-port 18080
  logmill dev --nodes 3                         three nodes, ports 9092, 9094, 9096: kill one and see")]
pub(crate) struct DevArgs {
    /// Where the data lies; a temporary folder, removed at the end, when not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The port for Kafka clients; 0 picks one.
    #[arg(long, default_value_t = 9092, value_name = "PORT")]
    kafka_port: u16,
    /// The port for HTTP; 0 picks one.
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    http_port: u16,
    /// How many nodes; more than one are processes of their own.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// A broker setting under Kafka's name, e.g. `num.partitions=3`. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &DevArgs) -> ExitCode {
    if args.nodes == 1 { run_alone(args) } else { run_cluster(args) }
}

fn run_cluster(args: &DevArgs) -> ExitCode {
    let begun = Instant::now();
    let started = Cluster::start(&ClusterOptions {
        nodes: usize::from(args.nodes),
        data: args.data.clone(),
        kafka_port: args.kafka_port,
        http_port: args.http_port,
        settings: args.settings.clone(),
    });
    let mut cluster = match started {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = cluster.await_ready() {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let ms = begun.elapsed().as_millis();
    println!("logmill: {} nodes, ready in {ms} ms\n{}", args.nodes, cluster.greeting());
    let is_over = Arc::new(AtomicBool::new(false));
    if let Err(error) = process::on_stop(is_over.clone()) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    cluster::watch(&mut cluster, || is_over.load(Ordering::Acquire));
    eprintln!("logmill: closing");
    if cluster.close() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_alone(args: &DevArgs) -> ExitCode {
    let alone = Alone {
        data: args.data.clone(),
        kafka_port: args.kafka_port,
        http_port: args.http_port,
        settings: args.settings.clone(),
    };
    let node = match alone.start() {
        Ok(node) => node,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("logmill: {}", node.greeting());
    node.block_on(process::until_told_to_stop());
    eprintln!("logmill: closing");
    match node.close() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: not closed cleanly, the next start recovers: {error}");
            ExitCode::FAILURE
        }
    }
}
