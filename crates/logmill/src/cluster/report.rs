//! What was answered, and how it is shown: as text with one line per broker and per partition that lacks something or is reassigned, or as JSON.

use std::fmt;

use serde::Serialize;

/// A cluster at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) cluster_id: String,
    /// None when the quorum does not answer.
    pub(super) quorum: Option<Quorum>,
    pub(super) brokers: Vec<Broker>,
    pub(super) partitions: Vec<Partition>,
}

#[derive(Debug, Serialize)]
pub(super) struct Quorum {
    pub(super) leader: Option<i32>,
    pub(super) term: i32,
    pub(super) high_watermark: i64,
    pub(super) voters: Vec<Replica>,
    pub(super) observers: Vec<Replica>,
}

#[derive(Debug, Serialize)]
pub(super) struct Replica {
    pub(super) id: i32,
    /// Entries behind the newest; none when the leader does not know.
    pub(super) lag: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Broker {
    pub(super) id: i32,
    pub(super) address: String,
    pub(super) rack: Option<String>,
    pub(super) is_fenced: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) leader: Option<i32>,
    pub(super) replicas: Vec<i32>,
    pub(super) in_sync: Vec<i32>,
    /// `min.insync.replicas`, and no more than there are replicas.
    pub(super) min_in_sync: usize,
    /// `unclean.leader.election.enable`.
    pub(super) is_unclean_allowed: bool,
    /// Those of the replicas that a reassignment adds.
    pub(super) adding: Vec<i32>,
    /// Those that go once it ends.
    pub(super) removing: Vec<i32>,
}

impl Partition {
    pub(super) const fn is_offline(&self) -> bool {
        self.leader.is_none()
    }

    pub(super) const fn is_under_min_in_sync(&self) -> bool {
        self.in_sync.len() < self.min_in_sync
    }

    /// As Kafka counts: whom a reassignment adds is not missed before it has ended.
    pub(super) const fn is_under_replicated(&self) -> bool {
        self.in_sync.len() + self.adding.len() < self.replicas.len()
    }

    pub(super) const fn is_reassigned(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }
}

impl Report {
    /// Whether nothing lacks.
    pub(super) fn is_healthy(&self) -> bool {
        let is_led = self.quorum.as_ref().is_some_and(|quorum| quorum.leader.is_some());
        let is_whole = |partition: &Partition| {
            !partition.is_offline()
                && !partition.is_under_min_in_sync()
                && !partition.is_under_replicated()
        };
        is_led
            && self.brokers.iter().all(|broker| !broker.is_fenced)
            && self.partitions.iter().all(is_whole)
    }

