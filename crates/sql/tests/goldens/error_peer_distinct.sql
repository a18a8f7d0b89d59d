CREATE TABLE bids (
  event_id BIGINT, user_id BIGINT, url STRING, ts BIGINT, amount DOUBLE, channel STRING,
  rowtime AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'bids', 'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE sink (window_start TIMESTAMP(3), url STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'out-distinct',
  'properties.bootstrap.servers' = '127.0.0.1:9092', 'properties.transaction.timeout.ms' = '600000', 'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'distinct-r1');
INSERT INTO sink SELECT window_start, url, COUNT(DISTINCT user_id)
  FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, url;
