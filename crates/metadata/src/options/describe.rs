//! Options as Kafka tells them: value, source, synonyms.

use std::borrow::Cow;

use model::BrokerId;
use serde::{Deserialize, Serialize};

use super::{
    ServerOptions, broker,
    row::{Kind, Row, Stand},
    topic,
};
use crate::{Image, Topic};

/// One option of a topic or a broker, as DescribeConfigs tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its name.
    pub name: Cow<'static, str>,
    /// In force; none for what is secret, or not set and without default.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether the value is not shown.
    pub is_sensitive: bool,
    /// All values that could be in force, the one in force first.
    pub synonyms: Vec<Synonym>,
    /// How it is read.
    pub kind: Kind,
    /// One sentence.
    pub doc: Cow<'static, str>,
}

/// One of the values that could be in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synonym {
    /// Under this name.
    pub name: Cow<'static, str>,
    /// As it was set, in the unit of its own name.
    pub value: Option<String>,
    /// There.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Set on the topic.
    Topic,
    /// Set on this broker while it runs.
    Broker,
    /// Set on all brokers while they run.
    AllBrokers,
    /// The broker's file.
    File,
    /// Nowhere.
    Default,
}

impl Source {
    /// DescribeConfigs' number for it.
    #[must_use]
    pub const fn wire(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::Broker => 2,
            Self::AllBrokers => 3,
            Self::File => 4,
            Self::Default => 5,
        }
    }
}

/// All options of `topic`, by name.
#[must_use]
pub fn describe_topic(server: &ServerOptions, image: &Image, topic: &Topic) -> Vec<Described> {
    topic::ROWS.iter().map(|row| resolve(server, image, Some(topic), row)).collect()
}

/// All options of the broker of `server`, by name.
#[must_use]
pub fn describe_broker(server: &ServerOptions, image: &Image) -> Vec<Described> {
    broker::ROWS.iter().map(|row| resolve(server, image, None, row)).collect()
}

/// One option: what is in force, and all that could be.
pub(super) fn resolve(
    server: &ServerOptions,
    image: &Image,
    topic: Option<&Topic>,
    row: &Row,
) -> Described {
    let own = topic.and_then(|topic| topic.options.get(row.name));
    let mut synonyms: Vec<Synonym> = own
        .map(|value| Synonym {
            name: row.name.into(),
            value: Some(value.clone()),
            source: Source::Topic,
        })
        .into_iter()
        .collect();
    let mut value = own.cloned();
    let itself = [Stand { name: row.name, factor: 1 }];
    let stands: &[Stand] =
        if row.synonyms.is_empty() && topic.is_none() { &itself } else { row.synonyms };
    for stand in stands {
        for (text, source) in server_values(server, image, stand.name) {
            value = value.or_else(|| Some(in_unit(&text, stand.factor)));
            synonyms.push(Synonym { name: stand.name.into(), value: Some(text), source });
        }
    }
    // The server's defaults come last, whatever their order among the names.
    synonyms.sort_by_key(|synonym| synonym.source == Source::Default);
    if let Some(first) = synonyms.first()
        && own.is_none()
    {
        let factor = stands.iter().find(|stand| stand.name == first.name).map_or(1, |s| s.factor);
        value = first.value.as_deref().map(|text| in_unit(text, factor));
    }
    if synonyms.is_empty() {
        value = row.default.map(str::to_owned);
        if value.is_some() && topic.is_some() {
            // A topic's option without a server's name has no synonym but its own default.
            synonyms.push(Synonym {
                name: row.name.into(),
                value: value.clone(),
                source: Source::Default,
            });
        }
    }
    let is_sensitive = row.kind == Kind::Password;
    if is_sensitive {
        value = None;
        for synonym in &mut synonyms {
            synonym.value = None;
        }
    }
    Described {
        name: row.name.into(),
        value,
        source: synonyms.first().map_or(Source::Default, |synonym| synonym.source),
        is_read_only: !row.is_dynamic,
        is_sensitive,
        synonyms,
        kind: row.kind,
        doc: row.doc.into(),
    }
}

/// The values that a server's option has, the one in force first.
fn server_values(
    server: &ServerOptions,
    image: &Image,
    name: &'static str,
) -> impl Iterator<Item = (String, Source)> {
    let dynamic = |broker: Option<BrokerId>| image.broker_option(broker, name).map(str::to_owned);
    [
        (dynamic(Some(server.node())), Source::Broker),
        (dynamic(None), Source::AllBrokers),
        (server.is_set(name).map(str::to_owned), Source::File),
        (broker::row(name).and_then(|row| row.default).map(str::to_owned), Source::Default),
    ]
    .into_iter()
    .filter_map(|(value, source)| Some((value?, source)))
}