    pub(super) fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let names = |is: fn(&Partition) -> bool| -> Vec<String> {
            let found = self.partitions.iter().filter(|partition| is(partition));
            found.map(|found| format!("{}-{}", found.topic, found.partition)).collect()
        };
        value["is_healthy"] = self.is_healthy().into();
        value["offline"] = names(Partition::is_offline).into();
        value["under_min_in_sync"] = names(Partition::is_under_min_in_sync).into();
        value["under_replicated"] = names(Partition::is_under_replicated).into();
        value["reassigned"] = names(Partition::is_reassigned).into();
        value.to_string()
    }

    fn write_quorum(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(quorum) = &self.quorum else { return writeln!(out, "quorum   does not answer") };
        let leader = quorum.leader.map_or("nobody".to_owned(), |leader| format!("node {leader}"));
        writeln!(
            out,
            "quorum   {leader} leads, term {}, committed up to {}",
            quorum.term, quorum.high_watermark
        )?;
        for (what, replicas) in [("voter", &quorum.voters), ("observer", &quorum.observers)] {
            for Replica { id, lag } in replicas {
                let lag = lag.map_or("unknown".to_owned(), |lag| lag.to_string());
                writeln!(out, "  {what} {id}  lag {lag}")?;
            }
        }
        Ok(())
    }

    fn write_brokers(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fenced = self.brokers.iter().filter(|broker| broker.is_fenced).count();
        writeln!(out, "brokers  {}, {fenced} of them fenced", self.brokers.len())?;
        for Broker { id, address, rack, is_fenced } in &self.brokers {
            let count =
                |is: &dyn Fn(&&Partition) -> bool| self.partitions.iter().filter(is).count();
            let leads = count(&|partition| partition.leader == Some(*id));
            let holds = count(&|partition| partition.replicas.contains(id));
            let rack = rack.as_deref().unwrap_or("-");
            let fenced = if *is_fenced { "  FENCED" } else { "" };
            writeln!(
                out,
                "  broker {id}  {address}  rack {rack}  leads {leads} of {holds} replicas{fenced}"
            )?;
        }
        Ok(())
    }

    fn write_partitions(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = &self.partitions;
        let count = |is: fn(&Partition) -> bool| all.iter().filter(|one| is(one)).count();
        writeln!(
            out,
            "partitions  {}: {} offline, {} under min ISR, {} under-replicated, {} reassigned",
            all.len(),
            count(Partition::is_offline),
            count(Partition::is_under_min_in_sync),
            count(Partition::is_under_replicated),
            count(Partition::is_reassigned)
        )?;
        let shown = |one: &&Partition| {
            let lacks = one.is_offline() || one.is_under_min_in_sync() || one.is_under_replicated();
            lacks || one.is_reassigned()
        };
        for one in all.iter().filter(shown).take(SHOWN_MAX) {
            let leader = one.leader.map_or("nobody".to_owned(), |leader| leader.to_string());
            let Partition { topic, partition, replicas, in_sync, min_in_sync, .. } = one;
            let moved = match one.is_reassigned() {
                true => format!("  adding {:?} removing {:?}", one.adding, one.removing),
                false => String::new(),
            };
            writeln!(
                out,
                "  {topic}-{partition}  leader {leader}  in sync {in_sync:?} of {replicas:?}  min ISR {min_in_sync}{moved}"
            )?;
        }
        let more = all.iter().filter(shown).count().saturating_sub(SHOWN_MAX);
        if more > 0 { writeln!(out, "  and {more} more: --output json has all") } else { Ok(()) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "cluster  {}", self.cluster_id)?;
        self.write_quorum(out)?;
        self.write_brokers(out)?;
        self.write_partitions(out)
    }
}

/// Partitions that lack something or are reassigned are listed up to this many.
const SHOWN_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(in_sync: Vec<i32>, leader: Option<i32>) -> Report {
        let voters = vec![Replica { id: 1, lag: Some(0) }, Replica { id: 2, lag: None }];
        let quorum =
            Quorum { leader: Some(1), term: 3, high_watermark: 40, voters, observers: vec![] };
        let address = "127.0.0.1:9092".to_owned();
        let brokers = vec![Broker { id: 1, address, rack: None, is_fenced: false }];
        let (topic, replicas) = ("orders".to_owned(), vec![1, 2, 3]);
        let partition = Partition {
            topic,
            partition: 0,
            leader,
            replicas,
            in_sync,
            min_in_sync: 2,
            is_unclean_allowed: false,
            adding: Vec::new(),
            removing: Vec::new(),
        };
        let partitions = vec![partition];
        Report { cluster_id: "id".to_owned(), quorum: Some(quorum), brokers, partitions }
    }

    #[test]
    fn what_lacks_is_named() {
        let one = report(vec![1], Some(1));
        assert!(!one.is_healthy());
        let text = one.to_string();
        assert!(
            text.contains("1: 0 offline, 1 under min ISR, 1 under-replicated, 0 reassigned"),
            "{text}"
        );
        assert!(text.contains("orders-0  leader 1  in sync [1] of [1, 2, 3]  min ISR 2"), "{text}");
        assert!(text.contains("voter 2  lag unknown"), "{text}");
        let json = one.to_json();
        assert!(json.contains(r#""under_min_in_sync":["orders-0"]"#), "{json}");
    }

    #[test]
    fn whom_a_reassignment_adds_is_named_and_not_missed() {
        let mut one = report(vec![1, 2], Some(1));
        assert!(!one.is_healthy());
        (one.partitions[0].adding, one.partitions[0].removing) = (vec![3], vec![1]);
        assert!(one.is_healthy());
        let text = one.to_string();
        assert!(text.contains("0 under-replicated, 1 reassigned"), "{text}");
        assert!(text.contains("min ISR 2  adding [3] removing [1]"), "{text}");
        assert!(one.to_json().contains(r#""reassigned":["orders-0"]"#));
    }

    #[test]
    fn a_whole_cluster_is_healthy_and_an_offline_partition_is_not() {
        assert!(report(vec![1, 2, 3], Some(1)).is_healthy());
        assert!(!report(vec![1, 2, 3], None).is_healthy());
    }
}
