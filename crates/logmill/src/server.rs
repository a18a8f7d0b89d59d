//! `logmill server`: one node of a cluster, as its file says, until it is told to stop.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    boot::{BootError, Node},
    process,
    settings::{NodeSettings, Written},
};

/// Start a node as its server.properties says.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  logmill server --config config/node-1.properties
  logmill server --config server.properties --set num.partitions=12 --set log.dirs=/data
  logmill server --config server.properties --check     only says what is wrong with it

The file has Kafka's names. Nothing needs to be formatted first: an empty data directory is taken at the first start.")]
pub(crate) struct ServerArgs {
    /// The node's settings, in Kafka's server.properties.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A setting that goes before the file's. May be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Read and check the settings, start nothing.
    #[arg(long)]
    check: bool,
    /// End when standard input does: for a process that starts nodes.
    #[arg(long, hide = true)]
    with_parent: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ServerArgs) -> ExitCode {
    let served = settings(args).map_err(BootError::from).and_then(|settings| {
        if args.check {
            println!("{}: nothing is wrong with it", args.config.display());
            return Ok(());
        }
        serve(&settings, args.with_parent)
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn settings(args: &ServerArgs) -> Result<NodeSettings, crate::settings::Problems> {
    let mut written = Written::read(&args.config)?;
    written.add_overrides(&args.settings);
    let (settings, warnings) = NodeSettings::resolve(written)?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    Ok(settings)
}

fn serve(settings: &NodeSettings, has_parent: bool) -> Result<(), BootError> {
    let node = Node::start(settings, None)?;
    println!("logmill: node {} ({}), {}", settings.node, settings.roles(), node.greeting());
    node.block_on(async {
        tokio::select! {
            () = process::until_told_to_stop() => {}
            () = process::until_input_ends(), if has_parent => {}
        }
    });
    eprintln!("logmill: closing");
    node.close()
}
