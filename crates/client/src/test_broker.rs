//! A broker of one topic and one partition for tests: keeps Kafka's rules of sequence, and misbehaves as it is told.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::{Bytes, BytesMut};
use model::{ErrorCode, LeaderEpoch, Offset, TopicName};
use records::{Batch, Batches, stamp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wire::{
    Api, Deframer, FrameLimits, Request, RequestHeader, decode_request, encode_response,
    messages::{
        ApiVersionsResponse, BrokerId, FetchRequest, FetchResponse, InitProducerIdResponse,
        ListOffsetsRequest, ListOffsetsResponse, MetadataResponse, ProduceResponse, ProducerId,
        api_versions_response::ApiVersion,
        fetch_response::{FetchableTopicResponse, PartitionData},
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
        text,
    },
};

/// What happens to a Produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is taken.
    None,
    /// It is refused with this.
    Refuse(ErrorCode),
    /// The connection closes before it is looked at.
    CloseBefore,
    /// It is taken, and the connection closes without an answer.
    CloseAfter,
}

/// The broker. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct TestBroker {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// For the Produce requests to come, in order; then none.
    pub(crate) faults: VecDeque<Fault>,
    /// Whether answers are withheld.
    pub(crate) is_silent: bool,
    /// The log's first offset.
    pub(crate) log_start: i64,
    log: Vec<Bytes>,
    next_offset: i64,
    /// The sequence that comes next, by producer.
    sequences: HashMap<i64, i32>,
    next_producer: i64,
}

