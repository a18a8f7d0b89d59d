//! `logmill sql`: a file, one statement, or a shell, against a running node.

mod print;
mod remote;
mod shell;

use std::{fs, io, process::ExitCode, time::Duration};

use clap::Args;

pub(crate) use remote::Remote;

/// Runs Flink SQL on a running node.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  logmill sql                                   a shell; ends with Ctrl-D or QUIT;
  logmill sql -f job.sql                        every statement of a file; an INSERT answers with its job's id
  logmill sql -f job.sql --wait                 … and waits until its bounded jobs have finished
  logmill sql -e 'SHOW JOBS'                    one statement
  logmill sql -e 'SELECT * FROM clicks' --output json | head")]
pub(crate) struct SqlArgs {
    /// A file of statements; '-' is standard input.
    #[arg(short, long, value_name = "FILE", conflicts_with = "execute")]
    file: Option<String>,
    /// Statements.
    #[arg(short, long, value_name = "SQL")]
    execute: Option<String>,
    /// The node's HTTP address.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// Wait until the jobs that were submitted have ended.
    #[arg(long)]
    wait: bool,
    /// How answers are printed.
    #[arg(long, default_value = "text", value_name = "text|json")]
    output: print::Output,
}

/// Runs the command.
pub(crate) fn run(args: &SqlArgs) -> ExitCode {
    let remote = Remote::new(&args.url);
    let script = match (&args.file, &args.execute) {
        (Some(file), _) => match read(file) {
            Ok(script) => script,
            Err(error) => {
                eprintln!("error: {file} cannot be read: {error}");
                return ExitCode::from(2);
            }
        },
        (None, Some(script)) => script.clone(),
        (None, None) => return shell::run(&remote),
    };
    let mut printer = print::Printer::new(args.output);
    match remote.execute("", &script, |answer| printer.print(answer)) {
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Ok(()) if printer.has_failed => ExitCode::FAILURE,
        Ok(()) if args.wait => wait(&remote, &printer.jobs),
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn read(file: &str) -> io::Result<String> {
    if file == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) }
}

/// Waits until every job has ended; fails when one of them did.
fn wait(remote: &Remote, jobs: &[String]) -> ExitCode {
    const POLL_EVERY: Duration = Duration::from_millis(50);
    let mut has_failed = false;
    for id in jobs {
        loop {
            let job = match remote.job(id) {
                Ok(job) => job,
                Err(error) => {
                    eprintln!("error: {error}");
                    return ExitCode::from(2);
                }
            };
            match job["state"].as_str() {
                Some("RUNNING") => std::thread::sleep(POLL_EVERY),
                Some("FINISHED") => break,
                state => {
                    let reason = job["reason"].as_str().unwrap_or("no reason is known");
                    eprintln!("error: job {id} is {}: {reason}", state.unwrap_or("in no state"));
                    has_failed = true;
                    break;
                }
            }
        }
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
