//! The API table: every API that is served, with the versions of it.
//!
//! The versions are those that Apache Kafka 4.1 advertises and that both codecs speak: clients infer the broker's
//! version from this table, so a row appears when its handler does and never before.

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The oldest.
    pub first: i16,
    /// The newest.
    pub last: i16,
}

impl Versions {
    /// Whether `version` lies within.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

macro_rules! apis {
    ($($key:literal $api:ident $first:literal..=$last:literal flexible $flexible:literal,)*) => {
        /// An API that is served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum Api {
            $(#[doc = stringify!($api)] $api = $key,)*
        }

        impl Api {
            /// Every row, by key.
            pub const ALL: &'static [Self] = &[$(Self::$api,)*];

            /// The API with this key, if it is served.
            #[must_use]
            pub const fn from_key(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$api),)*
                    _ => None,
                }
            }

            /// Kafka's name for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$api => stringify!($api),)*
                }
            }

            /// The versions that are served.
            #[must_use]
            pub const fn served(self) -> Versions {
                match self {
                    $(Self::$api => Versions { first: $first, last: $last },)*
                }
            }

            /// The first version with compact lengths and tagged fields (KIP-482); past the last when there is none.
            #[must_use]
            pub const fn flexible_from(self) -> i16 {
                match self {
                    $(Self::$api => $flexible,)*
                }
            }
        }
    };
}

apis! {
    0 Produce 3..=13 flexible 9,
    1 Fetch 4..=18 flexible 12,
    2 ListOffsets 1..=10 flexible 6,
    3 Metadata 0..=13 flexible 9,
    8 OffsetCommit 2..=9 flexible 8,
    9 OffsetFetch 1..=9 flexible 6,
    10 FindCoordinator 0..=6 flexible 3,
    11 JoinGroup 0..=9 flexible 6,
    12 Heartbeat 0..=4 flexible 4,
    13 LeaveGroup 0..=5 flexible 4,
    14 SyncGroup 0..=5 flexible 4,
    15 DescribeGroups 0..=6 flexible 5,
    16 ListGroups 0..=5 flexible 3,
    18 ApiVersions 0..=4 flexible 3,
    19 CreateTopics 2..=7 flexible 5,
    20 DeleteTopics 1..=6 flexible 4,
    21 DeleteRecords 0..=2 flexible 2,
    22 InitProducerId 0..=5 flexible 2,
    23 OffsetForLeaderEpoch 2..=4 flexible 4,
    24 AddPartitionsToTxn 0..=5 flexible 3,
    25 AddOffsetsToTxn 0..=4 flexible 3,
    26 EndTxn 0..=5 flexible 3,
    27 WriteTxnMarkers 1..=1 flexible 1,
    28 TxnOffsetCommit 0..=5 flexible 3,
    32 DescribeConfigs 1..=4 flexible 4,
    35 DescribeLogDirs 1..=4 flexible 2,
    37 CreatePartitions 0..=3 flexible 2,
    42 DeleteGroups 0..=2 flexible 2,
    43 ElectLeaders 0..=2 flexible 2,
    44 IncrementalAlterConfigs 0..=1 flexible 1,
    45 AlterPartitionReassignments 0..=1 flexible 0,
    46 ListPartitionReassignments 0..=0 flexible 0,
    47 OffsetDelete 0..=0 flexible 1,
    55 DescribeQuorum 0..=2 flexible 0,
    60 DescribeCluster 0..=2 flexible 0,
    61 DescribeProducers 0..=0 flexible 0,
    64 UnregisterBroker 0..=0 flexible 0,
    65 DescribeTransactions 0..=0 flexible 0,
    66 ListTransactions 0..=2 flexible 0,
    75 DescribeTopicPartitions 0..=0 flexible 0,
}

impl Api {
    /// The number on the wire.
    #[must_use]
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// Its place in [`Api::ALL`], for tables by API.
    #[must_use]
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|api| *api == self).expect("ALL holds every variant")
    }

    /// What ApiVersions answers. Produce is advertised from 0, as Kafka does, although 0 to 2 are refused: librdkafka
    /// takes a broker without Produce 0 for one that cannot compress.
    #[must_use]
    pub const fn advertised(self) -> Versions {
        match self {
            Self::Produce => Versions { first: 0, last: self.served().last },
            _ => self.served(),
        }
    }

    /// Whether a peer that has not logged in may ask it.
    #[must_use]
    pub const fn is_before_login(self) -> bool {
        matches!(self, Self::ApiVersions)
    }

    /// Whether `version` has compact lengths and tagged fields.
    #[must_use]
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// The size of the response's header after the correlation id: the empty tag section of flexible versions. Never
    /// one for ApiVersions: its client does not know yet what the broker speaks (KIP-511).
    #[must_use]
    pub const fn has_response_tags(self, version: i16) -> bool {
        self.is_flexible(version) && !matches!(self, Self::ApiVersions)
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiKey;

    use super::*;

    #[test]
    fn header_versions_agree_with_the_codec() {
        for &api in Api::ALL {
            let codec = ApiKey::try_from(api.key()).unwrap();
            let Versions { first, last } = api.served();
            for version in first..=last {
                let flexible = codec.request_header_version(version) >= 2;
                assert_eq!(api.is_flexible(version), flexible, "{api:?} v{version}");
                let tags = codec.response_header_version(version) >= 1;
                assert_eq!(api.has_response_tags(version), tags, "{api:?} v{version}");
            }
            assert_eq!(Api::from_key(api.key()), Some(api));
            assert_eq!(Api::ALL[api.index()], api);
        }
        assert_eq!(Api::from_key(4), None);
        assert_eq!(Api::Produce.advertised(), Versions { first: 0, last: 13 });
    }
}
