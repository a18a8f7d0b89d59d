//! The layouts agree with the codec, for every API and version: what a layout generates, the codec decodes to the
//! last byte; what the codec encodes, the layout walks to the last byte.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::Decodable;

use world::Chance;

use super::{
    layout::{Field, Kind, Layout},
    layout_of,
    walker::walk,
};
use crate::{
    Api, ProduceRequest, RequestHeader, decode_request, messages,
    produce::{put_count, put_tag, put_text, put_varint},
    request::decode,
};

/// Random bytes that are a legal body.
pub(super) struct Generator {
    pub(super) random: Random,
    version: i16,
    compact: bool,
    out: BytesMut,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let random = Random(Chance::from_seed(seed));
        Self { random, version: 0, compact: false, out: BytesMut::new() }
    }

    pub(super) fn body(&mut self, api: Api, version: i16) -> Bytes {
        self.version = version;
        self.compact = api.is_flexible(version);
        self.layout(layout_of(api));
        self.out.split().freeze()
    }

    fn layout(&mut self, layout: &Layout) {
        for Field { first, last, kind } in layout.fields {
            if (*first..=*last).contains(&self.version) {
                self.kind(kind);
            }
        }
        if self.compact {
            self.tags(layout);
        }
    }

    fn tags(&mut self, layout: &Layout) {
        let known: Vec<_> = layout
            .tags
            .iter()
            .filter(|tag| tag.first <= self.version)
            .filter(|_| self.random.bool())
            .collect();
        let unknown = if self.random.below(4) == 0 { 1 + self.random.below(3) as u32 } else { 0 };
        put_varint(&mut self.out, known.len() as u32 + unknown);
        for tag in known {
            let before = std::mem::take(&mut self.out);
            self.kind(&tag.kind);
            let value = std::mem::replace(&mut self.out, before);
            put_tag(&mut self.out, tag.number, &value);
        }
        for number in 0..unknown {
            let size = self.random.below(5);
            put_tag(&mut self.out, 100 + number, &vec![0xab; size]);
        }
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::Fixed(size) => {
                for _ in 0..*size {
                    self.out.extend([self.random.byte()]);
                }
            }
            Kind::Bool => self.out.extend([u8::from(self.random.bool())]),
            Kind::Text => {
                let size = self.random.below(9);
                let text: String =
                    (0..size).map(|_| char::from(b'a' + self.random.byte() % 26)).collect();
                put_text(&mut self.out, self.compact, Some(&text));
            }
            Kind::Blob => {
                let size = self.random.below(200);
                put_count(&mut self.out, self.compact, size);
                self.out.extend(vec![self.random.byte(); size]);
            }
            Kind::Array { element, .. } => {
                let count = self.random.below(4);
                put_count(&mut self.out, self.compact, count);
                for _ in 0..count {
                    self.kind(element);
                }
            }
            Kind::Struct(layout) => self.layout(layout),
            Kind::Optional(layout) => {
                if self.random.bool() {
                    self.out.extend([1]);
                    self.layout(layout);
                } else {
                    self.out.extend([0xff]);
                }
            }
        }
    }
}

/// Chance, in the shapes that bytes need.
pub(super) struct Random(Chance);

impl Random {
    pub(super) fn below(&mut self, below: usize) -> usize {
        usize::try_from(self.0.below(below as u64)).unwrap()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.bits() as u8
    }

