"""The numbered records that every load speaks of: clicks as JSON, whose number, page, amount and event time follow from the number."""

import datetime

PAGES = 7
STEP_MS = 1  # event time per record
START = datetime.datetime(2025, 6, 1)
# Behind the watermark of the last real record: this far ahead lies the record that closes every window.
CLOSING_MS = 3_600_000

_HEAD = b'{"number":'
_DIGITS = 12


def shown(milliseconds):
    return (START + datetime.timedelta(milliseconds=milliseconds)).isoformat(" ", "milliseconds")


def value_of(number, happened=None):
    happened = number * STEP_MS if happened is None else happened
    return b'%s%*d,"page":"%s","amount":%d,"happened":"%s"}' % (_HEAD, _DIGITS, number, page(number).encode(), amount(number), shown(happened).encode())


def number_of(value):
    return int(value[len(_HEAD) : len(_HEAD) + _DIGITS])


def page(number):
    return f"/page/{number * 7919 % PAGES}"


def amount(number):
    return number % 1000
