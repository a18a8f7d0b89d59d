CREATE TABLE bids (
  event_id BIGINT, user_id BIGINT, url STRING, ts BIGINT, amount DOUBLE, channel STRING,
  rowtime AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'bids', 'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE sink (window_start TIMESTAMP(3), user_id BIGINT, n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'out-session',
  'properties.bootstrap.servers' = '127.0.0.1:9092', 'properties.transaction.timeout.ms' = '600000', 'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'session-r1');
INSERT INTO sink SELECT window_start, user_id, COUNT(*)
  FROM TABLE(SESSION(TABLE bids PARTITION BY user_id, DESCRIPTOR(rowtime), INTERVAL '30' MINUTE)) GROUP BY window_start, window_end, user_id;
