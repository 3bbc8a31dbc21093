//! The effective configuration as JSON: every key with the value that holds, defaults included.
//!
//! It is hashed into the session's first frame and written beside the summary. Keys come out in
//! alphabetical order, so the same configuration gives the same text. What is the machine's - paths,
//! the number of its graphics card - is left out: a run elsewhere with the same keys has the same
//! hash.

use super::{Config, Profile, Threads};
use crate::pin::CpuChoice;
use engine::StrategyParams;
use serde_json::{Value, json};
use venues::player::Speed;
use venues::sim::{Latency, QueueModel};

impl Config {
    /// Every key with the value that holds.
    #[must_use]
    pub fn effective(&self) -> Value {
        let Self { session, data, venue, station, signal, .. } = self;
        let throttle = venue.throttle.map(|throttle| throttle.messages);
        let cancels = venue.throttle.and_then(|throttle| throttle.cancels);
        json!({
            "session": {
                "name": session.name,
                "epoch": session.epoch,
                "start_mode": session.start_mode.name(),
            },
            "data": {
                "recording": data.recording.file_name().map(|n| n.to_string_lossy()),
                "speed": speed_text(data.speed),
            },
            "venue": {
                "kind": "sim",
                "entry_latency_ns": latency(&venue.entry_latency),
                "response_latency_ns": latency(&venue.response_latency),
                "queue_model": queue_model(venue.queue_model),
                "maker_fee_e6": venue.fees.maker_rate_e6,
                "taker_fee_e6": venue.fees.taker_rate_e6,
                "inverse_contract_value": venue.inverse_contract_value,
                "starting_balance_e9": venue.starting_balance_e9,
                "throttle_per_s": throttle.map_or(0, |budget| budget.per_s),
                "throttle_burst": throttle.map_or(0, |budget| budget.burst),
                "throttle_cancel_per_s": cancels.map_or(0, |budget| budget.per_s),
                "throttle_cancel_burst": cancels.map_or(0, |budget| budget.burst),
                "seed": venue.seed,
            },
            "station": {
                "threads": match station.threads { Threads::One => "one", Threads::Two => "two" },
                "loop_cpu": cpu(station.loop_cpu),
                "edge_cpu": cpu(station.edge_cpu),
                "idle": station.idle.name(),
                "lock_memory": station.lock_memory,
                "io": station.io.name(),
                "profile": match station.profile {
                    Profile::Dev => "dev",
                    Profile::Live => "live",
                },
                "topology": station.topology.as_deref().and_then(|p| p.file_name())
                    .map(|n| n.to_string_lossy()),
                "order_capacity": station.order_capacity,
            },
            "signal": {
                "enabled": signal.enabled,
                "model": signal.model.as_deref().and_then(|p| p.file_name())
                    .map(|n| n.to_string_lossy()),
                "transport": signal.transport.name(),
                "name": signal.store.as_ref().map(|store| &store.name),
                "model_changes": signal.model_changes.name(),
                "backend": signal.backend,
                "standby": signal.standby.as_deref().unwrap_or("none"),
                "ttl_ms": signal.ttl_ms,
                "sample_interval_ms": signal.sample_interval_ms,
            },
            "tape": { "size_mib": self.tape.bytes >> 20 },
            "journal": {
                "segment_mib": self.journal.segment_bytes >> 20,
                "sync_ms": u64::try_from(self.journal.sync_every.as_millis()).unwrap_or(0),
            },
            "strategy": self.strategies.iter().map(|strategy| json!({
                "name": strategy.name,
                "instrument": strategy.symbol,
                "params": params(&strategy.params),
            })).collect::<Vec<_>>(),
            "limits": self.limits_file.effective(),
        })
    }
}

/// A speed as the configuration spells it.
#[must_use]
pub(crate) fn speed_text(speed: Speed) -> String {
    match speed {
        Speed::Max => "max".to_owned(),
        Speed::Ratio { num, den } => {
            let (whole, rest) = (num.get() / den, num.get() % den);
            if rest == 0 {
                return whole.to_string();
            }
            let thousandths = u64::from(rest) * 1_000 / u64::from(den.get());
            format!("{whole}.{thousandths:03}").trim_end_matches('0').to_owned()
        }
    }
}

fn latency(latency: &Latency) -> Value {
    match latency {
        Latency::Constant(ns) => json!(ns),
        Latency::Samples(samples) => json!(samples),
        Latency::Quantiles(rows) => {
            json!(rows.iter().map(|row| [u64::from(row.at_e6), row.ns]).collect::<Vec<_>>())
        }
    }
}

fn queue_model(model: QueueModel) -> String {
    match model {
        QueueModel::RiskAverse => "risk-averse".to_owned(),
        QueueModel::Proportional => "proportional".to_owned(),
        QueueModel::Power { exponent } => format!("power-{exponent}"),
        QueueModel::Log => "log".to_owned(),
        QueueModel::L3Fifo => "l3-fifo".to_owned(),
    }
}

fn cpu(choice: CpuChoice) -> Value {
    match choice {
        CpuChoice::Auto => json!("auto"),
        CpuChoice::None => json!("none"),
        CpuChoice::Id(id) => json!(id),
    }
}

fn params(params: &StrategyParams) -> Value {
    match params {
        StrategyParams::SignalTaker(p) => json!({
            "kind": "signal-taker",
            "qty_lots": p.qty_lots.get(),
            "entry_score_e6": p.entry_score_e6,
            "exit_score_e6": p.exit_score_e6,
            "max_spread_ticks": p.max_spread_ticks,
            "slip_ticks": p.slip_ticks,
            "hold_ns": p.hold_ns,
            "cooldown_ns": p.cooldown_ns,
        }),
        StrategyParams::Momentum(p) => json!({
            "kind": "momentum",
            "qty_lots": p.qty_lots.get(),
            "fast_bars": p.fast_bars,
            "slow_bars": p.slow_bars,
            "threshold_e6": p.threshold_e6,
            "order_ttl_ns": p.order_ttl_ns,
        }),
        StrategyParams::Quoting(p) => json!({
            "kind": "quoting",
            "qty_lots": p.qty_lots.get(),
            "max_inventory_lots": p.max_inventory_lots,
            "gamma_e6": p.gamma_e6,
            "kappa_e6": p.kappa_e6,
            "horizon_ns": p.horizon_ns,
            "sigma_bars": p.sigma_bars,
            "requote_ticks": p.requote_ticks,
            "pause_ns": p.pause_ns,
        }),
        StrategyParams::MeanReversion(p) => json!({
            "kind": "mean-reversion",
            "qty_lots": p.qty_lots.get(),
            "window_bars": p.window_bars,
            "entry_z_e3": p.entry_z_e3,
            "exit_z_e3": p.exit_z_e3,
            "order_ttl_ns": p.order_ttl_ns,
            "hold_ns": p.hold_ns,
        }),
    }
}
