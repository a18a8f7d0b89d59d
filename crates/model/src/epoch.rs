//! Epochs: counters that only grow, each naming one reign of something.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! epoch {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $int);

        impl $name {
            /// What Kafka sends where there is no epoch.
            pub const NONE: Self = Self(-1);

            /// The next reign.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

epoch!(
    /// One reign of a partition's leader (KIP-101).
    LeaderEpoch(i32)
);
epoch!(
    /// One version of a partition's registration: leader, ISR, replicas (KIP-497).
    PartitionEpoch(i32)
);
epoch!(
    /// One life of a broker, from registration to its end (KIP-631).
    BrokerEpoch(i64)
);
epoch!(
    /// One life of an idempotent producer (KIP-98).
    ProducerEpoch(i16)
);
