//! A visit to one broker: its listener is dialled, and it is asked for its log directories, and with them for its clock.
//!
//! It is asked a few times over, and the clock is taken from the answer that came the quickest: half of its round trip is as far as the
//! reading may be wrong (Cristian's algorithm).

use client::{ClientError, Connection, ConnectionOptions};
use model::ErrorCode;
use wire::{
    Api, broker_clock,
    messages::{
        DescribeLogDirsRequest, DescribeLogDirsResponse,
        describe_log_dirs_response::DescribeLogDirsResult,
    },
};
use world::{Clock, Space};

use super::{clocks::Reading, disks::LogDir};

/// What a broker told.
pub(super) struct Visit {
    /// Its log directories, or why it does not tell.
    pub(super) log_dirs: Result<Vec<LogDir>, String>,
    /// Its clock; none when it does not tell.
    pub(super) clock: Option<Reading>,
}

impl Visit {
    /// Asks the broker at `address`.
    ///
    /// # Errors
    /// It cannot be dialled, or does not answer.
    pub(super) async fn pay(address: &str, clock: &dyn Clock) -> Result<Self, ClientError> {
        let connection = Connection::connect(address, ConnectionOptions::default()).await?;
        let Ok(version) = connection.version(Api::DescribeLogDirs) else {
            let log_dirs = Err("it does not serve DescribeLogDirs".to_owned());
            return Ok(Self { log_dirs, clock: None });
        };
        // No partitions: the directories alone.
        let request = DescribeLogDirsRequest::default().with_topics(Some(Vec::new()));
        let mut visit = Self { log_dirs: Ok(Vec::new()), clock: None };
        for _ in 0..ASKED {
            let (sent, wall) = (clock.now(), clock.wall());
            let answer: DescribeLogDirsResponse =
                connection.ask(Api::DescribeLogDirs, version, &request).await?;
            let round_trip = clock.now().since(sent);
            visit.log_dirs = log_dirs(&answer);
            let reading =
                broker_clock(&answer).map(|theirs| Reading::new(theirs, wall, round_trip));
            visit.clock = [visit.clock, reading]
                .into_iter()
                .flatten()
                .min_by_key(|reading| reading.uncertainty_ms);
        }
        Ok(visit)
    }
}

fn log_dirs(answer: &DescribeLogDirsResponse) -> Result<Vec<LogDir>, String> {
    match answer.error_code {
        0 => Ok(answer.results.iter().map(log_dir).collect()),
        code => Err(error_name(code)),
    }
}

fn log_dir(told: &DescribeLogDirsResult) -> LogDir {
    // Before version 4, and where a broker does not know, both are -1.
    let space = match (u64::try_from(told.total_bytes), u64::try_from(told.usable_bytes)) {
        (Ok(total_bytes), Ok(usable_bytes)) => Some(Space { total_bytes, usable_bytes }),
        _ => None,
    };
    let error = (told.error_code != 0).then(|| error_name(told.error_code));
    LogDir { path: told.log_dir.to_string(), error, space }
}

fn error_name(code: i16) -> String {
    ErrorCode::from_code(code).map_or_else(|| format!("error {code}"), |known| known.to_string())
}

/// So often a broker is asked.
const ASKED: usize = 3;
