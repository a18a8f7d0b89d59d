//! `logmill dev`: one node in this process until it is told to stop.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{boot::Alone, process};

/// Start a node for development.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  logmill dev                                   ports 9092 and 8080, data in a temporary folder
  logmill dev --data ./data                     data that outlives the node
  logmill dev --kafka-port 19092 --http-port 18080")]
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
    /// A broker setting under Kafka's name, e.g. `num.partitions=3`. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &DevArgs) -> ExitCode {
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