fn in_unit(text: &str, factor: i64) -> String {
    match text.trim().parse::<i64>() {
        // A negative value means "no bound" in every unit.
        Ok(number) if factor != 1 && number >= 0 => number.saturating_mul(factor).to_string(),
        Ok(number) if factor != 1 => number.to_string(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use model::{TopicId, TopicName};

    use super::*;
    use crate::{Fact, options::effective};

    fn image() -> Image {
        let mut image = Image::default();
        let name = TopicName::parse("a").unwrap();
        image.apply(&Fact::Topic { name, id: TopicId::NONE });
        image
    }

    fn set(image: &mut Image, name: &str, value: &str) {
        let (name, value) = (name.to_owned(), Some(value.to_owned()));
        image.apply(&Fact::TopicOption { topic: TopicId::NONE, name, value });
    }

    fn described(server: &ServerOptions, image: &Image, name: &str) -> Described {
        let all = describe_topic(server, image, image.topic("a").unwrap());
        all.into_iter().find(|option| option.name == name).unwrap()
    }

    #[test]
    fn a_topics_own_value_wins_over_file_and_default() {
        let mut server = ServerOptions::new(BrokerId(1));
        let mut image = image();
        let retention = described(&server, &image, "retention.ms");
        assert_eq!(retention.value.as_deref(), Some("604800000"));
        assert_eq!(retention.source, Source::Default);
        assert_eq!(retention.synonyms.len(), 1);
        assert_eq!(retention.synonyms[0].name, "log.retention.hours");

        server.set("log.retention.minutes", "2").unwrap();
        let retention = described(&server, &image, "retention.ms");
        assert_eq!((retention.value.as_deref(), retention.source), (Some("120000"), Source::File));

        set(&mut image, "retention.ms", "7");
        let retention = described(&server, &image, "retention.ms");
        let values: Vec<_> = retention.synonyms.iter().map(|s| s.value.as_deref()).collect();
        assert_eq!(values, [Some("7"), Some("2"), Some("168")]);
        assert_eq!(retention.source, Source::Topic);
        assert_eq!(effective(&server, &image, image.topic("a").unwrap()).retention_ms, 7);
    }

    #[test]
    fn a_value_set_while_running_wins_over_the_file() {
        let mut server = ServerOptions::new(BrokerId(1));
        server.set("message.max.bytes", "10").unwrap();
        let mut image = image();
        for (broker, value) in [(None, "20"), (Some(BrokerId(2)), "99"), (Some(BrokerId(1)), "30")]
        {
            let (name, value) = ("message.max.bytes".to_owned(), Some(value.to_owned()));
            image.apply(&Fact::BrokerOption { broker, name, value });
        }
        let size = described(&server, &image, "max.message.bytes");
        assert_eq!((size.value.as_deref(), size.source), (Some("30"), Source::Broker));
        assert_eq!(size.synonyms.len(), 4);
    }

    #[test]
    fn hours_without_bound_are_no_bound_in_milliseconds() {
        let mut server = ServerOptions::new(BrokerId(1));
        server.set("log.retention.hours", "-1").unwrap();
        let image = image();
        assert_eq!(effective(&server, &image, image.topic("a").unwrap()).retention_ms, -1);
    }

    #[test]
    fn all_defaults_come_to_kafkas() {
        let image = image();
        let options =
            effective(&ServerOptions::new(BrokerId(1)), &image, image.topic("a").unwrap());
        assert_eq!(options.segment_bytes, 1 << 30);
        assert_eq!(options.flush_ms, i64::MAX);
        assert_eq!(options.max_message_bytes, 1_048_588);
        assert_eq!((options.is_deleted, options.is_compacted), (true, false));
        assert_eq!(options.min_insync_replicas, 1);
    }

    #[test]
    fn a_password_is_never_shown() {
        let mut server = ServerOptions::new(BrokerId(1));
        server.set("ssl.keystore.password", "secret").unwrap();
        let all = describe_broker(&server, &Image::default());
        assert!(!format!("{all:?}").contains("secret"));
        let row = all.iter().find(|option| option.name == "ssl.keystore.password").unwrap();
        assert_eq!((row.is_sensitive, row.source), (true, Source::File));
    }

    #[test]
    fn a_brokers_file_is_its_source() {
        let server = ServerOptions::new(BrokerId(7));
        let all = describe_broker(&server, &Image::default());
        let node = all.iter().find(|option| option.name == "node.id").unwrap();
        assert_eq!((node.value.as_deref(), node.source), (Some("7"), Source::File));
        assert!(node.is_read_only);
    }
}
