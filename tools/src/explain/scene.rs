//! The moment an order is judged, copied out of the engine: market, score, state, advice, limits by
//! layer, exposure, and every check.
//!
//! Owns no rule: every figure is one the engine or the gate holds. Integers keep their unit in the
//! key; prices and quantities also stand as decimal text.

use engine::advice::InForce;
use engine::gate::{self, CHECKS, Inquiry, Verdict};
use engine::instrument::InstrumentState;
use engine::limits::Row;
use engine::orders::{Order, OrderRequest};
use engine::risk::{BookState, Disabled, StrategyRisk, SymbolRisk, VenueRisk};
use engine::{Engine, SessionLimits};
use serde_json::{Map, Value, json};
use wire::decimal::Increments;
use wire::instrument::Instrument;
use wire::market::{BookSide, Level};
use wire::units::SEQ_UNDEF;
use wire::{InstrumentId, PriceTicks, TsNs};

/// Levels of the book that are shown on each side.
const LEVELS: usize = 10;

/// Prices and quantities of one instrument as decimal text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Units {
    tick_e9: i64,
    lot_e9: i64,
}

impl Units {
    pub(super) fn of(row: &Instrument) -> Self {
        Self { tick_e9: row.tick_size_e9, lot_e9: row.lot_size_e9 }
    }

    pub(super) fn price(self, ticks: PriceTicks) -> Value {
        if !ticks.is_defined() {
            return Value::Null;
        }
        Increments { count: ticks.get(), increment_e9: self.tick_e9 }.to_string().into()
    }

    pub(super) fn qty(self, lots: i64) -> Value {
        Increments { count: lots, increment_e9: self.lot_e9 }.to_string().into()
    }

    fn level(self, level: Level) -> Value {
        json!({
            "price": self.price(level.price_ticks),
            "qty": self.qty(level.qty_lots.get()),
            "price_ticks": level.price_ticks.get(),
            "qty_lots": level.qty_lots.get(),
        })
    }
}

/// A price, or nothing.
pub(super) fn ticks(price: PriceTicks) -> Value {
    if price.is_defined() { price.get().into() } else { Value::Null }
}

/// A moment, or nothing.
fn moment(at: TsNs) -> Value {
    if at == TsNs::UNDEF { Value::Null } else { at.get().into() }
}

fn number(value: u64) -> Value {
    if value == SEQ_UNDEF { Value::Null } else { value.into() }
}

/// The moment, as it grows.
#[derive(Debug)]
pub(super) struct Scene {
    map: Map<String, Value>,
    units: Option<Units>,
    /// The request the newest usable score answers.
    request: Option<u64>,
    /// Working orders an amendment could be of.
    alike: Vec<Order>,
}

impl Scene {
    /// What the engine holds just before the gate judges.
    pub(super) fn of(engine: &Engine, order: &OrderRequest) -> Self {
        let mut map = Map::new();
        let state = engine.instrument(order.instrument);
        let units = state.map(|state| Units::of(&state.row));
        let request = state.and_then(|state| state.signal).map(|signal| signal.request_id);
        if let Some(state) = state {
            map.insert("instrument".into(), state.row.symbol().into());
            map.insert("wish".into(), wish(order, Units::of(&state.row)));
            map.insert("book".into(), book(state, engine.now()));
        }
        let index = usize::from(order.strategy.get());
        let name = engine.strategies().nth(index).map(|(name, _)| name);
        map.insert("strategy".into(), json!({ "id": order.strategy.get(), "name": name }));
        let advice: Vec<Value> =
            engine.advice().iter().map(|a| advice(a, engine, order.instrument)).collect();
        map.insert("advice".into(), advice.into());
        map.insert("limits".into(), limits(engine, order));
        if let Some(state) = state {
            map.insert("profit".into(), profit(engine, state, order));
        }
        let alike = |o: &&Order| {
            let at = OrderRequest {
                price_ticks: order.price_ticks,
                qty_lots: order.qty_lots,
                ..o.request
            };
            at == *order
        };
        let alike = engine.orders().iter_working().filter(alike).copied().collect();
        Self { map, units, request, alike }
    }

