//! Kafka's protocol: frames, headers, the API table, bounded decoding.
