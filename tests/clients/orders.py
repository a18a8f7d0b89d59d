"""An order shop on kafka-python, the way tutorials write it: one class sends orders, one class works them off.

Written without regard to the broker behind it; `orders_test.py` runs it.
"""

import json
import time

from kafka import KafkaConsumer, KafkaProducer

TOPIC = "orders"


class OrderProducer:
    """Sends order events, each under its order's id, and waits until all replicas have them."""

    def __init__(self, bootstrap_servers):
        self.producer = KafkaProducer(
            bootstrap_servers=bootstrap_servers,
            key_serializer=lambda key: key.encode("utf-8") if key else None,
            value_serializer=lambda value: json.dumps(value).encode("utf-8"),
            acks="all",
            retries=3,
            max_in_flight_requests_per_connection=5,
            compression_type="gzip",
        )

    def send_order(self, order):
        """Sends one order and tells where it was written."""
        event = {
            "event_type": "order_created",
            "timestamp": time.time(),
            "order_id": order["order_id"],
            "customer_id": order["customer_id"],
            "total_amount": order["total_amount"],
            "items": order["items"],
            "status": "created",
        }
        written = self.producer.send(TOPIC, key=order["order_id"], value=event).get(timeout=10)
        return {"topic": written.topic, "partition": written.partition, "offset": written.offset}

    def send_batch(self, orders):
        """Sends all before it waits for the first; tells where each was written."""
        pending = []
        for order in orders:
            event = {"event_type": "order_created", "timestamp": time.time(), **order}
            pending.append(self.producer.send(TOPIC, key=order["order_id"], value=event))
        written = [future.get(timeout=10) for future in pending]
        return [f"Sent to {each.topic}:{each.partition}:{each.offset}" for each in written]

    def close(self):
        """Waits for what is on its way."""
        self.producer.flush()
        self.producer.close()


class OrderConsumer:
    """Works orders off as one of a group, and lets the library commit every five seconds."""

    def __init__(self, bootstrap_servers, group_id, **settings):
        options = {
            "bootstrap_servers": bootstrap_servers,
            "group_id": group_id,
            "key_deserializer": lambda key: key.decode("utf-8") if key else None,
            "value_deserializer": lambda value: json.loads(value.decode("utf-8")),
            "auto_offset_reset": "earliest",
            "enable_auto_commit": True,
            "auto_commit_interval_ms": 5000,
            "max_poll_records": 100,
            "max_poll_interval_ms": 300000,
        }
        self.consumer = KafkaConsumer(TOPIC, **{**options, **settings})

    def consume_orders(self, process_order):
        """Hands every message to the function, as long as there are any."""
        for message in self.consumer:
            process_order(message)

    def close(self):
        """Commits and leaves the group."""
        self.consumer.close()