    /// What the gate saw and said.
    pub(super) fn judge(&mut self, i: &Inquiry<'_>, verdict: &Verdict) {
        let scores = i.strategy.uses_signal;
        let signal = scores.then(|| signal(i, self.request));
        self.map.insert("signal".into(), signal.into());
        self.map.insert("state".into(), state(i));
        if let Some(units) = self.units {
            self.map.insert("exposure".into(), exposure(i, units));
        }
        self.map.insert("order_figures".into(), order(i));
        self.map.insert("amends".into(), amends(i, &self.alike));
        let checks: Vec<Value> = CHECKS.iter().map(|check| row(check, i)).collect();
        self.map.insert("checks".into(), checks.into());
        let mask = format!("{:016x}", verdict.mask);
        self.map.insert("verdict_mask".into(), mask.into());
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.map
    }
}

/// What the strategy asked for.
fn wish(order: &OrderRequest, units: Units) -> Value {
    let number = |id: u32| if id == 0 { Value::Null } else { id.into() };
    json!({
        "side": order.side.name(),
        "ord_type": order.ord_type.name(),
        "time_in_force": order.time_in_force.name(),
        "exec_inst": order.exec_inst.name(),
        "price": units.price(order.price_ticks),
        "price_ticks": ticks(order.price_ticks),
        "stop_px": units.price(order.stop_px_ticks),
        "stop_px_ticks": ticks(order.stop_px_ticks),
        "qty": units.qty(order.qty_lots.get()),
        "qty_lots": order.qty_lots.get(),
        "expire_ns": moment(order.expire_ns),
        "parent_id": number(order.parent_id),
        "link_id": number(order.link_id),
    })
}

fn book(state: &InstrumentState, now: TsNs) -> Value {
    let units = Units::of(&state.row);
    let levels = |side| -> Vec<Value> {
        state.book.levels(side).take(LEVELS).map(|level| units.level(level)).collect()
    };
    let risk = &state.risk;
    let touch = state.touch().map(|touch| {
        json!({
            "bid": units.level(touch.bid),
            "ask": units.level(touch.ask),
            "spread_ticks": touch.spread_ticks(),
        })
    });
    let age = (risk.last_market_ns != 0).then(|| now.since(TsNs(risk.last_market_ns)));
    json!({
        "state": match risk.book {
            BookState::Good => "good",
            BookState::Gapped => "gapped",
            BookState::Crossed => "crossed",
        },
        "status": risk.status.name(),
        "last_update_id": number(state.book.last_update_id()),
        "quote_update_id": state.quote.map(|quote| quote.update_id),
        "age_ns": age,
        "touch": touch,
        "touch_from": state.touch().map(|_| touch_from(state)),
        "bids": levels(BookSide::Bid),
        "asks": levels(BookSide::Ask),
        "depth_lots": {
            "bid": state.book.best_lots(BookSide::Bid, 10, |_| false),
            "ask": state.book.best_lots(BookSide::Ask, 10, |_| false),
        },
        "last_trade": units.price(PriceTicks(risk.last_trade_ticks)),
        "spread_median_x256": risk.spread_median_x256,
    })
}

/// Where the touch comes from: the venue's own quote where that is at least as new as the book.
fn touch_from(state: &InstrumentState) -> &'static str {
    let without = engine::instrument::touch_of(&state.book, None);
    if without == state.touch() { "book" } else { "quote" }
}

fn signal(i: &Inquiry<'_>, request: Option<u64>) -> Value {
    let view = &i.symbol.signal;
    if view.requested_ns == 0 {
        return json!({ "score_e6": null, "ttl_ns": i.signal_ttl_ns, "lag": view.lag });
    }
    json!({
        "score_e6": view.score_e6,
        "score": Increments { count: view.score_e6.into(), increment_e9: 1_000 }.to_string(),
        "request_id": request,
        "requested_ns": view.requested_ns,
        "age_ns": i.now.since(TsNs(view.requested_ns)),
        "ttl_ns": i.signal_ttl_ns,
        "model_hash": format!("{:016x}", view.model_hash),
        "pinned_hash": format!("{:016x}", view.pinned_hash),
        "lag": view.lag,
        "repeats": view.repeats,
    })
}

/// Mode, latches and what else stands between a wish and an order.
fn state(i: &Inquiry<'_>) -> Value {
    let firm = i.firm;
    json!({
        "mode": firm.mode.name(),
        "killed": {
            "firm": firm.killed,
            "venue": i.venue.killed,
            "strategy": i.strategy.killed,
            "symbol": i.symbol.killed,
        },
        "strategy_disabled": disabled(i.strategy.disabled),
        "reduce_only": i.symbol.reduce_only,
        "session_up": i.venue.session_up,
        "reconciled": i.venue.reconciled,
        "checked_ns": firm.checked_ns,
        "audit_fill": firm.audit_fill,
        "clock_offset_ns": firm.clock_offset_ns,
        "wire_difference": firm.wire_difference,
    })
}

