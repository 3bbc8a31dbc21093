//! `summary.json`: what a run did, for people and programs.
//!
//! Owns the keys. Every number says its unit in its key; money is in billionths of the quote
//! currency, with a decimal text beside it. Runs after the last turn, on the main thread.

use crate::latency::Latency;
use crate::limits::text_of_hash;
use engine::position::Position;
use engine::{Engine, gate};
use serde_json::{Map, Value, json};
use wire::decimal::Increments;
use wire::exit::Exit;
use wire::instrument::Instrument;
use wire::{PriceTicks, TsNs};

/// Where the clock stood.
#[derive(Clone, Debug)]
pub struct ClockFacts {
    /// Source of the cycle counter.
    pub source: &'static str,
    /// Drift at the start-up check and over the run, parts per million; `None` where no run was
    /// timed.
    pub drift_ppm: Option<(f64, f64)>,
    /// Whether the drift is beyond the limit.
    pub excessive: bool,
}

/// What the summary says beside the engine's own state.
#[derive(Debug)]
pub struct Facts<'a> {
    /// `replay` or `backtest`.
    pub kind: &'static str,
    /// The run's name and folder name.
    pub name: &'a str,
    /// The run's id; empty where nothing is written.
    pub id: String,
    /// Session epoch.
    pub epoch: u32,
    /// Hash of the effective configuration.
    pub config_hash: u64,
    /// The recording's file name and digest.
    pub data: (String, String),
    /// Events the recording holds.
    pub events_total: u64,
    /// Wall clock at the start.
    pub start: TsNs,
    /// Length of the run by the cycle counter, nanoseconds.
    pub wall_ns: u64,
    /// Clock.
    pub clock: ClockFacts,
    /// Histograms; `None` where nothing was timed.
    pub latency: Option<&'a Latency>,
    /// Signal section, as the caller counted it.
    pub signal: Value,
    /// Host section.
    pub host: Value,
    /// Section of the threads' own counts.
    pub station: Value,
    /// How it ended, and why in words.
    pub exit: (Exit, String),
}

/// The whole summary.
#[must_use]
pub fn summary(engine: &Engine, facts: &Facts<'_>) -> Value {
    let counters = engine.counters();
    let events = counters.market_events;
    let per_second = u128::from(events) * 1_000_000_000 / u128::from(facts.wall_ns.max(1));
    json!({
        "kind": facts.kind,
        "name": facts.name,
        "id": facts.id,
        "epoch": facts.epoch,
        "wire_version": wire::frame::WIRE_VERSION,
        "build": {
            "version": env!("CARGO_PKG_VERSION"),
            // `make build` tells it; null in a build that was made otherwise.
            "commit": option_env!("CORELANE_COMMIT"),
        },
        "config_hash": format!("{:016x}", facts.config_hash),
        "data": {
            "file": facts.data.0,
            "sha256": facts.data.1,
            "events": facts.events_total,
        },
        "start_ns": facts.start.get(),
        "wall_ns": facts.wall_ns,
        "engine_time_ns": engine.now().get(),
        "exit": {
            "code": facts.exit.0.code(),
            "name": facts.exit.0.name(),
            "cause": facts.exit.1,
        },
        "mode": engine.mode().name(),
        "killed": engine.killed(),
        "events": events,
        "events_per_s": u64::try_from(per_second).unwrap_or(u64::MAX),
        "inputs": counters.inputs,
        "outputs": counters.outputs,
        "orders": counters.orders,
        "cancels": counters.cancels,
        "fills": counters.fills,
        "rejects": counters.rejects,
        "denied": denied(engine),
        "denied_total": counters.denied_total(),
        "replaces": counters.replaces,
        "suppressed": counters.suppressed,
        "alarms": counters.alarms,
        "reconciled": counters.reconciled,
        "limits": {
            "epoch": engine.operator_limits().epoch,
            "sha256": text_of_hash(&engine.operator_limits().sha256),
        },
        "advice": { "taken": counters.advice_taken, "refused": counters.advice_refused },
        "anomalies": counters.anomalies,
        "late_reports": counters.late_reports,
        "state_hash": format!("{:016x}", engine.state_hash()),
        "clock": {
            "source": facts.clock.source,
            "calibration_ppm": facts.clock.drift_ppm.map(|(start, _)| start),
            "drift_ppm": facts.clock.drift_ppm.map(|(_, run)| run),
            "drift_limit_ppm": clock::DRIFT_LIMIT_PPM,
            "drift_excessive": facts.clock.excessive,
        },
        "position_lots": positions(engine),
        "pnl": pnl(engine),
        "strategies": strategies(engine),
        "signal": facts.signal,
        "latency": facts.latency.map_or_else(|| json!({}), Latency::to_json),
        "host": facts.host,
        "station": facts.station,
    })
}

/// Denials by the code of their primary check; codes that never came are left out.
fn denied(engine: &Engine) -> Map<String, Value> {
    let rows = gate::CHECKS.iter().filter_map(|check| {
        let count = engine.counters().denied.get(usize::from(check.id)).copied()?;
        (count > 0).then(|| (check.code.to_owned(), json!(count)))
    });
    rows.collect()
}

fn positions(engine: &Engine) -> Map<String, Value> {
    let rows = engine.instruments().iter();
    rows.map(|state| (state.row.symbol().to_owned(), json!(state.position.lots().get()))).collect()
}

fn pnl(engine: &Engine) -> Map<String, Value> {
    let rows = engine.instruments().iter();
    rows.map(|state| {
        (state.row.symbol().to_owned(), pnl_of(&state.position, state.mark(), &state.row))
    })
    .collect()
}

/// Name, position and profit of each strategy on its own instrument.
fn strategies(engine: &Engine) -> Map<String, Value> {
    let rows = engine.strategies().enumerate().filter_map(|(index, (name, position))| {
        let state = engine.context_of(index)?.instrument;
        let mut row = pnl_of(position, state.mark(), &state.row);
        if let Some(row) = row.as_object_mut() {
            row.insert("instrument".to_owned(), json!(state.row.symbol()));
            row.insert("position_lots".to_owned(), json!(position.lots().get()));
            row.insert("fills".to_owned(), json!(position.fills()));
        }
        Some((name.to_owned(), row))
    });
    rows.collect()
}

/// Profit and loss of one position; a part that cannot be told (no market, beyond 64 bits) is null.
fn pnl_of(position: &Position, mark: Option<PriceTicks>, row: &Instrument) -> Value {
    let tick_value_e9 = row.tick_value_e9().unwrap_or(0);
    let flat = position.lots().get() == 0;
    let mark = mark.or(flat.then_some(PriceTicks(0)));
    let realised = position.realised_e9(tick_value_e9).ok();
    let unrealised = mark.and_then(|mark| position.unrealised_e9(mark, tick_value_e9).ok());
    let net = mark.and_then(|mark| position.net_e9(mark, tick_value_e9).ok());
    let text = |e9: i64| Increments { count: e9, increment_e9: 1 }.to_string();
    json!({
        "realised_e9": realised.map(wire::MoneyE9::get),
        "unrealised_e9": unrealised.map(wire::MoneyE9::get),
        "fees_e9": position.fees_e9().get(),
        "net_e9": net.map(wire::MoneyE9::get),
        "net": net.map(|net| text(net.get())),
        "turnover_e9": position.turnover_e9(tick_value_e9).ok().map(wire::MoneyE9::get),
        "average_price_e6_ticks": position.average_price_e6().map(|p| p.to_string()),
        "mark_ticks": mark.filter(|_| !flat).map(PriceTicks::get),
    })
}
