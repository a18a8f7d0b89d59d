//! `logmill bench`: measures any Kafka broker, this one or another.
//!
//! A light client on purpose: batches are built ahead and sent as they are, so that the broker's work is what shows. What it prints begins with
//! the lines of Kafka's own perf tools, so that eyes and scripts made for those can read it.

mod consume;
mod generate;
mod latency;
mod load;
mod process;
mod produce;
mod report;
mod shape;
mod socket;
mod stamped;
mod tally;
mod target;
mod zipf;

use std::{error::Error, process::ExitCode};

use clap::{Args, Subcommand};

/// What is measured.
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Send records as fast as the broker takes them, or at a given rate.
    ///
    /// Example: logmill bench produce --num-records 1000000 --record-size 1024 --broker-pid $(pgrep -x logmill)
    Produce(produce::ProduceArgs),
    /// Read records as fast as the broker gives them.
    ///
    /// Example: logmill bench consume --num-records 1000000
    Consume(consume::ConsumeArgs),
    /// Send at a fixed rate, whatever the broker does, and say how long each record took from the instant it was due.
    ///
    /// Example: logmill bench latency --rate 10000 --seconds 12
    Latency(latency::LatencyArgs),
    /// Fill a topic with JSON click events to compute on.
    ///
    /// Example: logmill bench generate --topic bids --partitions 4 --num-records 5000000
    Generate(generate::GenerateArgs),
}

/// Why a measurement failed.
type BenchError = Box<dyn Error + Send + Sync>;

/// Measures, and says what came of it.
pub(crate) fn run(args: BenchArgs) -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(BenchError::from).and_then(|runtime| {
        runtime.block_on(async {
            match args.command {
                Command::Produce(args) => produce::run(args).await,
                Command::Consume(args) => consume::run(args).await,
                Command::Latency(args) => latency::run(args).await,
                Command::Generate(args) => generate::run(args).await,
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("logmill bench: {error}");
            ExitCode::FAILURE
        }
    }
}
