//! The disks of brokers: is a log directory offline, or soon full?
//!
//! Told: what a broker says of its log directories (DescribeLogDirs; sizes since version 4). A full disk refuses every write to it; nothing that
//! was acknowledged is lost by it.

use world::Space;

use super::finding::Finding;

/// A log directory, as its broker tells it.
pub(super) struct LogDir {
    pub(super) path: String,
    /// What the broker says is wrong with it.
    pub(super) error: Option<String>,
    /// None where the broker does not know.
    pub(super) space: Option<Space>,
}

/// What is to be said of the log directories of `broker`.
pub(super) fn judge(broker: i32, log_dirs: &Result<Vec<LogDir>, String>) -> Vec<Finding> {
    match log_dirs {
        Ok(log_dirs) => log_dirs.iter().map(|log_dir| finding(broker, log_dir)).collect(),
        Err(why) => {
            vec![Finding::Unknown(format!("broker {broker} does not tell its log dirs: {why}"))]
        }
    }
}

fn finding(broker: i32, log_dir: &LogDir) -> Finding {
    let path = &log_dir.path;
    if let Some(error) = &log_dir.error {
        return Finding::Bad(format!(
            "broker {broker}: {path} is offline ({error}); mend the disk, then start the broker again"
        ));
    }
    let Some(space) = log_dir.space.filter(|space| space.total_bytes > 0) else {
        return Finding::Unknown(format!("broker {broker} does not tell the size of {path}"));
    };
    let free = format!(
        "broker {broker}: {} GiB ({} %) free for {path}",
        gib(space.usable_bytes),
        percent(&space)
    );
    if is_below(&space, FREE_PERCENT_BAD) {
        Finding::Bad(format!("{free}; make room: a full disk refuses every write"))
    } else if is_below(&space, FREE_PERCENT_RISK) {
        Finding::Risk(format!("{free}; a full disk refuses every write"))
    } else {
        Finding::Ok(free)
    }
}

fn is_below(space: &Space, limit_percent: u64) -> bool {
    u128::from(space.usable_bytes) * 100 < u128::from(space.total_bytes) * u128::from(limit_percent)
}

/// Rounded down: 4.9 % is not told as the 5 that it lacks.
fn percent(space: &Space) -> u128 {
    u128::from(space.usable_bytes) * 100 / u128::from(space.total_bytes)
}

/// With one digit after the point.
fn gib(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / (1 << 30);
    format!("{}.{}", tenths / 10, tenths % 10)
}

const FREE_PERCENT_RISK: u64 = 15;
const FREE_PERCENT_BAD: u64 = 5;
const _: () = assert!(FREE_PERCENT_BAD < FREE_PERCENT_RISK);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(usable_bytes: u64, total_bytes: u64) -> String {
        let space = Some(Space { total_bytes, usable_bytes });
        let log_dir = LogDir { path: "/data".to_owned(), error: None, space };
        finding(1, &log_dir).to_string()
    }

    #[test]
    fn a_disk_is_judged_by_what_is_free() {
        let gib = 1 << 30;
        assert_eq!(told(15 * gib, 100 * gib), "ok    broker 1: 15.0 GiB (15 %) free for /data");
        let risk = "; a full disk refuses every write";
        assert_eq!(
            told(15 * gib - 1, 100 * gib),
            format!("risk  broker 1: 14.9 GiB (14 %) free for /data{risk}")
        );
        assert!(told(5 * gib, 100 * gib).starts_with("risk  broker 1: 5.0 GiB (5 %)"));
        assert!(told(5 * gib - 1, 100 * gib).starts_with("bad   broker 1: 4.9 GiB (4 %)"));
        assert!(told(0, 1).starts_with("bad   broker 1: 0.0 GiB (0 %)"));
        assert!(told(u64::MAX, u64::MAX).starts_with("ok  "), "no overflow");
        assert_eq!(told(0, 0), "?     broker 1 does not tell the size of /data");
    }

    #[test]
    fn a_failed_directory_is_bad_and_silence_is_no_answer() {
        let (path, error) = ("/data".to_owned(), Some("KAFKA_STORAGE_ERROR".to_owned()));
        let failed = judge(2, &Ok(vec![LogDir { path, error, space: None }]));
        let [Finding::Bad(text)] = &failed[..] else { panic!("{failed:?}") };
        assert!(text.starts_with("broker 2: /data is offline (KAFKA_STORAGE_ERROR)"), "{text}");
        let refused = judge(2, &Err("CLUSTER_AUTHORIZATION_FAILED".to_owned()));
        assert!(matches!(&refused[..], [Finding::Unknown(_)]), "{refused:?}");
    }
}
