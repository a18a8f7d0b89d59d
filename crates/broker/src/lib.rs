//! Kafka's face: connections, dispatch, one handler file per API.
