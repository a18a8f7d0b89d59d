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
SELECT
    SESSION_START(order_time, INTERVAL '10' MINUTE) AS session_start,
    SESSION_END(order_time, INTERVAL '10' MINUTE) AS session_end,
    customer_id,
    COUNT(*) AS session_orders,
    SUM(total_amount) AS session_total
FROM orders
GROUP BY
    SESSION(order_time, INTERVAL '10' MINUTE),
    customer_id;
SELECT
    order_id,
    customer_id,
    total_amount,
    order_time,
    SUM(total_amount) OVER (
        PARTITION BY customer_id
        ORDER BY order_time
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS running_total
FROM orders;
