CREATE TABLE clicks (
  `user` STRING, url STRING, n INT, price DECIMAL(10, 2), weight FLOAT, at TIMESTAMP(3), ok BOOLEAN,
  WATERMARK FOR at AS at - INTERVAL '0.001' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'clicks', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
-- every aggregate, Flink's types
SELECT window_start, window_end, window_time, COUNT(*), COUNT(n), SUM(n), AVG(n), MIN(url), MAX(at), SUM(price), AVG(price), AVG(weight), SUM(weight)
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(at), INTERVAL '1' MINUTES)) GROUP BY window_start, window_end, window_time;
-- the short form, named arguments, an offset, an alias, HAVING, FILTER, expressions over aggregates and keys
SELECT UPPER(w.url) AS page, SUM(n) * 2 + 1 AS twice, COUNT(*) FILTER (WHERE ok) AS good, DATE_FORMAT(window_start, 'HH:mm') AS minute_of,
  CASE WHEN COUNT(*) > 10 THEN 'hot' ELSE 'cold' END AS heat
FROM TUMBLE(DATA => TABLE clicks, TIMECOL => DESCRIPTOR(at), SIZE => INTERVAL '1' HOUR, OFFSET => INTERVAL '15' MINUTES) AS w
WHERE n > 0 AND url LIKE '/shop/%'
GROUP BY window_end, url, window_start, UPPER(w.url) HAVING COUNT(*) > 1 AND url <> 'x';
-- the legacy form
SELECT TUMBLE_END(at, INTERVAL '1' DAY), TUMBLE_START(at, INTERVAL '1' DAY) AS s, TUMBLE_ROWTIME(at, INTERVAL '1' DAY) AS rt, `user`, SUM(price) / COUNT(*) AS mean
FROM clicks GROUP BY `user`, TUMBLE(at, INTERVAL '1' DAY);
-- a subquery below the window passes the row time on; one above filters and projects
SELECT s, half, n FROM (
  SELECT window_start AS s, half, COUNT(*) AS n
  FROM TABLE(TUMBLE((SELECT at AS t, n / 2 AS half FROM clicks WHERE ok IS TRUE), DESCRIPTOR(t), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end, half
) WHERE n >= 3;
-- WITH, and a window whose columns pass through a subquery
WITH big AS (SELECT * FROM clicks WHERE n > 100), w AS (SELECT window_start, window_end, url FROM TABLE(TUMBLE(TABLE big, DESCRIPTOR(at), INTERVAL '1' MINUTE)))
SELECT window_end, url, COUNT(url) FROM w GROUP BY window_start, window_end, url;
