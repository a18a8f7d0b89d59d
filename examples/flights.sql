-- Departures of New York's three airports per hour and carrier, and by how many minutes they were late in all.
-- The input is what tests/clients/flights.py sends: every flight of 2013, in the order in which they left.
-- A flight that was cancelled never left: it stands in the stream with a null `departed`, belongs to no hour, and is not counted.
-- The times are those of the clocks on New York's walls.

CREATE TABLE flights (
  departed  TIMESTAMP(3),
  scheduled TIMESTAMP(3),
  origin    STRING,
  dest      STRING,
  carrier   STRING,
  flight    INT,
  tailnum   STRING,
  dep_delay BIGINT,
  arr_delay BIGINT,
  distance  INT,
  WATERMARK FOR departed AS departed - INTERVAL '1' MINUTE
) WITH (
  'connector' = 'kafka',
  'topic' = 'flights',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

CREATE TABLE flights_per_hour (
  window_start      TIMESTAMP(3),
  origin            STRING,
  carrier           STRING,
  departures        BIGINT,
  dep_delay_minutes BIGINT,
  dep_delay_worst   BIGINT,
  arrivals          BIGINT,
  arr_delay_minutes BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'flights-per-hour',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json'
);

INSERT INTO flights_per_hour
SELECT
  window_start,
  origin,
  carrier,
  COUNT(*),
  SUM(dep_delay),
  MAX(dep_delay),
  COUNT(arr_delay),
  SUM(arr_delay)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(departed), INTERVAL '1' HOUR))
WHERE departed IS NOT NULL
GROUP BY window_start, window_end, origin, carrier;