    fn bool(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// Every API in every version that is served.
pub(super) fn rows() -> impl Iterator<Item = (Api, i16)> {
    Api::ALL.iter().flat_map(|&api| {
        let served = api.served();
        (served.first..=served.last).map(move |version| (api, version))
    })
}

#[test]
fn layouts_and_codec_agree_to_the_last_byte() {
    let mut generator = Generator::new(1);
    for (api, version) in rows().filter(|(api, _)| *api != Api::Produce) {
        let layout = layout_of(api);
        let flexible = api.is_flexible(version);
        for _ in 0..50 {
            let body = generator.body(api, version);
            assert_eq!(walk(layout, version, flexible, &body).unwrap().size_bytes, body.len());
            let mut rest = body.clone();
            let message = decode(api, version, &mut rest).unwrap();
            assert!(rest.is_empty(), "{api:?} v{version} leaves {} bytes", rest.len());

            let again = message.encode_body(version).freeze();
            let walked = walk(layout, version, flexible, &again).unwrap();
            assert_eq!(walked.size_bytes, again.len(), "{api:?} v{version}");
            assert_eq!(decode(api, version, &mut again.clone()).unwrap(), message);
        }
    }
}

#[test]
fn produce_is_read_as_the_codec_reads_it() {
    let mut generator = Generator::new(2);
    let mut ours = ProduceRequest::default();
    for version in 3..=13 {
        for _ in 0..200 {
            let body = generator.body(Api::Produce, version);
            let codec = messages::ProduceRequest::decode(&mut body.clone(), version).unwrap();
            ours.parse(&body, version).unwrap();
            let text = |range: &std::ops::Range<usize>| {
                std::str::from_utf8(&body[range.clone()]).unwrap().to_owned()
            };
            assert_eq!(
                ours.transactional_id.as_ref().map(text),
                codec.transactional_id.map(|id| id.to_string())
            );
            assert_eq!((ours.acks, ours.timeout_ms), (codec.acks, codec.timeout_ms));
            assert_eq!(ours.topics.len(), codec.topic_data.len());
            for (topic, expected) in ours.topics.iter().zip(&codec.topic_data) {
                match &topic.key {
                    crate::TopicKey::Name(range) => {
                        assert_eq!(text(range), expected.name.to_string());
                    }
                    crate::TopicKey::Id(id) => assert_eq!(id.0, expected.topic_id),
                }
                let partitions = &ours.partitions[topic.partitions.clone()];
                assert_eq!(partitions.len(), expected.partition_data.len());
                for (partition, expected) in partitions.iter().zip(&expected.partition_data) {
                    assert_eq!(partition.index, expected.index);
                    let records = partition.records.clone().map(|range| &body[range]);
                    assert_eq!(records, expected.records.as_deref());
                }
            }
        }
    }
}

#[test]
fn mutated_and_cut_requests_are_errors_and_never_panics() {
    let mut generator = Generator::new(3);
    let mut produce = ProduceRequest::default();
    for (api, version) in rows() {
        for _ in 0..60 {
            let mut body = generator.body(api, version).to_vec();
            if !body.is_empty() {
                for _ in 0..1 + generator.random.below(3) {
                    let at = generator.random.below(body.len());
                    body[at] = generator.random.byte();
                }
                if generator.random.bool() {
                    body.truncate(generator.random.below(body.len() + 1));
                }
            }
            if api == Api::Produce {
                let _ = produce.parse(&body, version);
                continue;
            }
            let header =
                RequestHeader { api, version, correlation: 0, client_id: None, size_bytes: 0 };
            let _ = decode_request(&header, Bytes::from(body));
        }
    }
}

#[test]
fn a_count_of_two_billion_is_refused_without_reserving() {
    for (api, version) in rows() {
        let flexible = api.is_flexible(version);
        let mut body = BytesMut::new();
        put_text(&mut body, flexible, Some("x"));
        body.extend([0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0]);
        let _ = walk(layout_of(api), version, flexible, &body);
    }
    let huge = [0x7f, 0xff, 0xff, 0xff];
    assert!(walk(layout_of(Api::Metadata), 1, false, &huge).is_err());
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(walk(layout_of(Api::Metadata), 9, true, &compact).is_err());
    assert!(
        ProduceRequest::default()
            .parse(&[0xff, 0xff, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff], 3)
            .is_err()
    );
}

#[test]
fn a_request_that_would_inflate_past_the_ceiling_is_refused() {
    // Each empty name is two bytes on the wire and a struct of many more in memory.
    let count = 4 << 20;
    let mut body = BytesMut::new();
    put_count(&mut body, false, count);
    body.resize(4 + 2 * count, 0);
    let refused = walk(layout_of(Api::Metadata), 1, false, &body);
    assert!(matches!(refused, Err(crate::WireError::TooCostly { .. })), "{refused:?}");
}

#[test]
fn what_a_client_encodes_a_server_decodes() {
    let mut generator = Generator::new(4);
    for (api, version) in rows().filter(|(api, _)| *api != Api::Produce) {
        let body = generator.body(api, version);
        let message = decode(api, version, &mut body.clone()).unwrap();
        let mut frame = message.encode_frame(version, 5, "client").unwrap().freeze();
        let length = u32::from_be_bytes(frame.split_to(4)[..].try_into().unwrap());
        assert_eq!(length as usize, frame.len());
        let header = RequestHeader::parse(&frame).unwrap();
        assert_eq!((header.client_id(&frame), header.correlation), ("client", 5));
        assert_eq!(decode_request(&header, frame.split_off(header.size_bytes)).unwrap(), message);
    }
}
