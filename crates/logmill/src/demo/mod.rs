//! `logmill demo`: a clickstream becomes one-minute windows before your eyes, and every window is checked.
//!
//!  1. start a node in a temporary folder
//!  2. create the topics and submit the SQL over HTTP, as a user would
//!  3. produce the clickstream over the network, as a client would, and show what happens
//!  4. send what closes the last windows, wait until the job has read everything
//!  5. read the result topic as a client would and compare it with the truth
mod clicks;
mod feed;
mod screen;
mod verdict;

use std::{process::ExitCode, time::Duration};

use clap::Args;

use crate::boot::{Alone, Node};

pub(crate) const INPUT: &str = "clicks_raw";
pub(crate) const OUTPUT: &str = "page_views_minute";

/// The demo's job.
const SQL: &str = "
CREATE TABLE clicks_raw (
  user_id STRING,
  page STRING,
  event_time TIMESTAMP(3),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'clicks_raw', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');

CREATE TABLE page_views_minute (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  page STRING,
  views BIGINT,
  PRIMARY KEY (window_start, window_end, page) NOT ENFORCED
) WITH ('connector' = 'upsert-kafka', 'topic' = 'page_views_minute', 'key.format' = 'json', 'value.format' = 'json');

INSERT INTO page_views_minute
SELECT window_start, window_end, page, COUNT(*) AS views
FROM TABLE(TUMBLE(TABLE clicks_raw, DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, page;
";

/// Show a clickstream becoming one-minute windows.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  logmill demo                                  a million events, live in the terminal
  logmill demo --events 5000000 --rate 200000   more of them, slower
  logmill demo --plain                          for pipes and CI: the last line is a JSON object
  logmill demo --keep                           leaves the node running afterwards, with commands to try")]
pub(crate) struct DemoArgs {
    /// How many events.
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    events: u64,
    /// Events per second; 0 sends as fast as the node takes them.
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    rate: u64,
    /// Stop producing after this many seconds, however many events were asked for.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// No redraws; the last line is a JSON object with the figures.
    #[arg(long)]
    plain: bool,
    /// Leave the node running at the end, and print what to try.
    #[arg(long)]
    keep: bool,
    /// The stream's seed.
    #[arg(long, default_value_t = 7, value_name = "N")]
    seed: u64,
    /// The port for Kafka clients; 0 picks one.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    kafka_port: u16,
    /// The port for HTTP; 0 picks one.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    http_port: u16,
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    let alone = Alone {
        data: None,
        kafka_port: args.kafka_port,
        http_port: args.http_port,
        settings: vec!["num.partitions=4".to_owned()],
    };
    let node = match alone.start() {
        Ok(node) => node,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shown = show(args, &node);
    let agrees = match shown {
        Ok(agrees) => agrees,
        Err(error) => {
            eprintln!("error: {error}");
            false
        }
    };
    if args.keep {
        keep(&node);
    }
    if let Err(error) = node.close() {
        eprintln!("error: the node did not close cleanly: {error}");
        return ExitCode::FAILURE;
    }
    if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Steps 2 to 5.
fn show(args: &DemoArgs, node: &Node) -> Result<bool, String> {
    let mut screen = screen::Screen::new(args.plain, node);
    let job = feed::submit(node, SQL)?;
    let fed = node.block_on(feed::run(args, node, &job, &mut screen))?;
    let verdict = node.block_on(verdict::reach(node, &fed))?;
    screen.end(&fed, &verdict);
    Ok(verdict.agrees())
}

fn keep(node: &Node) {
    println!(
        "
The node goes on; Ctrl-C ends it. Try:
  logmill sql --url http://{http} -e 'SHOW JOBS'
  logmill sql --url http://{http} -e 'SELECT * FROM page_views_minute'
  kafka-console-consumer --bootstrap-server {kafka} --topic {OUTPUT} --from-beginning
  curl http://{http}/metrics",
        http = node.http(),
        kafka = node.kafka(),
    );
    node.block_on(async {
        // Without signals there is nothing to wait for; the node then ends at once.
        let _ = tokio::signal::ctrl_c().await;
    });
}

/// How often the job is asked where it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
