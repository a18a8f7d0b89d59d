-- words that people name columns by, without back-ticks
CREATE TABLE t (id INT, name STRING, type STRING, status STRING, data STRING, code INT, source STRING, level STRING, action STRING, message STRING,
  page STRING, key STRING, version INT, region STRING, state STRING, role STRING, host STRING, service STRING, category STRING, carrier STRING, origin STRING,
  dest STRING, `year` INT, `month` INT, `day` INT, `hour` INT, event_time TIMESTAMP(3), quantity INT, title STRING, text STRING, label STRING, session STRING, device STRING, `value` DOUBLE,
  `timestamp` BIGINT, `date` STRING, `user` STRING, `count` INT, `offset` BIGINT, `partition` INT, `order` STRING, `group` STRING, `end` INT, `start` INT, `interval` INT, `time` STRING, `position` INT, `left` INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '1' SECOND)
WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
SELECT id, name, type, status, data, code, source, level, action, message, page, key, version, region, state, role, host, service, category, carrier, origin, dest, quantity, title, text, label, session, device FROM t;
SELECT `year`, `month`, `day`, `hour`, `value`, `timestamp`, `date`, `user`, `count`, `offset`, `partition`, `order`, `group`, `end`, `start`, `interval`, `time`, `position`, `left` FROM t;
SELECT t.`year`, t.name, t.key, t.type FROM t;
SELECT id AS `value`, name AS type, code AS status FROM t AS source;
SELECT origin, carrier, window_start AS hour_start, COUNT(*) AS departures, COUNT(1) AS again, SUM(CAST(quantity AS BIGINT)) AS delay_sum
FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(event_time), INTERVAL '1' HOUR)) GROUP BY origin, carrier, window_start, window_end;
