CREATE TABLE bids (
  event_id BIGINT, user_id BIGINT, url STRING, ts BIGINT, amount DOUBLE, channel STRING,
  rowtime AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'bids', 'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE sink (event_id BIGINT, user_id BIGINT, url STRING, ts BIGINT) WITH ('connector' = 'kafka', 'topic' = 'out-dedup',
  'properties.bootstrap.servers' = '127.0.0.1:9092', 'properties.transaction.timeout.ms' = '600000', 'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'dedup-r1');
INSERT INTO sink SELECT event_id, user_id, url, ts FROM
  (SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY pt) AS k FROM (SELECT *, PROCTIME() AS pt FROM bids)) WHERE k = 1;
