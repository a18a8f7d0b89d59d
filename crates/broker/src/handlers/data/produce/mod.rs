//! Produce, versions 3 to 13, in two stages.
//!
//! 5 answers the log's start, 7 allows zstd, 8 names the records at fault, 9 is flexible, 10 hints at leaders, 13 names topics by id.
//! A transactional request is first verified ([`verifying`]), which may await the transaction's coordinator. [`Producing::stage_one`] never awaits: it parses, checks and appends, in the order of the connection. What is then not yet
//! replicated (`acks=all`) becomes a [`Replicating`], which is stage two: data that is woken by the high watermark.
//!
//! Differs from Kafka: a batch that breaks a rule fails its partition, where Kafka fails the whole request for some of them.

mod answers;
mod replicating;
mod topics;
mod verifying;

use bytes::{Buf, BytesMut};
use model::{ErrorCode, TopicName, Verification};
use records::{Batch, Codec};
use replication::{Acks, Terms};
use storage::Origin;
use wire::{
    ProduceAnswer, ProducePartition, ProducePartitionAnswer, ProduceRequest, ProduceTopicAnswer,
    RequestHeader, WireError,
};

pub(crate) use self::replicating::Replicating;
use self::{
    answers::{Refused, placed, refused},
    replicating::Awaited,
    topics::{Resolved, Topics},
    verifying::Verified,
};
use crate::{
    broker::Shared,
    connection::{Produced, Unanswered},
    dispatch::Asker,
};

/// What a connection keeps from one Produce to the next: memory, and the partitions it writes to.
#[derive(Default)]
pub(crate) struct Producing {
    request: ProduceRequest,
    topics: Topics,
    verified: Verified,
}

/// A batch smaller than this is copied out of its frame: the log keeps recent batches, and a small one would keep a buffer
/// alive that is many times its size.
const COPIED_BYTES_MAX: usize = 8 << 10;

/// The client that may write to internal topics, as with Kafka.
const ADMIN_CLIENT: &str = "__admin_client";

/// What holds for all partitions of one request.
struct RequestTerms<'a> {
    shared: &'a Shared,
    version: i16,
    /// None when the request says nonsense.
    acks: Option<Acks>,
    has_transactional_id: bool,
    is_admin: bool,
}

impl RequestTerms<'_> {
    /// Whether a transactional batch may begin a transaction only when its coordinator knows.
    fn is_verified(&self) -> bool {
        verifying::is_asked(self.shared, self.version)
    }
}

impl Producing {
    /// Parses, checks, appends. An error ends the connection.
    pub(crate) fn stage_one(
        &mut self,
        shared: &Shared,
        _asker: &Asker,
        header: &RequestHeader,
        mut frame: BytesMut,
    ) -> Result<Produced, WireError> {
        let is_admin = header.client_id(&frame) == ADMIN_CLIENT;
        frame.advance(header.size_bytes);
        self.request.parse(&frame, header.version)?;
        let request_bytes = frame.len();
        let terms = RequestTerms {
            shared,
            version: header.version,
            acks: Acks::from_wire(self.request.acks),
            has_transactional_id: self.request.transactional_id.is_some(),
            is_admin,
        };

        let mut cut = Cut { rest: frame, position: 0 };
        let mut awaited = Vec::new();
        let mut answer = ProduceAnswer::default();
        answer.topics.reserve_exact(self.request.topics.len());
        let image = shared.publisher.current();
        for topic in &self.request.topics {
            let resolved = self.topics.resolve(&image, &topic.key, &cut);
            let part = topic_answer(
                &terms,
                (topic.partitions.start, &self.request.partitions[topic.partitions.clone()]),
                resolved,
                (&mut cut, &mut self.verified),
            );
            for mut wait in part.awaited {
                wait.topic = answer.topics.len();
                awaited.push(wait);
            }
            answer.topics.push(part.answer);
        }
        answers::hint(&mut answer, &image, terms.version);
        Ok(finish(answer, awaited, &self.request, header, request_bytes))
    }
}

fn finish(
    answer: ProduceAnswer,
    awaited: Vec<Awaited>,
    request: &ProduceRequest,
    header: &RequestHeader,
    request_bytes: usize,
) -> Produced {
    let parts = || answer.topics.iter().flat_map(|topic| &topic.partitions);
    if request.acks == 0 {
        let failed = parts().any(|part| !part.error.is_none());
        return if failed { Produced::Refused } else { Produced::Unanswered };
    }
    Produced::Answer(if awaited.is_empty() {
        Unanswered::Ready(answer.encode(header.version, header.correlation).freeze())
    } else {
        Unanswered::Replicating(Box::new(Replicating::new(
            answer,
            awaited,
            (header.version, header.correlation),
            request.timeout_ms,
            request_bytes,
        )))
    })
}

