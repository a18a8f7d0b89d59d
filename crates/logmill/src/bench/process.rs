//! The CPU time and memory of a process, from /proc.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde::Serialize;

use super::BenchError;
use crate::process::memory_bytes;

/// Memory is looked at this often: the peak since the process began says nothing of this run.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(50);

/// A process under watch.
pub(super) struct Watch {
    pid: u32,
    cpu_before: f64,
    peak_bytes: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    sampler: JoinHandle<()>,
}

/// What a process took during a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Usage {
    /// User and system time.
    pub(super) cpu_seconds: f64,
    /// CPU seconds per 10^9 bytes of keys and values.
    pub(super) cpu_seconds_per_gb: f64,
    /// CPU seconds per million records.
    pub(super) cpu_seconds_per_million: f64,
    /// The most memory that was seen during the run, in MiB.
    pub(super) rss_peak_mib: f64,
    /// The most memory since the process began, in MiB.
    pub(super) rss_peak_ever_mib: f64,
}

impl Watch {
    /// Begins.
    pub(super) fn start(pid: u32) -> Result<Self, BenchError> {
        let cpu_before = cpu_seconds(pid).ok_or_else(|| format!("no process {pid}"))?;
        let peak_bytes = Arc::new(AtomicU64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let sampler = {
            let (peak_bytes, is_over) = (Arc::clone(&peak_bytes), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Ordering::Acquire) {
                    if let Some((now, _)) = memory_bytes(pid) {
                        peak_bytes.fetch_max(now, Ordering::Relaxed);
                    }
                    thread::sleep(SAMPLE_INTERVAL);
                }
            })
        };
        Ok(Self { pid, cpu_before, peak_bytes, is_over, sampler })
    }

    /// Ends, and says what was taken for this many records of this many bytes.
    pub(super) fn stop(self, records: u64, bytes: u64) -> Result<Usage, BenchError> {
        let after = cpu_seconds(self.pid);
        let ever = memory_bytes(self.pid).map_or(0, |(_, ever)| ever);
        self.is_over.store(true, Ordering::Release);
        drop(self.sampler.join());
        let gone = || format!("process {} ended during the run", self.pid);
        let cpu_seconds = after.ok_or_else(gone)? - self.cpu_before;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        Ok(Usage {
            cpu_seconds,
            cpu_seconds_per_gb: cpu_seconds / (bytes.max(1) as f64) * 1e9,
            cpu_seconds_per_million: cpu_seconds / (records.max(1) as f64) * 1e6,
            rss_peak_mib: mib(self.peak_bytes.load(Ordering::Relaxed)),
            rss_peak_ever_mib: mib(ever),
        })
    }
}

/// User and system time of process `pid` so far; of this process for 0.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    let path = match pid {
        0 => "/proc/self/stat".to_owned(),
        pid => format!("/proc/{pid}/stat"),
    };
    let stat = fs::read_to_string(path).ok()?;
    parse_cpu_ticks(&stat)
        .map(|ticks| ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Fields 14 and 15 of /proc/PID/stat. The second is a name in brackets, which may hold anything.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "12 (a ) (b c) R 1 12 12 0 -1 4194304 9 0 0 0 70 30 0 0 20 0 1 0 5 6 7";
        assert_eq!(parse_cpu_ticks(stat), Some(100));
        assert_eq!(parse_cpu_ticks("nonsense"), None);
    }

    #[test]
    fn this_process_can_be_watched() {
        let usage =
            Watch::start(std::process::id()).unwrap().stop(1_000_000, 1_000_000_000).unwrap();
        assert_eq!(usage.cpu_seconds_per_gb, usage.cpu_seconds_per_million);
        assert!(usage.rss_peak_ever_mib > 0.0);
    }
}
