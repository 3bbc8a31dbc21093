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

/// Runs a sweep over three values of one parameter and two of another, and the same six runs with
/// the parameters written into the file.
#[test]
fn a_row_of_a_sweep_is_the_single_run_with_the_same_parameters() {
    let sweep = || {
        clean(corelane(&[
            "backtest",
            "--config=config/strategies.toml",
            "--set=strategy.quoting.gamma_e6=50,100,400",
            "--set=mean-reversion.entry_z_e3=1500,2000",
            "--json",
        ]))
    };
    let text = sweep();
    assert_eq!(text, sweep(), "the same bytes, whichever thread ran what");
    let sweep = json(&text);
    let rows = sweep["rows"].as_array().unwrap();
    let mut expected = rows.iter();
    let file = std::fs::read_to_string(root().join("config/strategies.toml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for gamma in [50, 100, 400] {
        for entry in [1_500, 2_000] {
            let text = file
                .replace("gamma_e6 = 100", &format!("gamma_e6 = {gamma}"))
                .replace("entry_z_e3 = 2000", &format!("entry_z_e3 = {entry}"))
                .replace("\"demo/", &format!("\"{}/config/demo/", root().display()))
                .replace("\"../", &format!("\"{}/", root().display()))
                .replace(
                    "\"strategies.limits",
                    &format!("\"{}/config/strategies.limits", root().display()),
                );
            let path = dir.path().join("one.toml");
            std::fs::write(&path, text).unwrap();
            let single = corelane(&["backtest", &format!("--config={}", path.display()), "--json"]);
            let single = json(&clean(single));
            let row = expected.next().unwrap();
            assert_eq!(row["params"]["quoting.gamma_e6"], gamma);
            assert_eq!(row["params"]["mean-reversion.entry_z_e3"], entry);
            assert_eq!(row["denied"], single["denied_total"]);
            for key in ["orders", "fills", "pnl", "strategies", "config_hash", "state_hash"] {
                assert_eq!(row[key], single[key], "{key} with gamma {gamma}, entry {entry}");
            }
        }
    }
    assert!(expected.next().is_none(), "six rows");
    let hashes: std::collections::BTreeSet<_> =
        rows.iter().map(|row| row["state_hash"].as_str().unwrap()).collect();
    assert_eq!(hashes.len(), 6, "every parameter matters");
}

#[test]
fn a_sweep_is_a_table_with_a_row_for_each_combination() {
    let text = clean(corelane(&[
        "backtest",
        "--config=config/strategies.toml",
        "--strategy=quoting",
        "--set=quoting.pause_ms=250,500",
    ]));
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{text}");
    let head = ["quoting.pause_ms", "orders", "fills", "denied", "pnl", "BTCUSDT", "fees"];
    assert_eq!(lines[0][..7], head, "{text}");
    assert_eq!((lines[1][0], lines[2][0]), ("250", "500"), "{text}");
    let single = json(&clean(corelane(&[
        "backtest",
        "--config=config/strategies.toml",
        "--strategy=quoting",
        "--json",
    ])));
    let pnl = &single["pnl"]["BTCUSDT"];
    for want in [&single["orders"].to_string(), pnl["net"].as_str().unwrap()] {
        assert!(lines[2].contains(&want), "{want} in {text}");
    }
    assert_eq!(lines[2].last().copied(), single["state_hash"].as_str());
}
