//! `logmill cluster` and `logmill doctor`: how a cluster is, asked through Kafka's protocol alone, so of Apache Kafka as well.

mod ask;
pub(crate) mod doctor;
mod report;

use std::{process::ExitCode, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use client::{Cluster, ClusterOptions};

use self::{ask::ask, report::Report};

/// Ask a cluster how it is.
#[derive(Args, Debug)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Subcommand, Debug)]
enum ClusterCommand {
    /// Quorum, brokers, and the partitions that lack something.
    Status(StatusArgs),
}

#[derive(Args, Debug)]
#[command(
    after_help = "Ends with 1 when a partition is offline, under its min ISR or under-replicated, a broker is fenced, or nobody leads the quorum.

Examples:
  logmill cluster status
  logmill cluster status --bootstrap-server 127.0.0.1:19092,127.0.0.1:19094 --output json"
)]
struct StatusArgs {
    /// Any of its brokers, host:port; several with commas.
    #[arg(long, default_value = "localhost:9092", value_name = "HOST:PORT")]
    bootstrap_server: String,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Runs the command.
pub(crate) fn run(args: &ClusterArgs) -> ExitCode {
    let ClusterCommand::Status(args) = &args.command;
    match status(&args.bootstrap_server) {
        Ok(report) => {
            match args.output {
                Output::Text => print!("{report}"),
                Output::Json => println!("{}", report.to_json()),
            }
            if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether a cluster lacks nothing; also false when it does not answer.
pub(crate) fn is_whole(bootstrap: &str) -> bool {
    status(bootstrap).is_ok_and(|report| report.is_healthy())
}

fn status(bootstrap: &str) -> Result<Report, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cluster = Cluster::connect(bootstrap, options()).await?;
        Ok(ask(&cluster).await?)
    })
}

/// A cluster that is being looked at is there or is not: nobody waits for it to come.
fn options() -> ClusterOptions {
    let retry_timeout = Duration::from_secs(5);
    ClusterOptions { auto_create_topics: false, retry_timeout, ..Default::default() }
}
