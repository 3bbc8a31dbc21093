//! The sections `[[strategy]]`.
//!
//! Must never: accept a kind it does not know. Runs once at start.

use super::Strategy;
use super::reader::{Problems, Table};
use engine::StrategyParams;
use engine::strategy::{mean_reversion, momentum, quoting, signal_taker};
use wire::QtyLots;
use wire::signal::SCORE_LIMIT_E6;

const NS_PER_MS: u64 = 1_000_000;
/// Longest span a key in milliseconds may name: one day.
const DAY_MS: i64 = 86_400_000;
/// Largest count of lots or ticks a key may name.
const COUNT_MAX: i64 = 1_000_000_000_000_000;

#[derive(Clone, Copy)]
enum Kind {
    SignalTaker,
    Momentum,
    Quoting,
    MeanReversion,
}

const KINDS: [(&str, Kind); 4] = [
    ("signal-taker", Kind::SignalTaker),
    ("momentum", Kind::Momentum),
    ("quoting", Kind::Quoting),
    ("mean-reversion", Kind::MeanReversion),
];

pub(super) fn strategies(root: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Vec<Strategy> {
    let tables = root.list("strategy", problems);
    tables.into_iter().map(|table| strategy(table, problems)).collect()
}

fn strategy(mut table: Table<'_, '_>, problems: &mut Problems<'_>) -> Strategy {
    let line = table.line();
    let name = table.text_required("name", problems).value;
    let symbol = table.text_required("instrument", problems).value;
    let kind = table.text_required("kind", problems);
    let known = KINDS.iter().find(|(word, _)| *word == kind.value).map(|(_, kind)| *kind);
    let Some(known) = known else {
        if !kind.value.is_empty() {
            let words: Vec<_> = KINDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let found = format!("\"{}\"", kind.value);
            problems.add(kind.line, &table.key("kind"), found, &words.join(" or "));
        }
        // The kind is a problem already; its parameters would be unknown keys besides.
        return Strategy { name, symbol, params: placeholder(), line };
    };
    let params = match known {
        Kind::SignalTaker => StrategyParams::SignalTaker(signal_taker(&mut table, problems)),
        Kind::Momentum => StrategyParams::Momentum(momentum(&mut table, problems)),
        Kind::Quoting => StrategyParams::Quoting(quoting(&mut table, problems)),
        Kind::MeanReversion => StrategyParams::MeanReversion(mean_reversion(&mut table, problems)),
    };
    let broken = params.problem();
    if let Some((key, allowed)) = broken {
        problems.add(line, &table.key(key), "a value out of relation", allowed);
    }
    table.finish(problems);
    Strategy { name, symbol, params, line }
}

/// Stands in where the kind is not known; the configuration is refused then.
fn placeholder() -> StrategyParams {
    StrategyParams::Momentum(momentum::Params {
        qty_lots: QtyLots(1),
        fast_bars: 1,
        slow_bars: 2,
        threshold_e6: 0,
        order_ttl_ns: 1,
    })
}

fn signal_taker(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> signal_taker::Params {
    let mut number = |key, bounds| table.integer_required(key, bounds, problems);
    let score = |number: i64| i32::try_from(number).unwrap_or(1);
    let limit = i64::from(SCORE_LIMIT_E6);
    signal_taker::Params {
        qty_lots: QtyLots(number("qty_lots", 1..=COUNT_MAX)),
        entry_score_e6: score(number("entry_score_e6", 1..=limit)),
        exit_score_e6: score(number("exit_score_e6", 0..=limit)),
        max_spread_ticks: number("max_spread_ticks", 1..=COUNT_MAX),
        slip_ticks: number("slip_ticks", 0..=1_000_000),
        hold_ns: ns(number("hold_ms", 1..=DAY_MS)),
        cooldown_ns: ns(number("cooldown_ms", 0..=DAY_MS)),
    }
}

fn momentum(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> momentum::Params {
    let mut number = |key, bounds| table.integer_required(key, bounds, problems);
    let bars = |number: i64| usize::try_from(number).unwrap_or(1);
    let most = i64::try_from(momentum::MAX_BARS).unwrap_or(i64::MAX);
    momentum::Params {
        qty_lots: QtyLots(number("qty_lots", 1..=COUNT_MAX)),
        fast_bars: bars(number("fast_bars", 1..=most)),
        slow_bars: bars(number("slow_bars", 2..=most)),
        threshold_e6: number("threshold_e6", 0..=1_000_000),
        order_ttl_ns: ns(number("order_ttl_ms", 1..=DAY_MS)),
    }
}

fn quoting(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> quoting::Params {
    let mut number = |key, bounds| table.integer_required(key, bounds, problems);
    let small = |number: i64| u32::try_from(number).unwrap_or(1);
    quoting::Params {
        qty_lots: QtyLots(number("qty_lots", 1..=COUNT_MAX)),
        max_inventory_lots: number("max_inventory_lots", 1..=quoting::MAX_INVENTORY),
        gamma_e6: small(number("gamma_e6", 1..=1_000_000)),
        kappa_e6: small(number("kappa_e6", 1..=1_000_000)),
        horizon_ns: ns(number("horizon_ms", 1..=DAY_MS)),
        sigma_bars: small(number("sigma_bars", 2..=i64::from(quoting::MAX_SIGMA_BARS))),
        requote_ticks: number("requote_ticks", 1..=1_000_000),
        pause_ns: ns(number("pause_ms", 1..=DAY_MS)),
    }
}

fn mean_reversion(
    table: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> mean_reversion::Params {
    let mut number = |key, bounds| table.integer_required(key, bounds, problems);
    let most = i64::try_from(mean_reversion::MAX_BARS).unwrap_or(i64::MAX);
    mean_reversion::Params {
        qty_lots: QtyLots(number("qty_lots", 1..=COUNT_MAX)),
        window_bars: usize::try_from(number("window_bars", 3..=most)).unwrap_or(3),
        entry_z_e3: number("entry_z_e3", 1..=mean_reversion::MAX_Z_E3),
        exit_z_e3: number("exit_z_e3", 0..=mean_reversion::MAX_Z_E3),
        order_ttl_ns: ns(number("order_ttl_ms", 1..=DAY_MS)),
        hold_ns: ns(number("hold_ms", 1..=DAY_MS)),
    }
}

fn ns(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(NS_PER_MS)
}
