//! `logmill doctor`: dials every advertised listener, looks at clocks and disks, and names what is wrong, and what could lose data.
//!
//! Told: a bootstrap server. Asks through Kafka's protocol alone; limits are those of the machine that it runs on. Each finding is one line: `bad` is
//! broken now, `risk` is a setting under which an acknowledged record can be lost, or what will break soon, `ok` was looked at, `?` could not be.

mod clocks;
mod disks;
mod finding;
mod visit;

use std::process::ExitCode;

use clap::Args;
use client::Cluster;
use rustix::process::{Resource, getrlimit};
use world::{Clock, real::SystemClock};

use self::{finding::Finding, visit::Visit};
use super::{
    ask::ask,
    report::{Broker, Partition, Report},
};

/// Look for what is wrong with a cluster, and for settings that can lose data.
#[derive(Args, Debug)]
#[command(
    after_help = "Looks at listeners, clocks (against this machine's and each other), disks, the quorum, partitions and their settings.
Each line is ok, risk (data can be lost, or soon something breaks), bad (it is broken), or ? (nobody tells).

Ends with 1 when something is bad; risks alone end with 0."
)]
pub(crate) struct DoctorArgs {
    /// Any of its brokers, host:port; several with commas.
    #[arg(long, default_value = "localhost:9092", value_name = "HOST:PORT")]
    bootstrap_server: String,
}

/// Runs the command.
pub(crate) fn run(args: &DoctorArgs) -> ExitCode {
    match examine(&args.bootstrap_server) {
        Ok(findings) => {
            findings.iter().for_each(|finding| println!("{finding}"));
            let is_bad = findings.iter().any(|finding| matches!(finding, Finding::Bad(_)));
            if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn examine(bootstrap: &str) -> Result<Vec<Finding>, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cluster = Cluster::connect(bootstrap, super::options()).await?;
        let report = ask(&cluster).await?;
        let mut findings = visited(&report.brokers, &SystemClock::new()).await;
        findings.extend(judge(&report));
        findings.push(open_files());
        Ok(findings)
    })
}

/// Whether each broker answers where it says that it listens, and how its disks and its clock are.
async fn visited(brokers: &[Broker], clock: &dyn Clock) -> Vec<Finding> {
    let (mut listeners, mut found, mut readings) = (Vec::new(), Vec::new(), Vec::new());
    for Broker { id, address, .. } in brokers {
        match Visit::pay(address, clock).await {
            Ok(visit) => {
                listeners.push(Finding::Ok(format!("broker {id} answers at {address}")));
                found.extend(disks::judge(*id, &visit.log_dirs));
                readings.push((*id, visit.clock));
            }
            Err(error) => {
                listeners.push(Finding::Bad(format!("broker {id} at {address}: {error}")));
            }
        }
    }
    listeners.extend(found);
    listeners.extend(clocks::judge(&readings));
    listeners
}

fn judge(report: &Report) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(match report.quorum.as_ref().and_then(|quorum| quorum.leader) {
        Some(leader) => Finding::Ok(format!("node {leader} leads the quorum")),
        None => Finding::Bad("nobody leads the quorum".to_owned()),
    });
    if let Some(quorum) = report.quorum.as_ref().filter(|quorum| quorum.voters.len() == 2) {
        let voters = quorum.voters.len();
        let text = format!("{voters} voters: if either is away, nothing can be changed; take 3");
        findings.push(Finding::Risk(text));
    }
    for broker in report.brokers.iter().filter(|broker| broker.is_fenced) {
        findings.push(Finding::Bad(format!("broker {} is fenced: it serves nobody", broker.id)));
    }
    findings.extend(BAD.iter().filter_map(|kind| kind.told(report)).map(Finding::Bad));
    // On a lone broker there is nothing to choose.
    if report.brokers.len() > 1 {
        findings.extend(RISKS.iter().filter_map(|kind| kind.told(report)).map(Finding::Risk));
    }
    findings
}

/// What partitions may have in common.
struct Kind {
    is: fn(&Partition) -> bool,
    what: &'static str,
}

impl Kind {
    /// Which partitions are so; none when none is.
    fn told(&self, report: &Report) -> Option<String> {
        let found = report.partitions.iter().filter(|one| (self.is)(one));
        let names: Vec<_> = found.map(|one| format!("{}-{}", one.topic, one.partition)).collect();
        let shown = names.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = if names.len() > SHOWN_MAX { ", …" } else { "" };
        let text = format!("{} partitions {} ({shown}{more})", names.len(), self.what);
        (!names.is_empty()).then_some(text)
    }
}

const BAD: [Kind; 3] = [
    Kind { is: Partition::is_offline, what: "offline: they can be neither written nor read" },
    Kind { is: Partition::is_under_min_in_sync, what: "under their min ISR: acks=all is refused" },
    Kind {
        is: Partition::is_under_replicated,
        what: "under-replicated: wait before another node is stopped",
    },
];
const RISKS: [Kind; 3] = [
    Kind {
        is: |one| one.replicas.len() == 1,
        what: "of one replica: they are lost with their disk",
    },
    Kind {
        is: |one| one.replicas.len() > 1 && one.min_in_sync == 1,
        what: "with min.insync.replicas=1: acks=all may be one disk",
    },
    Kind {
        is: |one| one.is_unclean_allowed,
        what: "with unclean.leader.election.enable: a replica that was away may lead, and what it lacks is lost",
    },
];

fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < OPEN_FILES_LEAST => Finding::Risk(format!(
            "{limit} files may be open here; many partitions want {OPEN_FILES_LEAST}"
        )),
        Some(limit) => Finding::Ok(format!("{limit} files may be open here")),
        None => Finding::Ok("any number of files may be open here".to_owned()),
    }
}

const SHOWN_MAX: usize = 5;
const OPEN_FILES_LEAST: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_lose_data_is_a_risk_and_what_is_broken_is_bad() {
        let broker = |id| Broker { id, address: String::new(), rack: None, is_fenced: id == 3 };
        let partition = |number, in_sync: &[i32], min_in_sync| Partition {
            topic: "orders".to_owned(),
            partition: number,
            leader: Some(1),
            replicas: vec![1, 2],
            in_sync: in_sync.to_vec(),
            min_in_sync,
            is_unclean_allowed: false,
            adding: Vec::new(),
            removing: Vec::new(),
        };
        let report = Report {
            cluster_id: String::new(),
            quorum: None,
            brokers: vec![broker(1), broker(3)],
            partitions: vec![partition(0, &[1], 2), partition(1, &[1, 2], 1)],
        };
        let told: Vec<String> = judge(&report).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 5, "{told:?}");
        assert_eq!(told[0], "bad   nobody leads the quorum");
        assert_eq!(told[1], "bad   broker 3 is fenced: it serves nobody");
        assert!(told[2].starts_with("bad   1 partitions under their min ISR"), "{told:?}");
        assert!(told[4].starts_with("risk  1 partitions with min.insync.replicas=1"), "{told:?}");
        assert!(told[4].ends_with("(orders-1)"), "{told:?}");
    }
}
