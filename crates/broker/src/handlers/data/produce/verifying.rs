//! Stage zero of a transactional Produce: is each partition in the transaction? (KIP-890)
//!
//! A partition that knows the transaction is not asked about. For the others the log hands out a guard first, then the coordinator is
//! asked: to add them (Produce 12 and later, transaction version 2), or whether they have been added (before). The connection goes on
//! with its next request only then, so that a producer's batches stay in order.

use std::{collections::BTreeMap, ops::Range};

use coordinator::{AddPartitions, ClientVersion};
use model::{ErrorCode, TopicPartition, Verification, VerificationGuard};
use records::Batch;
use wire::{ProduceRequest, RequestHeader, TopicKey, WireError};

use super::Producing;
use crate::{
    broker::Shared,
    handlers::transactions::producing,
    resolve::{self, Named},
    verification::{self, Guarded},
};

/// From this version on the first write adds the partition.
const ADDED_SINCE: i16 = 12;
const ABORTABLE_SINCE: i16 = 11;

/// What was found out of the partitions of one request, by their place in it.
#[derive(Default)]
pub(super) struct Verified(BTreeMap<usize, Result<Option<VerificationGuard>, ErrorCode>>);

/// What is to be found out.
pub(crate) struct Unverified {
    question: AddPartitions,
    guarded: Vec<Guarded>,
    /// The place in the request of each of them.
    places: Vec<usize>,
}

impl Verified {
    /// What the log is told of the batch at `place`.
    pub(super) fn take(&mut self, place: usize) -> Result<Verification, ErrorCode> {
        self.0.remove(&place).unwrap_or(Ok(None)).map(Verification::Asked)
    }
}

impl Producing {
    /// What must be asked before the request in `frame` is appended; none if nothing must, as of every request that is not
    /// transactional.
    pub(crate) fn unverified(
        &mut self,
        shared: &Shared,
        header: &RequestHeader,
        frame: &[u8],
    ) -> Result<Option<Unverified>, WireError> {
        let body = frame.get(header.size_bytes..).unwrap_or_default();
        if !ProduceRequest::is_transactional(body, header.version) {
            return Ok(None);
        }
        self.verified = Verified::default();
        self.request.parse(body, header.version)?;
        if !is_asked(shared, header.version) {
            return Ok(None);
        }
        let Some(id) = text(body, self.request.transactional_id.clone()) else { return Ok(None) };
        let (mut guarded, mut places, mut producer) = (Vec::new(), Vec::new(), None);
        for (place, named, batch) in batches(shared, &self.request, body) {
            let who = (batch.producer_id(), batch.producer_epoch());
            if !batch.is_transactional() || producer.is_some_and(|known| known != who) {
                continue;
            }
            let Some(partition) = shared.replicas.find(&named) else { continue };
            if let Some(begun) = Guarded::begin(partition, who, batch.base_sequence()) {
                guarded.push(begun);
                places.push(place);
                producer = Some(who);
            }
        }
        let Some((producer_id, epoch)) = producer else { return Ok(None) };
        let question = AddPartitions {
            producing: producing(id, producer_id.0, epoch.0),
            partitions: guarded.iter().map(|place| place.name().clone()).collect(),
            client_version: ClientVersion::TWO,
            is_verify_only: header.version < ADDED_SINCE,
        };
        Ok(Some(Unverified { question, guarded, places }))
    }

    /// Asks, and keeps what is answered for stage one.
    pub(crate) async fn verify(&mut self, shared: &Shared, version: i16, asked: Unverified) {
        let Unverified { question, mut guarded, places } = asked;
        let codes = verification::ask(shared, question, &mut guarded).await;
        for (guarded, place) in guarded.iter().zip(places) {
            let code = codes.get(guarded.name()).copied();
            let result = match code.unwrap_or(ErrorCode::UnknownServerError) {
                ErrorCode::None => Ok(guarded.guard()),
                code => Err(known_to(version, code)),
            };
            self.verified.0.insert(place, result);
        }
    }
}

/// Whether coordinators are asked at all. Producers of transaction version 2 rely on it whatever the setting.
pub(super) fn is_asked(shared: &Shared, version: i16) -> bool {
    version >= ADDED_SINCE || shared.options.verify_transactions
}

/// The batches of a request whose topics are here, with their place in it.
fn batches<'a>(
    shared: &Shared,
    request: &'a ProduceRequest,
    body: &'a [u8],
) -> impl Iterator<Item = (usize, TopicPartition, Batch<'a>)> {
    let image = shared.publisher.current();
    request.topics.iter().flat_map(move |topic| {
        let named = match &topic.key {
            TopicKey::Name(range) => {
                Named::Name(text(body, Some(range.clone())).unwrap_or_default())
            }
            TopicKey::Id(id) => Named::Id(*id),
        };
        let name = resolve::topic(&image, named).ok().map(|topic| topic.name.clone());
        topic.partitions.clone().filter_map(move |place| {
            let part = request.partitions.get(place)?;
            let batch = Batch::parse(body.get(part.records.clone()?)?).ok()?;
            Some((place, TopicPartition::new(name.clone()?, model::PartitionId(part.index)), batch))
        })
    })
}

fn text(body: &[u8], range: Option<Range<usize>>) -> Option<&str> {
    std::str::from_utf8(body.get(range?)?).ok()
}

/// What producers of all ages make the best of.
fn known_to(version: i16, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::ConcurrentTransactions if version >= ADDED_SINCE => code,
        // Retried without a look at the metadata, which has not changed.
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::NotEnoughReplicas,
        code => code,
    }
}
