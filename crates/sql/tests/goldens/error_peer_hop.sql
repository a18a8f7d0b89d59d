CREATE TABLE bids (
  event_id BIGINT, user_id BIGINT, url STRING, ts BIGINT, amount DOUBLE, channel STRING,
  rowtime AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'bids', 'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE sink (window_start TIMESTAMP(3), url STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'out-hop',
  'properties.bootstrap.servers' = '127.0.0.1:9092', 'properties.transaction.timeout.ms' = '600000', 'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'hop-r1');
-- Nexmark q5: the hottest items of each window
INSERT INTO sink SELECT a.window_start, a.url, a.n FROM
  (SELECT window_start, window_end, url, COUNT(*) AS n FROM TABLE(HOP(TABLE bids, DESCRIPTOR(rowtime), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
    GROUP BY window_start, window_end, url) a
  JOIN (SELECT window_start, window_end, MAX(n) AS top FROM
    (SELECT window_start, window_end, url, COUNT(*) AS n FROM TABLE(HOP(TABLE bids, DESCRIPTOR(rowtime), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
      GROUP BY window_start, window_end, url) GROUP BY window_start, window_end) b
  ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.n >= b.top;