struct TopicPart {
    answer: ProduceTopicAnswer,
    awaited: Vec<Awaited>,
}

fn topic_answer(
    terms: &RequestTerms<'_>,
    (first, asked): (usize, &[ProducePartition]),
    mut resolved: Resolved<'_>,
    (cut, verified): (&mut Cut, &mut Verified),
) -> TopicPart {
    let mut partitions = Vec::with_capacity(asked.len());
    let mut awaited = Vec::new();
    for (place, asked) in (first..).zip(asked) {
        let batch = asked.records.clone().map(|range| cut.take(range));
        let verification = verified.take(place);
        let placed = append(terms, &mut resolved, asked.index, (batch, verification));
        partitions.push(match placed {
            Ok((answer, waits)) => {
                awaited.extend(waits.map(|wait| Awaited { partition: partitions.len(), ..wait }));
                answer
            }
            Err(why) => {
                terms.shared.metrics.produce_failed.add(1);
                refused(asked.index, why)
            }
        });
    }
    let (name, id) = resolved.into_names();
    TopicPart { answer: ProduceTopicAnswer { name, id, partitions }, awaited }
}

fn append(
    terms: &RequestTerms<'_>,
    resolved: &mut Resolved<'_>,
    index: i32,
    (batch, verification): (Option<BytesMut>, Result<Verification, ErrorCode>),
) -> Result<(ProducePartitionAnswer, Option<Awaited>), Refused> {
    let acks = terms.acks.ok_or(ErrorCode::InvalidRequiredAcks)?;
    let topic = resolved.name()?;
    if is_closed_to_clients(topic) && !terms.is_admin {
        return Err(ErrorCode::InvalidTopicException.into());
    }
    let batch = batch.ok_or(ErrorCode::InvalidRecord)?;
    let Checked { records, is_transactional } = check(terms, &batch)?;
    let verification = match verification {
        Ok(verification) if is_transactional && terms.is_verified() => verification,
        Ok(_) => Verification::Waived,
        Err(code) => return Err(code.into()),
    };
    let append = Terms { origin: Origin::Client, reign: None, verification };
    let size = batch.len();
    let replica = resolved.partition(terms.shared, index)?;
    let done = replica.append(batch, acks, append).map_err(Refused::Partition)?;
    if !done.appended.duplicate {
        terms.shared.metrics.messages_in.add(records);
        terms.shared.metrics.bytes_in.add(size as u64);
    }
    let until = done.appended.last.plus(1);
    let waits = (acks == Acks::All && !done.is_replicated()).then(|| Awaited {
        topic: 0,
        partition: 0,
        reign: done.reign,
        replica,
        until,
    });
    Ok((placed(index, &done.appended), waits))
}

/// Clients may read internal topics; what is in them is the broker's.
fn is_closed_to_clients(topic: &TopicName) -> bool {
    topic.is_internal()
}

/// What a batch says of itself.
struct Checked {
    records: u64,
    is_transactional: bool,
}

/// What holds for a batch in any partition; the log checks the rest.
fn check(terms: &RequestTerms<'_>, bytes: &[u8]) -> Result<Checked, Refused> {
    let batch =
        Batch::parse(bytes).map_err(|error| Refused::Words(error.code(), error.to_string()))?;
    if batch.size_bytes() != bytes.len() {
        let words = format!(
            "Produce requests with version {} are only allowed to contain exactly one record batch per partition",
            terms.version
        );
        return Err(Refused::Words(ErrorCode::InvalidRecord, words));
    }
    if terms.version < 7 && batch.codec() == Ok(Codec::Zstd) {
        let words =
            "Produce requests with version below 7 are not allowed to use ZStandard compression";
        return Err(Refused::Words(ErrorCode::UnsupportedCompressionType, words.to_owned()));
    }
    let is_transactional = batch.is_transactional();
    if is_transactional && !terms.has_transactional_id {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed.into());
    }
    Ok(Checked { records: u64::try_from(batch.record_count()).unwrap_or(0), is_transactional })
}

/// The body of a request, consumed from the front: what is cut out keeps the memory that it came in.
struct Cut {
    rest: BytesMut,
    position: usize,
}

impl Cut {
    /// What lies at `range`, which is not passed yet.
    fn peek(&self, range: &std::ops::Range<usize>) -> &[u8] {
        &self.rest[range.start - self.position..range.end - self.position]
    }

    fn take(&mut self, range: std::ops::Range<usize>) -> BytesMut {
        self.rest.advance(range.start - self.position);
        self.position = range.end;
        let batch = self.rest.split_to(range.len());
        if batch.len() >= COPIED_BYTES_MAX { batch } else { BytesMut::from(&batch[..]) }
    }
}
