CREATE TEMPORARY VIEW orders (
    order_id STRING,
    customer_id STRING,
    total_amount DECIMAL(10, 2),
    order_time TIMESTAMP(3),
    WATERMARK FOR order_time AS order_time - INTERVAL '5' SECOND
) WITH (
    'connector' = 'kafka',
    'topic' = 'orders',
    'properties.bootstrap.servers' = 'localhost:9092',
    'properties.group.id' = 'flink-sql-processor',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
);
CREATE TEMPORARY VIEW order_aggregates (
    window_start TIMESTAMP,
    window_end TIMESTAMP,
    customer_id STRING,
    order_count BIGINT,
    total_amount DECIMAL(15, 2)
) WITH (
    'connector' = 'kafka',
    'topic' = 'order-aggregates',
    'properties.bootstrap.servers' = 'localhost:9092',
    'format' = 'json'
);
INSERT INTO order_aggregates
SELECT
    TUMBLE_START(order_time, INTERVAL '5' MINUTE) AS window_start,
    TUMBLE_END(order_time, INTERVAL '5' MINUTE) AS window_end,
    customer_id,
    COUNT(*) AS order_count,
    SUM(total_amount) AS total_amount
FROM orders
GROUP BY
    TUMBLE(order_time, INTERVAL '5' MINUTE),
    customer_id;
