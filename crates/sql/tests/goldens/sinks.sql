CREATE TABLE src (a INT, b STRING NOT NULL, c DECIMAL(10, 2), d DOUBLE, at TIMESTAMP(3), WATERMARK FOR at AS at)
WITH ('connector' = 'kafka', 'topic' = 'src', 'format' = 'json', 'properties.group.id' = 'g', 'properties.auto.offset.reset' = 'earliest');
CREATE TABLE up (window_start TIMESTAMP(3), b STRING, n BIGINT, total DECIMAL(15, 2), PRIMARY KEY (window_start, b) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = 'up', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE up_short (k_b STRING, n INT, PRIMARY KEY (k_b) NOT ENFORCED)
WITH ('connector' = 'upsert-kafka', 'topic' = 'up-short', 'key.format' = 'raw', 'key.fields-prefix' = 'k_', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
CREATE TABLE keyed (a BIGINT, b STRING, d DOUBLE, at TIMESTAMP) WITH ('connector' = 'kafka', 'topic' = 'keyed', 'key.format' = 'json', 'key.fields' = 'b;a', 'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601', 'json.encode.decimal-as-plain-number' = 'true', 'sink.partitioner' = 'round-robin');
CREATE TABLE screen (a BIGINT, b STRING) WITH ('connector' = 'print');
CREATE TABLE nowhere (x DOUBLE) WITH ('connector' = 'blackhole');
INSERT INTO up SELECT window_start, b, COUNT(*), SUM(c) FROM TABLE(TUMBLE(TABLE src, DESCRIPTOR(at), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, b;
INSERT INTO up_short SELECT b, a FROM src;
INSERT INTO keyed SELECT a, b, c, at FROM src WHERE b IN ('x', 'y') OR a BETWEEN 1 AND 5;
INSERT INTO keyed (at, b) SELECT at, b FROM src;
INSERT INTO screen SELECT a, b FROM src;
INSERT INTO nowhere SELECT a FROM src;
EXPLAIN INSERT INTO up_short SELECT b, a FROM src;
CREATE TABLE keys_in (k STRING, v INT) WITH ('connector' = 'kafka', 'topic' = 'keys', 'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY', 'scan.startup.mode' = 'latest-offset');
SELECT k, v FROM keys_in;
SELECT v FROM keys_in;
EXECUTE STATEMENT SET BEGIN INSERT INTO nowhere SELECT d FROM src; INSERT INTO screen SELECT a, b FROM src; END;
