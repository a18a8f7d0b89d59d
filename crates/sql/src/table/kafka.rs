//! What the options of a `kafka` or `upsert-kafka` table say.

use flow::plan::{Bounded, Format, Startup};
use model::TopicName;

use super::options::{Options, wrong};
use crate::{SqlError, syntax::Name};

/// A table on topics.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KafkaTable {
    /// More than one only to read.
    pub(crate) topics: Vec<TopicName>,
    pub(crate) value: FormatOptions,
    pub(crate) key: Option<KeyOptions>,
    /// `value.fields-include` = ALL: the key's columns are in the value too.
    pub(crate) value_has_key: bool,
    pub(crate) startup: Startup,
    /// What to say when it is read.
    pub(crate) startup_warning: Option<&'static str>,
    pub(crate) bounded: Bounded,
    /// `scan.watermark.idle-timeout`.
    pub(crate) idle_timeout_ms: Option<u64>,
    pub(crate) upsert: bool,
    /// What to say when it is written.
    pub(crate) sink_warning: Option<&'static str>,
}

/// A format and what it was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FormatOptions {
    pub(crate) format: Format,
    pub(crate) ignore_parse_errors: bool,
}

/// `key.format`, `key.fields`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyOptions {
    pub(crate) format: FormatOptions,
    /// Names of columns; of `upsert-kafka` the PRIMARY KEY.
    pub(crate) fields: Vec<String>,
    /// What is not part of the names in the key itself.
    pub(crate) prefix: String,
}

impl KafkaTable {
    pub(super) fn read(options: &Options<'_>, upsert: bool) -> Result<Self, SqlError> {
        let topics = topics(options)?;
        let both = if upsert { None } else { options.get("format") };
        let value = match options.text("value.format") {
            Some(format) => format_options(options, "value.", "value.format", format)?,
            None if upsert => {
                options.required("value.format", "json")?;
                return Err(SqlError::new(
                    "upsert-kafka needs 'value.format'",
                    options.table.name.span,
                ));
            }
            None => format_options(options, "", "format", options.required("format", "json")?)?,
        };
        if let (Some(_), Some(both)) = (options.text("value.format"), both) {
            return Err(SqlError::new(
                "'format' and 'value.format' are the same option",
                both.key.span,
            )
            .with_hint("leave one out"));
        }
        let key = if upsert { Some(upsert_key(options)?) } else { plain_key(options)? };
        let value_has_key = include(options, key.as_ref())?;
        let (startup, startup_warning) =
            if upsert { (Startup::Earliest, None) } else { startup(options)? };
        let partitioner = options.text("sink.partitioner").map(|it| it.text.as_str());
        let sink_warning = matches!(partitioner, Some("fixed" | "round-robin")).then_some(
            "'sink.partitioner' has no effect: records with a key are spread by the key, others in turn",
        );
        options.one_of("sink.delivery-guarantee", &["at-least-once", "exactly-once", "none"])?;
        options.one_of("scan.watermark.emit.strategy", &["on-periodic", "on-event"])?;
        options.pass(&PASSED);
        Ok(Self {
            topics,
            value,
            key,
            value_has_key,
            startup,
            startup_warning,
            bounded: bounded(options)?,
            idle_timeout_ms: options.duration("scan.watermark.idle-timeout")?,
            upsert,
            sink_warning,
        })
    }
}

/// Options of Flink's connector that have nothing to steer here.
const PASSED: [&str; 11] = [
    "scan.topic-partition-discovery.interval",
    "scan.parallelism",
    "scan.watermark.alignment.group",
    "scan.watermark.alignment.max-drift",
    "scan.watermark.alignment.update-interval",
    "sink.parallelism",
    "sink.transactional-id-prefix",
    "sink.transaction-naming-strategy",
    "sink.buffer-flush.max-rows",
    "sink.buffer-flush.interval",
    "sink.semantic",
];

fn topics(options: &Options<'_>) -> Result<Vec<TopicName>, SqlError> {
    if let Some(pattern) = options.get("topic-pattern") {
        return Err(SqlError::new("'topic-pattern' is not served yet", pattern.key.span)
            .with_hint("list the topics: 'topic' = 'a;b'"));
    }
    let given = options.required("topic", "clicks")?;
    let parse = |name: &str| {
        TopicName::parse(name.trim()).map_err(|error| SqlError::new(error.to_string(), given.span))
    };
    let topics: Vec<TopicName> = given.text.split(';').map(parse).collect::<Result<_, _>>()?;
    Ok(topics)
}

