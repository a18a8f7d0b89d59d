//! Everybody who works in a run, and whether each was given what it was promised.
//!
//! ```text
//!   producer-0, -1 ──▶ events ──▶ reader-0, -1 (a group)      idempotent
//!   mover-0, -1    ──▶ moves  ──▶ auditor (committed only)    transactions, and a group of each
//!   clicker        ──▶ clicks ──▶ [ window job ] ──▶ views
//! ```

use jobs::{Answer, Asker};
use model::TopicName;
use wire::{
    Api,
    messages::{
        self, CreateTopicsRequest, CreateTopicsResponse, create_topics_request::CreatableTopic,
        text,
    },
};
use world::{Chance, sim::threads::ProcessId};

use crate::{
    check,
    client::Client,
    fault::Plan,
    history::{Fate, History, Outcome, Sent, Transaction},
    judge::{judge_jobs, judge_records, judge_transactions, judge_windows},
    net::{Host, Net},
    node::Node,
    run::Verdict,
    workload::{Running, Setting, auditor, consumer, producer, transactional},
};

const PARTITIONS: i32 = 3;

/// Who must come back to life.
pub(crate) const WORKLOADS: [&str; 8] = [
    "producer-0",
    "producer-1",
    "reader-0",
    "reader-1",
    "mover-0",
    "mover-1",
    "auditor",
    "clicker",
];
/// The hosts that clients are on.
pub(crate) const CLIENTS: std::ops::Range<u16> = 99..110;

/// The work of one run.
pub(crate) struct Load {
    client: Client,
    topics: Topics,
    sent: History,
    moved: History,
    clicked: History,
    running: Running,
}

struct Topics {
    events: TopicName,
    moves: TopicName,
    clicks: TopicName,
    views: TopicName,
}

impl Load {
    /// Makes topics of `factor` replicas, gives `node` its job, and has everybody begin.
    pub(crate) fn begin(
        net: &Net,
        (brokers, node): (&[Host], &Node),
        factor: i16,
        mut draw: impl FnMut() -> Chance,
    ) -> Self {
        let brokers = brokers.to_vec();
        let mut client = Client::new(net.clone(), Host(CLIENTS.start), "checker", brokers.clone());
        let topic = |name| TopicName::parse(name).expect("a legal name");
        let (events, moves) = (topic("events"), topic("moves"));
        let (clicks, views) = (topic("clicks"), topic("views"));
        for (topic, partitions) in [(&events, PARTITIONS), (&moves, PARTITIONS)] {
            create(&mut client, node.host(), (topic, partitions, factor));
        }
        for topic in [&clicks, &views] {
            create(&mut client, node.host(), (topic, 1, factor));
        }
        submit(node);
        let (sent, moved, clicked) = (History::default(), History::default(), History::default());
        let mut running = Running::new(net.clone(), brokers);
        for name in WORKLOADS {
            let role = name.trim_end_matches(|it: char| it == '-' || it.is_ascii_digit());
            let (history, on) = match role {
                "mover" | "auditor" => (&moved, (&moves, PARTITIONS)),
                "clicker" => (&clicked, (&clicks, 1)),
                _ => (&sent, (&events, PARTITIONS)),
            };
            let work: fn(Setting) = match role {
                "producer" => producer::events,
                "reader" => consumer::run,
                "mover" => transactional::run,
                "auditor" => auditor::run,
                _ => producer::clicks,
            };
            running.start(name, on, (history.clone(), draw()), work);
        }
        let topics = Topics { events, moves, clicks, views };
        Self { client, topics, sent, moved, clicked, running }
    }

    /// What was seen of each kind of work.
    pub(crate) fn histories(&self) -> [&History; 3] {
        [&self.sent, &self.moved, &self.clicked]
    }

    /// Any of the clients.
    pub(crate) fn any(&self, plan: &mut Plan) -> ProcessId {
        self.running.process(plan.any(self.running.count()))
    }

    /// Has everybody end, and judges what is there.
    pub(crate) fn end(mut self, nodes: &[Node], verdict: &mut Verdict) {
        self.running.end();
        let Topics { events, moves, clicks, views } = &self.topics;
        let client = &mut self.client;
        let mut found = judge_records(client, (events, PARTITIONS), &self.sent);
        found.extend(judge_records(client, (clicks, 1), &self.clicked));
        found.extend(judge_transactions(client, (moves, PARTITIONS), &self.moved));
        found.extend(judge_jobs(nodes));
        found.extend(judge_windows(client, clicks, views));
        for history in [&self.sent, &self.moved, &self.clicked] {
            let facts = history.facts();
            found.extend(facts.violations.iter().cloned());
            let is_acked = |sent: &&Sent| matches!(sent.outcome, Outcome::Acked(_));
            verdict.acked += facts.sent.iter().filter(is_acked).count();
            let is_committed = |it: &&Transaction| it.fate == Fate::Committed;
            verdict.committed += facts.transactions.iter().filter(is_committed).count();
        }
        verdict.violations.extend(found);
    }
}

fn create(
    client: &mut Client,
    broker: Host,
    (topic, partitions, replicas): (&TopicName, i32, i16),
) {
    let new = CreatableTopic::default()
        .with_name(messages::TopicName(text(topic.as_str())))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas);
    let request = CreateTopicsRequest::default().with_timeout_ms(5_000).with_topics(vec![new]);
    loop {
        let answer: Result<CreateTopicsResponse, _> =
            client.ask(broker, (Api::CreateTopics, 5), &request);
        let made = answer.is_ok_and(|answer| {
            answer.topics.first().is_some_and(|it| it.error_code == 0 || it.error_code == 36)
        });
        if made {
            return;
        }
        client.back_off();
    }
}

/// Gives the node its job.
fn submit(node: &Node) {
    struct Listener(Vec<Answer>);
    impl Asker for Listener {
        fn answer(&mut self, answer: Answer) -> bool {
            self.0.push(answer);
            true
        }

        fn is_there(&self) -> bool {
            true
        }
    }
    let engine = node.inside().expect("nothing has broken yet").engine;
    let mut listener = Listener(Vec::new());
    engine.execute("", check::SCRIPT, &mut listener);
    let refused = listener.0.iter().find(|answer| matches!(answer, Answer::Error { .. }));
    assert!(refused.is_none(), "the job is refused: {refused:?}");
}
