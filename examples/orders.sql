-- Orders and their worth per customer, in windows of five minutes, for the events that tests/clients/orders.py sends.
-- The event's time is a number of seconds with a fraction; amounts are exact; the result topic keeps the newest row of a key.

SET 'table.local-time-zone' = 'UTC';

CREATE TABLE orders (
  order_id     STRING,
  customer_id  STRING,
  event_type   STRING,
  total_amount DECIMAL(10, 2),
  `timestamp`  DOUBLE,
  order_time   AS TO_TIMESTAMP_LTZ(CAST(`timestamp` * 1000 AS BIGINT), 3),
  WATERMARK FOR order_time AS order_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'orders',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

CREATE TABLE order_aggregates (
  window_start TIMESTAMP(3),
  window_end   TIMESTAMP(3),
  customer_id  STRING,
  order_count  BIGINT,
  total_amount DECIMAL(15, 2),
  PRIMARY KEY (window_start, customer_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'order-aggregates',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'key.format' = 'json',
  'value.format' = 'json'
);

INSERT INTO order_aggregates
SELECT
  TUMBLE_START(order_time, INTERVAL '5' MINUTE),
  TUMBLE_END(order_time, INTERVAL '5' MINUTE),
  customer_id,
  COUNT(*),
  CAST(SUM(total_amount) AS DECIMAL(15, 2))
FROM orders
WHERE event_type = 'order_created'
GROUP BY TUMBLE(order_time, INTERVAL '5' MINUTE), customer_id;