fn format_options(
    options: &Options<'_>,
    prefix: &str,
    key: &str,
    name: &Name,
) -> Result<FormatOptions, SqlError> {
    match name.text.as_str() {
        "json" => json(options, &format!("{prefix}json.")),
        "raw" => {
            options.one_of(&format!("{prefix}raw.charset"), &["UTF-8", "utf-8"])?;
            options.one_of(&format!("{prefix}raw.endianness"), &["big-endian"])?;
            Ok(FormatOptions { format: Format::Raw, ignore_parse_errors: false })
        }
        "csv" | "avro" | "avro-confluent" | "debezium-json" | "protobuf" | "canal-json"
        | "maxwell-json" => {
            Err(SqlError::new(format!("format '{}' is not served yet", name.text), name.span)
                .with_hint("formats are 'json' and 'raw'"))
        }
        _ => Err(wrong(key, name, "formats are 'json' and 'raw'")),
    }
}

fn json(options: &Options<'_>, prefix: &str) -> Result<FormatOptions, SqlError> {
    let key = |name: &str| format!("{prefix}{name}");
    let standard = options.one_of(&key("timestamp-format.standard"), &["SQL", "ISO-8601"])?;
    let ignore_parse_errors = options.boolean(&key("ignore-parse-errors"))?;
    let missing_is_bad = options.boolean(&key("fail-on-missing-field"))?;
    if ignore_parse_errors && missing_is_bad {
        let at =
            options.get(&key("fail-on-missing-field")).map(|it| it.key.span).unwrap_or_default();
        return Err(SqlError::new(
            "'json.fail-on-missing-field' and 'json.ignore-parse-errors' contradict each other",
            at,
        )
        .with_hint("leave one out"));
    }
    options.pass(&[
        &key("map-null-key.mode"),
        &key("map-null-key.literal"),
        &key("decode.json-parser.enabled"),
    ]);
    let format = Format::Json {
        iso_timestamps: standard.is_some_and(|it| it.text == "ISO-8601"),
        omit_nulls: options.boolean(&key("encode.ignore-null-fields"))?,
        missing_is_bad,
        plain_decimals: options.boolean(&key("encode.decimal-as-plain-number"))?,
    };
    Ok(FormatOptions { format, ignore_parse_errors })
}

fn upsert_key(options: &Options<'_>) -> Result<KeyOptions, SqlError> {
    let table = options.table;
    if table.primary_key.is_empty() {
        let message = format!("'upsert-kafka' table {} needs a PRIMARY KEY", table.name.text);
        return Err(SqlError::new(message, table.name.span).with_hint(
            "add PRIMARY KEY (a, b) NOT ENFORCED; these columns become the record's key",
        ));
    }
    let format = options.required("key.format", "json")?;
    let format = format_options(options, "key.", "key.format", format)?;
    let fields = table.primary_key.iter().map(|name| name.text.clone()).collect();
    let prefix = options.text("key.fields-prefix").map(|it| it.text.clone()).unwrap_or_default();
    Ok(KeyOptions { format, fields, prefix })
}

fn plain_key(options: &Options<'_>) -> Result<Option<KeyOptions>, SqlError> {
    let table = options.table;
    if let Some(key) = table.primary_key.first() {
        return Err(SqlError::new(
            "a 'kafka' table has no PRIMARY KEY: it holds every record, also two of one key",
            key.span,
        )
        .with_hint("use 'connector' = 'upsert-kafka', or leave the key out"));
    }
    let fields = options.get("key.fields");
    let format = options.text("key.format");
    let prefix = options.text("key.fields-prefix").map(|it| it.text.clone()).unwrap_or_default();
    let (Some(format), Some(fields)) = (format, fields) else {
        return match (format, fields) {
            (Some(format), None) => {
                Err(SqlError::new("'key.format' needs 'key.fields'", format.span)
                    .with_hint("add 'key.fields' = 'a;b': the columns of the key"))
            }
            (None, Some(fields)) => {
                Err(SqlError::new("'key.fields' needs 'key.format'", fields.key.span)
                    .with_hint("add 'key.format' = 'json'"))
            }
            _ => Ok(None),
        };
    };
    let format = format_options(options, "key.", "key.format", format)?;
    let names: Vec<String> = fields.value.text.split(';').map(|it| it.trim().to_owned()).collect();
    for name in &names {
        if !table.columns.iter().any(|column| column.name.text == *name) {
            return Err(SqlError::new(
                format!("'key.fields': there is no column '{name}'"),
                fields.value.span,
            )
            .with_hint("name columns of this table, separated by ';'"));
        }
        if !name.starts_with(&prefix) {
            return Err(SqlError::new(
                format!("'key.fields': '{name}' does not begin with '{prefix}'"),
                fields.value.span,
            )
            .with_hint("all columns of the key begin with 'key.fields-prefix'"));
        }
    }
    Ok(Some(KeyOptions { format, fields: names, prefix }))
}

/// Whether the value holds the key's columns.
fn include(options: &Options<'_>, key: Option<&KeyOptions>) -> Result<bool, SqlError> {
    let all = options
        .one_of("value.fields-include", &["ALL", "EXCEPT_KEY"])?
        .is_none_or(|it| it.text == "ALL");
    let prefix = options.get("key.fields-prefix").filter(|it| !it.value.text.is_empty());
    if let (true, Some(prefix), Some(_)) = (all, prefix, key) {
        return Err(SqlError::new(
            "'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'",
            prefix.key.span,
        ));
    }
    Ok(all)
}

