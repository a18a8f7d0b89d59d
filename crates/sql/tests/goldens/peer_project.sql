CREATE TABLE bids (
  event_id BIGINT, user_id BIGINT, url STRING, ts BIGINT, amount DOUBLE, channel STRING,
  rowtime AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'bids', 'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE sink (event_id BIGINT, url STRING, amount DOUBLE) WITH ('connector' = 'blackhole');
INSERT INTO sink SELECT event_id, url, amount FROM bids WHERE channel = 'email';