fn disabled(why: Disabled) -> Value {
    match why {
        Disabled::No => Value::Null,
        Disabled::DailyLoss => "DAILY_LOSS".into(),
        Disabled::Drawdown => "DRAWDOWN".into(),
        Disabled::LossStreak => "LOSS_STREAK".into(),
        Disabled::LossVelocity => "LOSS_VELOCITY".into(),
        Disabled::Executions => "EXECUTIONS".into(),
        Disabled::Rejects => "REJECTS".into(),
    }
}

fn advice(advice: &InForce, engine: &Engine, instrument: InstrumentId) -> Value {
    let everywhere = advice.instrument == InstrumentId::UNDEF;
    let symbol = engine.instrument(advice.instrument).map(|state| state.row.symbol());
    json!({
        "source": advice.source,
        "field": advice.field.name(),
        "instrument": if everywhere { Some("all") } else { symbol },
        "value": advice.value,
        "expires_ns": moment(advice.expires_ns),
        "applies": everywhere || advice.instrument == instrument,
    })
}

/// Every limit over the order, with the layer that set it. Advice binds an order that opens something
/// and no other; the checks show the limit each was held against.
fn limits(engine: &Engine, order: &OrderRequest) -> Value {
    let (file, session) = (engine.operator_limits(), engine.session_limits());
    let mut map = Map::new();
    map.insert("epoch".into(), file.epoch.into());
    map.insert("sha256".into(), String::from_utf8_lossy(&file.sha256).into());
    let index = usize::try_from(order.instrument.get()).unwrap_or(usize::MAX);
    if let Some(state) = engine.instrument(order.instrument) {
        let row = file.symbols.get(index).and_then(Option::as_ref);
        if let (Some(row), Some(tight)) = (row, session.symbols.get(index)) {
            let base = row.limits.tightest(tight);
            let (advised, _) = engine.advice().applied(order.instrument, &row.limits, &base);
            map.insert("symbol".into(), layers(&advised, &row.limits, tight));
        }
        let venue = state.row.header.venue_id;
        map.insert("venue".into(), venue_layers(engine, session, venue));
    }
    let index = usize::from(order.strategy.get());
    let row = file.strategies.get(index).and_then(Option::as_ref);
    let risk = engine.strategy_risk(order.strategy);
    if let (Some(row), Some(risk), Some(tight)) = (row, risk, session.strategies.get(index)) {
        map.insert("strategy".into(), layers(&risk.limits, row, tight));
    }
    map.insert("firm".into(), layers(&engine.firm().limits, &file.firm, &session.firm));
    Value::Object(map)
}

fn venue_layers(engine: &Engine, session: &SessionLimits, id: wire::VenueId) -> Value {
    let rows = &engine.operator_limits().venues;
    let Some(at) = rows.iter().position(|(venue, _)| *venue == id) else { return Value::Null };
    let risk = engine.venues().find(|venue| venue.id == id);
    match (risk, rows.get(at), session.venues.get(at)) {
        (Some(risk), Some((_, row)), Some(tight)) => layers(&risk.limits, row, tight),
        _ => Value::Null,
    }
}

/// Each field of a row: the value in force, the file's, and which layer made it so.
fn layers<R: Row>(effective: &R, file: &R, session: &R) -> Value {
    let base = file.tightest(session);
    let rows = R::fields().iter().map(|spec| {
        let of = |row: &R| row.get(spec.field);
        let value = of(effective);
        let layer = if value == of(file) {
            "file"
        } else if value == of(&base) {
            "session"
        } else {
            "advice"
        };
        json!({ "field": spec.field.name(), "value": value, "layer": layer, "file": of(file) })
    });
    rows.collect()
}

/// The figures of the order the checks compare.
fn order(i: &Inquiry<'_>) -> Value {
    json!({
        "opens": i.opens,
        "added_lots": i.added_lots,
        "reducible_lots": i.reducible_lots,
        "increase_lots": i.increase_lots,
        "valued_at_ticks": ticks(PriceTicks(i.price_ticks)),
        "value_e9": i.value_e9,
        "base_e9": i.base_e9,
        "increase_base_e9": i.increase_base_e9,
    })
}