impl TestBroker {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let broker = Self { address, state: Arc::default() };
        let served = broker.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let broker = served.clone();
                tokio::spawn(async move { broker.serve(stream).await });
            }
        });
        broker
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Values in the log, in order.
    pub(crate) fn values(&self) -> Vec<Vec<u8>> {
        let mut scratch = Vec::new();
        let mut values = Vec::new();
        for bytes in &self.state().log {
            for record in Batch::parse(bytes).unwrap().records(&mut scratch).unwrap() {
                values.push(record.unwrap().value.unwrap().to_vec());
            }
        }
        values
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut deframer = Deframer::new(FrameLimits::REQUESTS);
        loop {
            while let Some(frame) = deframer.next_frame().unwrap() {
                let frame = frame.freeze();
                let header = RequestHeader::parse(&frame).unwrap();
                let body = frame.slice(header.size_bytes..);
                let answer = if header.api == Api::Produce {
                    self.state().produce(&header, &body)
                } else {
                    self.state().answer(&header, body, &self.address)
                };
                let Some(answer) = answer else { return };
                if !self.state().is_silent {
                    stream.write_all(&answer).await.unwrap();
                }
            }
            match stream.read_buf(deframer.room()).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

impl State {
    fn answer(&self, header: &RequestHeader, body: Bytes, address: &str) -> Option<BytesMut> {
        let (api, version, correlation) = (header.api, header.version, header.correlation);
        let answer = match decode_request(header, body).unwrap() {
            Request::ApiVersions(_) => {
                let row = |api: &Api| {
                    let served = api.advertised();
                    ApiVersion::default()
                        .with_api_key(api.key())
                        .with_min_version(served.first)
                        .with_max_version(served.last)
                };
                let keys = Api::ALL.iter().map(row).collect();
                let answer = ApiVersionsResponse::default().with_api_keys(keys);
                encode_response(api, version, correlation, &answer)
            }
            Request::Metadata(_) => encode_response(api, version, correlation, &metadata(address)),
            Request::InitProducerId(_) => {
                let answer = InitProducerIdResponse::default()
                    .with_producer_id(ProducerId(self.next_producer));
                encode_response(api, version, correlation, &answer)
            }
            Request::ListOffsets(request) => {
                encode_response(api, version, correlation, &self.list_offsets(&request))
            }
            Request::Fetch(request) => {
                encode_response(api, version, correlation, &self.fetch(&request))
            }
            other => panic!("{other:?} is not asked in these tests"),
        };
        Some(answer.unwrap())
    }

    fn produce(&mut self, header: &RequestHeader, body: &Bytes) -> Option<BytesMut> {
        let mut request = wire::ProduceRequest::default();
        request.parse(body, header.version).unwrap();
        let fault = self.faults.pop_front().unwrap_or(Fault::None);
        let records = request.partitions[0].records.clone().unwrap();
        let (code, base) = match fault {
            Fault::CloseBefore => return None,
            Fault::Refuse(code) => (code, -1),
            Fault::None | Fault::CloseAfter => self.append(&body[records]),
        };
        if fault == Fault::CloseAfter {
            return None;
        }
        let row = PartitionProduceResponse::default()
            .with_index(0)
            .with_error_code(code.code())
            .with_base_offset(base);
        let topic = TopicProduceResponse::default()
            .with_name(wire::messages::TopicName(text("t")))
            .with_partition_responses(vec![row]);
        let answer = ProduceResponse::default().with_responses(vec![topic]);
        Some(encode_response(header.api, header.version, header.correlation, &answer).unwrap())
    }

    /// Takes a batch by Kafka's rules: a producer that is not known may begin anywhere.
    fn append(&mut self, batch: &[u8]) -> (ErrorCode, i64) {
        let mut bytes = BytesMut::from(batch);
        let batch = Batch::parse(batch).unwrap();
        assert!(batch.is_crc_right());
        if batch.producer_id().is_some() {
            let expected = self.sequences.get(&batch.producer_id().0).copied();
            if expected.is_some_and(|expected| batch.base_sequence() < expected) {
                return (ErrorCode::DuplicateSequenceNumber, -1);
            }
            if expected.is_some_and(|expected| batch.base_sequence() > expected) {
                return (ErrorCode::OutOfOrderSequenceNumber, -1);
            }
            self.sequences.insert(batch.producer_id().0, batch.last_sequence() + 1);
            self.next_producer = self.next_producer.max(batch.producer_id().0 + 1);
        }
        let base = self.next_offset;
        self.next_offset += i64::from(batch.record_count());
        stamp::offset_and_epoch(&mut bytes, Offset(base), LeaderEpoch(0));
        self.log.push(bytes.freeze());
        (ErrorCode::None, base)
    }

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let offset = match request.topics[0].partitions[0].timestamp {
            -2 => self.log_start,
            _ => self.next_offset,
        };
        let row = ListOffsetsPartitionResponse::default().with_offset(offset);
        let topic = ListOffsetsTopicResponse::default()
            .with_name(wire::messages::TopicName(text("t")))
            .with_partitions(vec![row]);
        ListOffsetsResponse::default().with_topics(vec![topic])
    }

    /// One batch an answer, so that a reader has to ask again.
    fn fetch(&self, request: &FetchRequest) -> FetchResponse {
        let from = request.topics[0].partitions[0].fetch_offset;
        let is_inside = (self.log_start..=self.next_offset).contains(&from);
        let code = if is_inside { ErrorCode::None } else { ErrorCode::OffsetOutOfRange };
        let holds = |bytes: &&Bytes| Batch::parse(bytes).unwrap().last_offset().0 >= from;
        let found = self.log.iter().find(holds).filter(|_| is_inside);
        let row = PartitionData::default()
            .with_error_code(code.code())
            .with_high_watermark(self.next_offset)
            .with_records(Some(found.cloned().unwrap_or_default()));
        let topic = FetchableTopicResponse::default()
            .with_topic(wire::messages::TopicName(text("t")))
            .with_partitions(vec![row]);
        FetchResponse::default().with_responses(vec![topic])
    }

    /// How many batches were taken.
    pub(crate) fn batch_count(&self) -> usize {
        self.log.iter().flat_map(|bytes| Batches::new(bytes)).count()
    }
}

fn metadata(address: &str) -> MetadataResponse {
    let (host, port) = address.rsplit_once(':').unwrap();
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(0))
        .with_host(text(host))
        .with_port(port.parse().unwrap());
    let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(0));
    let topic = MetadataResponseTopic::default()
        .with_name(Some(wire::messages::TopicName(text("t"))))
        .with_partitions(vec![partition]);
    MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic])
}

/// The topic's name.
pub(crate) fn topic() -> TopicName {
    TopicName::parse("t").unwrap()
}
