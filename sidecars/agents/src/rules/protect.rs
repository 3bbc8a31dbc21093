//! Rules that tighten limits. What they keep falls in steps, never below a tenth, for a minute.

use crate::answer::{LimitField, Limits, Tightening};
use crate::input::Input;

const FOR_S: i64 = 60;

fn limits(may: &[LimitField], wished: &[(LimitField, i64)], reason: String) -> Limits {
    let may = |limit: &LimitField| may.contains(limit);
    let changes = wished.iter().filter(|(limit, keep)| may(limit) && *keep < 10_000);
    Limits {
        changes: changes
            .map(|(limit, keep_bp)| Tightening {
                limit: *limit,
                keep_bp: (*keep_bp).max(1_000),
                for_s: FOR_S,
            })
            .collect(),
        reason,
    }
}

/// What is kept at a drawdown, and beside it at a multiple of the usual volatility.
pub(super) fn drawdown(input: &Input, may: &[LimitField]) -> Limits {
    let drawdown_bp = input.position.as_ref().map_or(0, |p| p.drawdown_bp);
    let by_drawdown = match drawdown_bp {
        ..200 => 10_000,
        200..500 => 7_500,
        500..1_000 => 5_000,
        _ => 2_500,
    };
    // Twice the usual volatility keeps a half, four times a quarter.
    let by_volatility = input.market.as_ref().map_or(10_000, |m| {
        let (is, usual) = (m.volatility_bp, m.usual_volatility_bp);
        if usual > 0 && is > usual { usual * 10_000 / is } else { 10_000 }
    });
    let keep = by_drawdown.min(by_volatility);
    let mut wished = vec![(LimitField::MaxPosition, keep), (LimitField::MaxOrderQty, keep)];
    if drawdown_bp >= 2_000 {
        wished.push((LimitField::ReduceOnly, 1_000));
    }
    let reason =
        format!("Drawdown {drawdown_bp} bp; volatility leaves {by_volatility} bp of limits.");
    limits(may, &wished, reason)
}

/// Fewer and narrower orders where many are refused or slippage is above the spread.
pub(super) fn execution(input: &Input, may: &[LimitField]) -> Limits {
    let Some(orders) = &input.orders else {
        return limits(may, &[], "How orders fare is not known.".into());
    };
    let refused_bp = orders.refused.saturating_mul(10_000) / orders.sent.max(1);
    let rate = if refused_bp > 2_000 { 5_000 } else { 10_000 };
    let spread_bp = input.market.as_ref().map_or(i64::MAX, |m| m.spread_bp);
    let size = if orders.slippage_bp > spread_bp { 5_000 } else { 10_000 };
    let wished = [
        (LimitField::OrderRate, rate),
        (LimitField::MaxOrderQty, size),
        (LimitField::PriceCollar, size),
    ];
    let reason = format!("{refused_bp} bp of orders refused, slippage {} bp.", orders.slippage_bp);
    limits(may, &wished, reason)
}

/// Reduce only where orders are unknown or data is old, less where there are gaps.
pub(super) fn sick(input: &Input, may: &[LimitField]) -> Limits {
    let Some(health) = &input.health else {
        return limits(may, &[], "How the station fares is not known.".into());
    };
    let blind = health.unknown_orders > 0 || health.quiet_ms > 60_000;
    let keep = if health.gaps > 0 || health.alarms > 0 { 5_000 } else { 10_000 };
    let mut wished = vec![(LimitField::OrderRate, keep), (LimitField::MaxPosition, keep)];
    if blind {
        wished.push((LimitField::ReduceOnly, 1_000));
    }
    let reason = format!(
        "{} unknown orders, quiet for {} ms, {} gaps, {} alarms.",
        health.unknown_orders, health.quiet_ms, health.gaps, health.alarms
    );
    limits(may, &wished, reason)
}

/// Smaller positions where one instrument is more than half of the whole.
pub(super) fn spread(input: &Input, may: &[LimitField]) -> Limits {
    let largest_pct = input.position.as_ref().map_or(0, |p| p.largest_pct);
    let keep = if largest_pct > 50 { 500_000 / largest_pct } else { 10_000 };
    let reason = format!("The largest instrument is {largest_pct} % of the whole.");
    limits(may, &[(LimitField::MaxPosition, keep)], reason)
}
