"""One instance of the order consumer as a process of its own: prints a JSON line per order, and one when its partitions change.

orders_worker.py BOOTSTRAP GROUP [SECONDS PER ORDER] [name=number ...]; the pairs are settings of the consumer.
"""

import json
import sys
import time

from orders import OrderConsumer

bootstrap, group = sys.argv[1:3]
pause = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
settings = {name: int(number) for name, _, number in (pair.partition("=") for pair in sys.argv[4:])}
worker = OrderConsumer([bootstrap], group, **settings)
assigned = None


def tell(message):
    """Prints the order, as a shop would work it off."""
    global assigned
    now = sorted(each.partition for each in worker.consumer.assignment())
    if now != assigned:
        assigned = now
        print(json.dumps({"assigned": assigned}), flush=True)
    order = message.value
    line = {"partition": message.partition, "offset": message.offset, "key": message.key, "order_id": order["order_id"]}
    print(json.dumps(line), flush=True)
    time.sleep(pause)


try:
    worker.consume_orders(tell)
except KeyboardInterrupt:
    worker.close()
