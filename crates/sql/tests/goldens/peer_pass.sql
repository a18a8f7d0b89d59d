-- unbounded pass-through, for event-to-committed-result latency
CREATE TABLE src (v BYTES) WITH ('connector' = 'kafka', 'topic' = 'pass-in', 'properties.bootstrap.servers' = '127.0.0.1:9092', 'scan.startup.mode' = 'latest-offset', 'format' = 'raw');
CREATE TABLE dst (v BYTES) WITH ('connector' = 'kafka', 'topic' = 'pass-out', 'properties.bootstrap.servers' = '127.0.0.1:9092', 'properties.transaction.timeout.ms' = '600000', 'format' = 'raw',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'pass-r1');
INSERT INTO dst SELECT v FROM src;
