//! The strategies that come with the station, on the bundled recording: what each may never do,
//! and that parameters given on the command line are the parameters of the file.

use crate::support::{clean, corelane, json, root};
use station::backtest::{Options, backtest};
use station::config::{Config, Overrides};
use std::collections::BTreeMap;
use wire::order::{ExecInst, ExecType, Side};
use wire::{ClOrdId, Frame, decode};

/// Config of the four, with only one of them left.
fn only(strategy: &str) -> Config {
    let overrides = Overrides { strategy: Some(strategy.to_owned()), ..Overrides::default() };
    Config::load(&root().join("config/strategies.toml"), &overrides).unwrap()
}

/// What an account of orders and fills knows, apart from the engine's own.
#[derive(Default)]
struct Account {
    position: i64,
    working: BTreeMap<ClOrdId, (Side, i64)>,
    placed: BTreeMap<u8, u64>,
    fills: u64,
    farthest: i64,
}

impl Account {
    fn see(&mut self, frame: &[u8], max_inventory: i64) {
        match decode(frame) {
            Ok(Frame::NewOrder(order)) => {
                let side = Side::from_code(order.side).unwrap();
                assert_eq!(order.exec_inst, ExecInst::PostOnly.code(), "it only adds liquidity");
                assert!(
                    !self.working.values().any(|(working, _)| *working == side),
                    "a second order on one side: {order:?}"
                );
                let after = self.position + signed(side, order.qty_lots.get());
                assert!(after.abs() <= max_inventory, "a fill would pass the bound: {order:?}");
                self.working.insert(order.cl_ord_id, (side, order.qty_lots.get()));
                *self.placed.entry(order.side).or_default() += 1;
            }
            Ok(Frame::ExecutionReport(report)) => {
                let exec = ExecType::from_code(report.exec_type);
                let id = [report.orig_cl_ord_id, report.cl_ord_id]
                    .into_iter()
                    .find(|id| self.working.contains_key(id));
                if exec == Some(ExecType::Trade) {
                    let (side, left) = self.working.get_mut(&id.unwrap()).unwrap();
                    *left -= report.last_qty_lots.get();
                    self.position += signed(*side, report.last_qty_lots.get());
                    self.farthest = self.farthest.max(self.position.abs());
                    assert!(self.farthest <= max_inventory, "{report:?}");
                    self.fills += 1;
                }
                let over = matches!(
                    exec,
                    Some(ExecType::Canceled | ExecType::Expired | ExecType::Rejected)
                );
                if let Some(id) = id
                    && (over || self.working[&id].1 == 0)
                {
                    self.working.remove(&id);
                }
            }
            _ => {}
        }
    }
}

fn signed(side: Side, lots: i64) -> i64 {
    match side {
        Side::Buy => lots,
        Side::Sell => -lots,
    }
}

#[test]
fn quoting_quotes_both_sides_within_its_inventory_and_repeats_exactly() {
    let config = only("quoting");
    let max_inventory = 10_000;
    let run = || {
        let mut account = Account::default();
        let mut observer = |frame: &[u8]| account.see(frame, max_inventory);
        let options = Options { observer: Some(&mut observer), ..Options::default() };
        let done = backtest(&config, options).unwrap();
        (done, account)
    };
    let ((first, account), (second, _)) = (run(), run());
    assert_eq!(first.state_hash, second.state_hash);
    for side in [Side::Buy, Side::Sell] {
        let placed = account.placed.get(&side.code()).copied().unwrap_or(0);
        assert!(placed > 10, "{side:?}: {:?}", account.placed);
    }
    assert!(account.fills > 10, "{} fills", account.fills);
    assert!(account.farthest > 2_000, "the inventory went beyond one quote: {}", account.farthest);
    let (_, position) = first.engine.strategies().next().unwrap();
    assert_eq!(position.lots().get(), account.position);
    // An inventory of one quote: the same rules, and they bind.
    let narrow = std::fs::read_to_string(&config.file).unwrap();
    let narrow = narrow.replace("max_inventory_lots = 10000", "max_inventory_lots = 2000");
    let overrides = Overrides { strategy: Some("quoting".to_owned()), ..Overrides::default() };
    let narrow = Config::parse(&config.file, &narrow, &overrides).unwrap();
    let mut account = Account::default();
    let mut observer = |frame: &[u8]| account.see(frame, 2_000);
    let options = Options { observer: Some(&mut observer), ..Options::default() };
    let third = backtest(&narrow, options).unwrap();
    assert!(account.farthest > 1_000, "{}", account.farthest);
    assert_ne!(third.state_hash, first.state_hash);
}

#[test]
fn all_four_strategies_trade_on_the_bundled_recording() {
    let run = || json(&clean(corelane(&["backtest", "--config=config/strategies.toml", "--json"])));
    let (first, second) = (run(), run());
    assert_eq!(first["state_hash"], second["state_hash"]);
    for name in ["signal-taker", "momentum", "quoting", "mean-reversion"] {
        let fills = first["strategies"][name]["fills"].as_u64();
        assert!(fills > Some(0), "{name}: {:#}", first["strategies"]);
    }
    assert_eq!(first["anomalies"], 0);
}
