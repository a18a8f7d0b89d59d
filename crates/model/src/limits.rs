//! Every hard ceiling that is no setting, with the relations between them checked when the code is built.

/// The largest request frame: Kafka's default `socket.request.max.bytes`.
pub const FRAME_BYTES_MAX: usize = 104_857_600;
/// The largest frame of any request but Produce: nothing else is honestly larger.
pub const FRAME_BYTES_MAX_WITHOUT_RECORDS: usize = 8 << 20;
/// Bytes of unanswered Produce requests that one connection may have read ahead.
pub const PRODUCE_AHEAD_BYTES_MAX: usize = 16 << 20;
/// Unanswered requests that one connection may have read ahead.
pub const PRODUCE_AHEAD_REQUESTS_MAX: usize = 64;
/// The most that one Fetch answer carries: Kafka's default `fetch.max.bytes` of a broker.
pub const FETCH_BYTES_MAX: usize = 57_671_680;
/// Kafka's default `max.message.bytes`: a batch with its 12-byte prefix.
pub const BATCH_BYTES_MAX: usize = 1_048_588;
/// What one compressed batch may grow to where it must be opened.
pub const BATCH_INFLATED_BYTES_MAX: usize = 256 << 20;
/// The most records that a batch may claim to have.
pub const BATCH_RECORDS_MAX: usize = 16 << 20;
/// Bytes of frames, over all connections, that may be held at once.
pub const FRAMES_BYTES_MAX: usize = 128 << 20;
/// Connections at once.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Bytes of recent batches kept in memory over all partitions, for tailing readers.
pub const TAIL_BYTES_MAX: usize = 32 << 20;
/// Partitions that one request may create: Kafka's `MAX_RECORDS_PER_USER_OP`.
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;
/// Fetch sessions at once: Kafka's default `max.incremental.fetch.session.cache.slots`.
pub const FETCH_SESSIONS_MAX: usize = 1_000;

const _: () = assert!(FRAME_BYTES_MAX_WITHOUT_RECORDS < FRAME_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MAX < FRAMES_BYTES_MAX, "one frame must fit");
const _: () = assert!(BATCH_BYTES_MAX < PRODUCE_AHEAD_BYTES_MAX, "a batch must fit");