fn startup(options: &Options<'_>) -> Result<(Startup, Option<&'static str>), SqlError> {
    const MODES: [&str; 5] =
        ["group-offsets", "earliest-offset", "latest-offset", "timestamp", "specific-offsets"];
    const KEY: &str = "scan.startup.mode";
    let mode = options.one_of(KEY, &MODES)?;
    let millis = options.number("scan.startup.timestamp-millis")?;
    let offsets = options.text("scan.startup.specific-offsets");
    let group = options.text("properties.group.id").map(|it| it.text.clone());
    let reset = options.one_of("properties.auto.offset.reset", &["earliest", "latest", "none"])?;
    let startup = match mode.map_or("group-offsets", |it| it.text.as_str()) {
        "earliest-offset" => Startup::Earliest,
        "latest-offset" => Startup::Latest,
        "timestamp" => match millis {
            Some(millis) => Startup::Timestamp(millis),
            None => {
                return Err(missing(
                    options,
                    KEY,
                    "scan.startup.timestamp-millis",
                    "1700000000000",
                ));
            }
        },
        "specific-offsets" => match offsets {
            Some(offsets) => Startup::Specific(specific("scan.startup.specific-offsets", offsets)?),
            None => {
                return Err(missing(
                    options,
                    KEY,
                    "scan.startup.specific-offsets",
                    "partition:0,offset:42",
                ));
            }
        },
        _ => {
            let Some(group) = group else {
                let warning = "there is no 'scan.startup.mode' and no 'properties.group.id': a job begins at the latest \
                    records; add 'scan.startup.mode' = 'earliest-offset' to read all";
                return Ok((Startup::Latest, Some(warning)));
            };
            let else_earliest = reset.is_some_and(|it| it.text == "earliest");
            let warning = reset.is_none_or(|it| it.text == "none").then_some(
                "'scan.startup.mode' is 'group-offsets': where the group has committed nothing a job begins at the \
                 latest records (Flink fails there); say 'properties.auto.offset.reset' or another mode",
            );
            return Ok((Startup::Group { group, else_earliest }, warning));
        }
    };
    Ok((startup, None))
}

fn bounded(options: &Options<'_>) -> Result<Bounded, SqlError> {
    const MODES: [&str; 5] =
        ["unbounded", "latest-offset", "timestamp", "specific-offsets", "group-offsets"];
    const KEY: &str = "scan.bounded.mode";
    let mode = options.one_of(KEY, &MODES)?;
    let millis = options.number("scan.bounded.timestamp-millis")?;
    let offsets = options.text("scan.bounded.specific-offsets");
    Ok(match mode.map_or("unbounded", |it| it.text.as_str()) {
        "latest-offset" => Bounded::Latest,
        "timestamp" => match millis {
            Some(millis) => Bounded::Timestamp(millis),
            None => {
                return Err(missing(
                    options,
                    KEY,
                    "scan.bounded.timestamp-millis",
                    "1700000000000",
                ));
            }
        },
        "specific-offsets" => match offsets {
            Some(offsets) => Bounded::Specific(specific("scan.bounded.specific-offsets", offsets)?),
            None => {
                return Err(missing(
                    options,
                    KEY,
                    "scan.bounded.specific-offsets",
                    "partition:0,offset:42",
                ));
            }
        },
        "group-offsets" => {
            let at = mode.map(|it| it.span).unwrap_or_default();
            return Err(SqlError::new(
                "'scan.bounded.mode' = 'group-offsets' is not served yet",
                at,
            )
            .with_hint("use 'latest-offset'"));
        }
        _ => Bounded::Unbounded,
    })
}

fn missing(options: &Options<'_>, mode: &str, key: &str, example: &str) -> SqlError {
    let at = options.get(mode).map_or(options.table.name.span, |it| it.value.span);
    SqlError::new(format!("this '{mode}' needs '{key}'"), at)
        .with_hint(format!("add '{key}' = '{example}'"))
}

/// `partition:0,offset:42;partition:1,offset:300`.
fn specific(key: &str, given: &Name) -> Result<Vec<(i32, i64)>, SqlError> {
    let one = |text: &str| {
        let (partition, offset) = text.trim().split_once(',')?;
        let partition: i32 = partition.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset: i64 = offset.trim().strip_prefix("offset:")?.trim().parse().ok()?;
        (partition >= 0 && offset >= 0).then_some((partition, offset))
    };
    let all: Option<Vec<_>> =
        given.text.split(';').filter(|text| !text.trim().is_empty()).map(one).collect();
    let wanted = "'partition:0,offset:42;partition:1,offset:300'";
    all.filter(|all| !all.is_empty()).ok_or_else(|| wrong(key, given, wanted))
}
