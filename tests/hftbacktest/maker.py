"""The market maker of tests/maker in hftbacktest, over a raw Binance USD-M recording.

Prints what it did, one event a line: kind, time in ns, side, price in ticks. The kinds are submit
and cancel (local time), fill and reject (time of the exchange). `tests/tests/all/hftbacktest.rs`
compares the lines with ours. Reads the raw file itself and shares nothing with the project but the
rules of the maker, which stand in `tests/maker/maker.rs`.

Exchange and trader are given one clock, the time of receipt, and depth and trades without quotes.

hftbacktest also fills a resting order when the book crosses its price without any trade, which our
venue never does. With --one-sided its exchange is not shown the other side of the book (each side
is an asset of its own there, the trader sees both): what is left is queue model, latency and trades.

Orders are of one lot, so that it does not matter that the exchange model fills whole: that of 2.4.4
with partial fills stops with an error when an order whose last lot was filled exactly trades again.
"""

import argparse
import gzip
import json
import sys

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    CANCELED,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    EXPIRED,
    FILLED,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

END_OF_DATA = 1
SUBMIT, CANCEL, FILL, REJECT = range(4)
KINDS = ["submit", "cancel", "fill", "reject"]


def events(path, hidden=0):
    """Rows of hftbacktest from the raw file: the snapshot, differences after it, trades.

    The exchange is not shown depth of the hidden side."""
    rows = []
    waiting = []
    last = None

    def add(kind, at, price, qty):
        is_trade = kind & 0xFF == TRADE_EVENT
        seen = LOCAL_EVENT if hidden & kind and not is_trade else LOCAL_EVENT | EXCH_EVENT
        rows.append((kind | seen, at, at, float(price), float(qty), 0, 0, 0.0))

    def difference(at, data):
        for price, qty in data["b"]:
            add(DEPTH_EVENT | BUY_EVENT, at, price, qty)
        for price, qty in data["a"]:
            add(DEPTH_EVENT | SELL_EVENT, at, price, qty)

    with gzip.open(path, "rt") as lines:
        for line in lines:
            at, text = line.split(" ", 1)
            at, message = int(at), json.loads(text)
            if "lastUpdateId" in message:
                last = message["lastUpdateId"]
                add(DEPTH_CLEAR_EVENT, at, 0, 0)
                for price, qty in message["bids"]:
                    add(DEPTH_SNAPSHOT_EVENT | BUY_EVENT, at, price, qty)
                for price, qty in message["asks"]:
                    add(DEPTH_SNAPSHOT_EVENT | SELL_EVENT, at, price, qty)
                for data in waiting:
                    if data["u"] >= last:
                        difference(at, data)
                waiting = []
                continue
            stream, data = message["stream"], message["data"]
            if "@depth" in stream:
                if last is None:
                    waiting.append(data)
                elif data["u"] >= last:
                    difference(at, data)
            elif stream.endswith("@trade"):
                side = SELL_EVENT if data["m"] else BUY_EVENT
                add(TRADE_EVENT | side, at, data["p"], data["q"])
    return np.array(rows, dtype=event_dtype)


@njit
def run(hbt, assets, first, start, end, period, qty, most, offset, log):
    """Runs the maker and gives the number of log rows and hftbacktest's last answer back. Side 0 buys in asset 0, side 1 sells in
    the last one."""
    n = 0
    next_id = 1
    tick = hbt.depth(0).tick_size
    lot = hbt.depth(0).lot_size
    answer = hbt.elapse(start - first)
    if answer != 0:
        return n, answer
    while hbt.current_timestamp <= end:
        now = hbt.current_timestamp
        position = 0
        for asset in range(assets):
            position += round(hbt.position(asset) / lot)
            # What ended since the last decision.
            orders = hbt.orders(asset).values()
            while orders.has_next():
                order = orders.get()
                side = 0 if order.side == BUY else 1
                if order.status == FILLED:
                    log[n] = (FILL, order.exch_timestamp, side, order.price_tick)
                    n += 1
                elif order.status == EXPIRED:
                    log[n] = (REJECT, order.exch_timestamp, side, order.price_tick)
                    n += 1
            hbt.clear_inactive_orders(asset)
        depth = hbt.depth(0)
        wanted = (depth.best_bid_tick - offset, depth.best_ask_tick + offset)
        may_grow = (position + qty <= most, position - qty >= -most)
        is_there = [False, False]
        for asset in range(assets):
            orders = hbt.orders(asset).values()
            while orders.has_next():
                order = orders.get()
                side = 0 if order.side == BUY else 1
                is_there[side] = True
                if order.cancellable and order.price_tick != wanted[side]:
                    hbt.cancel(asset, order.order_id, False)
                    log[n] = (CANCEL, now, side, order.price_tick)
                    n += 1
        for side in range(2):
            if is_there[side] or not may_grow[side]:
                continue
            price = wanted[side] * tick
            if side == 0:
                hbt.submit_buy_order(0, next_id, price, qty * lot, GTX, LIMIT, False)
            else:
                hbt.submit_sell_order(assets - 1, next_id, price, qty * lot, GTX, LIMIT, False)
            next_id += 1
            log[n] = (SUBMIT, now, side, wanted[side])
            n += 1
        answer = hbt.elapse(period)
        if answer != 0:
            break
    return n, answer


def asset(args, data):
    """One asset with its exchange."""
    return (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(args.latency_ns, args.latency_ns)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(args.tick)
        .lot_size(args.lot)
        .power_prob_queue_model(float(args.queue[-1]))
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", required=True)
    parser.add_argument("--queue", choices=["power-2", "power-3"], required=True)
    parser.add_argument("--period-ns", type=int, required=True)
    parser.add_argument("--tick", type=float, required=True)
    parser.add_argument("--lot", type=float, required=True)
    parser.add_argument("--most", type=int, required=True, help="lots")
    parser.add_argument("--offset", type=int, required=True, help="ticks")
    parser.add_argument("--latency-ns", type=int, required=True, help="each way")
    parser.add_argument("--one-sided", action="store_true")
    args = parser.parse_args()
    hidden = [SELL_EVENT, BUY_EVENT] if args.one_sided else [0]
    data = [events(args.raw, side) for side in hidden]
    hbt = HashMapMarketDepthBacktest([asset(args, rows) for rows in data])
    rows = data[0]
    first, end = int(rows["local_ts"][0]), int(rows["local_ts"][-1])
    snapshot = int(rows["local_ts"][np.argmax(rows["ev"] & 0xFF == DEPTH_CLEAR_EVENT)])
    start = (snapshot // args.period_ns + 1) * args.period_ns
    log = np.zeros((1_000_000, 4), np.int64)
    rules = (args.period_ns, 1, args.most, args.offset)
    n, answer = run(hbt, len(data), first, start, end, *rules, log)
    if answer not in (0, END_OF_DATA):
        sys.exit(f"hftbacktest stopped with {answer} at {hbt.current_timestamp}")
    for kind, at, side, price in log[:n].tolist():
        print(KINDS[kind], at, "sell" if side else "buy", price)
    hbt.close()


if __name__ == "__main__":
    main()
