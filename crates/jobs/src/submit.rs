//! From a bound INSERT to a stored job.

use controller::IfThere;
use flow::plan::{Plan, Sink};
use metadata::Image;
use model::TopicName;
use sql::StatementKind;
use world::exec::Wait;

use crate::{
    engine::Engine,
    fact::{JobFact, JobState},
    session::Session,
};

/// A topic of a job's own: one partition, kept until the job lets go of it.
const JOURNAL_OPTIONS: [(&str, &str); 3] =
    [("retention.ms", "-1"), ("retention.bytes", "-1"), ("segment.bytes", "67108864")];

impl Engine {
    /// Stores `plan` as a job; the leader of its journal runs it. Answers the fact.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) fn submit(
        &self,
        sql: &str,
        session: &Session,
        mut plan: Plan,
    ) -> Result<JobFact, String> {
        plan.dead_letters = plan.dead_letters.take().or_else(|| default_dead_letters(&plan));
        let plan = &plan;
        let id = self.new_job_id();
        let fact = JobFact {
            version: JobFact::VERSION,
            name: session.settings.pipeline_name().map_or_else(|| name_of(plan), str::to_owned),
            sql: sql.to_owned(),
            session: session.preamble(),
            plan: serde_json::to_value(plan).map_err(|error| error.to_string())?,
            group: group_of(plan).unwrap_or_else(|| format!("logmill-{id}")),
            state: JobState::Running,
            submitted_ms: self.clock.wall().0,
            last: None,
            id,
        };
        self.make_topics(plan)?;
        let journal = fact.journal().topic;
        self.topics
            .create(&journal, 1, &JOURNAL_OPTIONS)
            .map_err(|code| format!("the job's own topic {journal} cannot be made: {code}"))?;
        self.controller
            .put_job(&fact.id, fact.text(), IfThere::Refuse)
            .wait()
            .ok_or("the controller is stopping")?
            .map_err(|refusal| refusal.to_string())?;
        // Runs it if its journal is led here; otherwise its leader has heard.
        self.follow();
        Ok(fact)
    }

    /// Sources must be there; what is written is made when it is missing, as a producer's first record would make it.
    fn make_topics(&self, plan: &Plan) -> Result<(), String> {
        self.require_sources(plan)?;
        let mut wanted = Vec::new();
        if let Sink::Topic(sink) = &plan.sink {
            let options: &[(&str, &str)] =
                if sink.upsert { &[("cleanup.policy", "compact")] } else { &[] };
            wanted.push((&sink.topic, options));
        }
        for (topic, options) in wanted {
            if self.topics.topic(topic).is_none() {
                self.topics
                    .create(topic, -1, options)
                    .map_err(|code| format!("topic {topic} cannot be made: {code}"))?;
            }
        }
        Ok(())
    }

    /// Every topic that the plan reads exists.
    pub(crate) fn require_sources(&self, plan: &Plan) -> Result<(), String> {
        let missing = plan.source.topics.iter().find(|topic| self.topics.topic(topic).is_none());
        match missing {
            None => Ok(()),
            Some(topic) => Err(format!(
                "topic {topic} of table {} does not exist; create it, or produce to it, first",
                plan.source.table
            )),
        }
    }
}

/// Binds a stored job's text again: its plan is of another version.
///
/// # Errors
/// What is wrong with the text today.
pub(crate) fn bind_again(fact: &JobFact, image: &Image) -> Result<Plan, String> {
    let session = Session::open(image, &fact.session).map_err(|error| error.to_string())?;
    let statements = sql::parse_script(&fact.sql).map_err(|error| error.to_string())?;
    let insert = statements
        .iter()
        .find(|statement| matches!(statement.kind, StatementKind::Insert { .. }))
        .ok_or_else(|| "the stored text holds no INSERT".to_owned())?;
    sql::bind_insert(insert, &session.tables, &session.settings)
        .map(|bound| bound.plan)
        .map_err(|error| error.render(&fact.sql))
}

fn name_of(plan: &Plan) -> String {
    match &plan.sink {
        Sink::Topic(sink) => format!("insert-into_{}", sink.table),
        Sink::Blackhole => "insert-into_blackhole".to_owned(),
        Sink::Screen => format!("select_{}", plan.source.table),
    }
}

fn group_of(plan: &Plan) -> Option<String> {
    match &plan.source.startup {
        flow::plan::Startup::Group { group, .. } => Some(group.clone()),
        _ => None,
    }
}

/// Where rows go that cannot be used when the session names no topic for them.
fn default_dead_letters(plan: &Plan) -> Option<TopicName> {
    let source = plan.source.topics.first()?;
    TopicName::parse(&format!("{source}-dlq")).ok()
}