/// What an amendment changes. The gate is not told the order's id: it is the one working order of
/// the same terms, state and quantities, where there is one such.
fn amends(i: &Inquiry<'_>, alike: &[Order]) -> Value {
    i.amend.map_or(Value::Null, |amend| {
        let same = |o: &&Order| {
            (o.status, o.cum_qty_lots.get(), o.reserved_lots)
                == (amend.status, amend.cum_lots, amend.leaves_lots)
        };
        let mut found = alike.iter().filter(same);
        let id = found.next().filter(|_| found.next().is_none());
        json!({
            "cl_ord_id": id.map(|order| order.cl_ord_id.get()),
            "status": amend.status.name(),
            "cum_lots": amend.cum_lots,
            "reserved_lots": amend.leaves_lots,
            "value_e9": amend.value_e9,
        })
    })
}

fn exposure(i: &Inquiry<'_>, units: Units) -> Value {
    let firm = i.firm;
    json!({
        "symbol": symbol(i.symbol, units),
        "strategy": strategy(i.strategy, units),
        "venue": venue(i.venue),
        "firm": {
            "open_orders": firm.open_orders,
            "unknown_orders": firm.unknown_orders,
            "gross_e9": firm.exposure.gross_e9,
            "net_long_e9": firm.exposure.up_e9,
            "net_short_e9": firm.exposure.down_e9,
            "open_notional_e9": firm.exposure.open_e9,
            "unknown_notional_e9": firm.exposure.unknown_e9,
            "var_e9": firm.var_e9,
            "orders_today": firm.orders_today,
            "turnover_e9": firm.turnover_e9,
        },
    })
}

fn symbol(risk: &SymbolRisk, units: Units) -> Value {
    json!({
        "position_lots": risk.position_lots,
        "position": units.qty(risk.position_lots),
        "reserved_buy_lots": risk.buy_lots,
        "reserved_sell_lots": risk.sell_lots,
        "open_orders": risk.open_orders,
        "open_notional_e9": risk.open_e9,
        "unknown_notional_e9": risk.unknown_e9,
        "gross_e9": risk.contribution.gross_e9,
        "own_bid": units.price(PriceTicks(risk.own_bid_ticks)),
        "own_ask": units.price(PriceTicks(risk.own_ask_ticks)),
    })
}

fn strategy(risk: &StrategyRisk, units: Units) -> Value {
    json!({
        "position_lots": risk.position_lots,
        "position": units.qty(risk.position_lots),
        "reserved_buy_lots": risk.buy_lots,
        "reserved_sell_lots": risk.sell_lots,
        "open_orders": risk.open_orders,
        "orders_today": risk.orders_today,
        "messages": risk.messages,
        "fills": risk.fills,
        "executions": risk.executions,
        "rejects_in_a_row": risk.rejects,
        "turnover_e9": risk.turnover_e9,
    })
}

fn venue(risk: &VenueRisk) -> Value {
    let known = |value: i64| (value >= 0).then_some(value);
    json!({
        "id": risk.id.get(),
        "open_orders": risk.open_orders,
        "balance_e9": known(risk.balance_e9),
        "credit_e9": known(risk.credit_e9),
        "claimed_e9": risk.claimed_e9,
    })
}

/// Profit in billionths of the base currency, marked at the adverse side.
fn profit(engine: &Engine, state: &InstrumentState, order: &OrderRequest) -> Value {
    let firm = engine.firm();
    let of_strategy = engine.strategy_risk(order.strategy).map(|risk| {
        json!({
            "day_e9": risk.pnl_e9,
            "carried_e9": risk.carried_e9,
            "high_water_e9": risk.high_water_e9,
            "drawdown_e9": risk.drawdown_e9(),
            "minute_loss_e9": risk.minute_loss_e9,
            "loss_streak": risk.loss_streak,
        })
    });
    json!({
        "symbol": { "day_e9": state.pnl_e9 },
        "strategy": of_strategy,
        "firm": {
            "day_e9": firm.pnl_e9,
            "carried_e9": firm.carried_e9,
            "high_water_e9": firm.high_water_e9,
            "drawdown_e9": firm.drawdown_e9(),
            "minute_loss_e9": firm.minute_loss_e9,
        },
    })
}

fn row(check: &gate::Check, i: &Inquiry<'_>) -> Value {
    let found = (check.run)(i);
    json!({
        "id": check.id,
        "code": check.code,
        "pass": found.is_good,
        "limit": found.limit,
        "actual": found.actual,
        "unit": check.unit,
        "key": check.key,
        "rule": check.rule,
    })
}
