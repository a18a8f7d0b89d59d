SET 'table.local-time-zone' = 'Asia/Kolkata';
SET 'table.exec.source.idle-timeout' = '5 s';
SET 'logmill.dead-letter.topic' = 'broken';
SET 'logmill.late.topic' = 'late';
SET 'no.such.key' = '1';
SET 'parallelism.default' = '1';
CREATE TABLE events (
  id BIGINT, ts BIGINT, doubled AS id * 2, rowtime AS TO_TIMESTAMP_LTZ(ts, 3), hour_of AS HOUR(rowtime),
  arrived TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, `offset` BIGINT METADATA VIRTUAL, part STRING METADATA FROM 'partition' VIRTUAL,
  WATERMARK FOR rowtime AS rowtime - INTERVAL '1:30' MINUTE TO SECOND
) COMMENT 'it''s a table' WITH ('connector' = 'kafka', 'topic' = 'e1;e2', 'value.format' = 'json', 'value.json.ignore-parse-errors' = 'true',
  'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = 'partition:0,offset:42;partition:1,offset:300',
  'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '1700000000000');
SELECT window_start, window_time, COUNT(*) AS n, MAX(arrived) AS last_seen, MAX(part) AS part
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(rowtime), INTERVAL '1' DAY)) GROUP BY window_start, window_end, window_time;
SELECT * FROM events WHERE hour_of < 6 AND `offset` >= 10;
SELECT 1 FROM events;
