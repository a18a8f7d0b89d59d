/* comments; with semicolons */ -- and 'quotes
CREATE TABLE IF NOT EXISTS `my table` (
  `select` INT COMMENT 'a; b',
  `Mixed` STRING, mixed STRING,
  `back``tick` BIGINT
) WITH ('connector' = 'kafka', 'topic' = 'a.b_c-d', 'format' = 'json', 'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '0');
select `select`, t.`Mixed`, mixed as `as`, `back``tick`, ';--' as `semi;colon` from default_catalog.default_database.`my table` as t;
WITH a AS (SELECT mixed AS x FROM `my table`), b AS (SELECT x FROM a WHERE x <> '') SELECT b.x || 'y' AS x, b.* FROM b;
