//! One partition's log on one disk, in Apache Kafka's layout.
