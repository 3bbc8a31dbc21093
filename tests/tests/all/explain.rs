//! `corelane explain` on real runs: the figures are those of the record, every layer of a limit is
//! named, and what cannot be explained is refused in one line.

pub(crate) mod folder;

use crate::bad_input::refused;
use crate::support::{clean, corelane, json};
use folder::{Amender, amended, first, layered, run, run_copy};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tape::Recording;
use tools::explain::{Asked, answer};
use wire::exit::Exit;
use wire::order::{Denied, ExecType, NewOrder, OrdStatus};
use wire::{ClOrdId, Frame, FrameKind, decode};

fn record(dir: &Path) -> Recording {
    tape::read_all(dir.join("journal")).unwrap()
}

fn explain(dir: &Path, what: &str) -> Value {
    json(&clean(corelane(&["explain", what, dir.to_str().unwrap(), "--json"])))
}

fn orders(recording: &Recording) -> Vec<NewOrder> {
    let order = |frame| match decode(frame) {
        Ok(Frame::NewOrder(order)) => Some(*order),
        _ => None,
    };
    recording.frames().filter_map(order).collect()
}

fn denials(recording: &Recording) -> Vec<Denied> {
    let denied = |frame| match decode(frame) {
        Ok(Frame::Denied(denied)) => Some(*denied),
        _ => None,
    };
    recording.frames().filter_map(denied).collect()
}

fn the_only(answer: &Value) -> &Value {
    let list = answer["decisions"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:?}");
    &list[0]
}

fn check<'a>(decision: &'a Value, code: &str) -> &'a Value {
    let rows = decision["checks"].as_array().unwrap();
    rows.iter().find(|row| row["code"] == code).unwrap()
}

#[test]
fn an_order_is_explained_with_the_figures_of_the_record() {
    let dir = run();
    let recording = record(dir);
    // The signal taker's: it has a score to show. A wish denied before it, where the machine was too
    // busy for the model, has the number that the next order takes.
    let denied: Vec<ClOrdId> = denials(&recording).iter().map(|denied| denied.cl_ord_id).collect();
    let is_it =
        |o: &NewOrder| o.header.strategy_id.get() == 0 && !denied.contains(&{ o.cl_ord_id });
    let order = orders(&recording).into_iter().find(is_it).unwrap();
    let answer = explain(dir, &format!("--order={}", order.cl_ord_id));
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["record"]["state_hash_repeats"], true);
    let d = the_only(&answer);
    assert_eq!((&d["decision"], &d["denied"]), (&"new-order".into(), &Value::Null));
    assert_eq!(d["seq"], order.header.seq);
    assert_eq!(d["approval_seq"], order.approval_seq);
    assert_eq!(d["strategy"]["name"], "signal-taker");
    assert_eq!(d["wish"]["price_ticks"], order.price_ticks.get());
    assert_eq!(d["wish"]["qty_lots"], order.qty_lots.get());
    let ticks = order.price_ticks.get();
    assert_eq!(d["wish"]["price"], format!("{}.{:02}", ticks / 100, ticks % 100));
    // The cause is the last input before it, and what a cause can be.
    let cause = d["cause"]["seq"].as_u64().unwrap();
    let inputs = recording.frames().filter_map(|frame| {
        let header = wire::frame::header(frame).ok()?;
        let kind = FrameKind::from_code(header.kind)?;
        let is_input = kind.is_outer_input() || kind == FrameKind::Timer;
        (is_input && header.seq < order.header.seq).then_some(header.seq)
    });
    assert_eq!(Some(cause), inputs.max());
    signal_is_the_recorded_one(&recording, d);
    assert_eq!(d["state"]["mode"], "LIVE");
    assert_eq!(d["book"]["state"], "good");
    assert_eq!(d["book"]["bids"].as_array().map(Vec::len), Some(10));
    let side = |key: &str| d["book"][key][0]["price_ticks"].as_i64().unwrap();
    assert!(side("bids") < side("asks"));
    let checks = d["checks"].as_array().unwrap();
    assert_eq!(checks.len(), engine::gate::CHECKS.len());
    assert!(checks.iter().all(|row| row["pass"] == true));
    assert_eq!(check(d, "MAX_ORDER_QTY")["actual"], order.qty_lots.get());
    assert_eq!(check(d, "MAX_ORDER_QTY")["limit"], 20_000);
    assert!(d["limits"]["symbol"].as_array().unwrap().iter().all(|row| row["layer"] == "file"));
    became_is_all_of_it(&recording, d, order.cl_ord_id);
}

fn signal_is_the_recorded_one(recording: &Recording, d: &Value) {
    let request = d["signal"]["request_id"].as_u64().unwrap();
    let response = recording.frames().find_map(|frame| match decode(frame) {
        Ok(Frame::SignalResponse(r)) if r.request_id == request => Some(*r),
        _ => None,
    });
    let response = response.unwrap();
    assert_eq!(d["signal"]["score_e6"], response.score_e6);
    assert_eq!(d["signal"]["model_hash"], format!("{:016x}", response.model_hash));
    assert_eq!(d["signal"]["pinned_hash"], d["signal"]["model_hash"]);
    let asked = recording.frames().find_map(|frame| match decode(frame) {
        Ok(Frame::SignalRequest(r)) if r.request_id == request => Some(r.header.ts_recv_ns.get()),
        _ => None,
    });
    let age = d["ts_ns"].as_u64().unwrap() - asked.unwrap();
    assert_eq!(d["signal"]["age_ns"], age);
    assert_eq!(check(d, "SIGNAL_STALE")["actual"], age);
}

fn became_is_all_of_it(recording: &Recording, d: &Value, id: ClOrdId) {
    let mut expected = Vec::new();
    let mut filled = 0;
    for frame in recording.frames() {
        match decode(frame) {
            Ok(Frame::ExecutionReport(r)) if r.cl_ord_id == id || r.orig_cl_ord_id == id => {
                expected.push(r.header.seq);
                filled += r.last_qty_lots.get();
            }
            Ok(Frame::CancelOrder(c)) if c.orig_cl_ord_id == id => expected.push(c.header.seq),
            _ => {}
        }
    }
    let told = d["became"].as_array().unwrap();
    let seqs: Vec<u64> = told.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, expected);
    let fills = told.iter().filter(|event| event["event"] == ExecType::Trade.name());
    let lots: i64 = fills.map(|event| event["fill"]["qty_lots"].as_i64().unwrap()).sum();
    assert_eq!(lots, filled);
    assert!(told.iter().any(|event| event["kind"] == "execution-report"), "{told:?}");
}

#[test]
fn a_denial_shows_the_limit_and_the_value_of_its_frame() {
    let dir = run();
    let recording = record(dir);
    let max_position = engine::gate::id_of("MAX_POSITION").unwrap();
    let all = denials(&recording);
    let denied = all.iter().find(|d| d.primary == max_position).unwrap();
    let answer = explain(dir, &format!("--seq={}", denied.header.seq));
    let d = the_only(&answer);
    assert_eq!(d["decision"], "denied");
    assert_eq!(d["denied"]["code"], "MAX_POSITION");
    let row = check(d, "MAX_POSITION");
    assert_eq!(row["pass"], false);
    assert_eq!((&row["limit"], &row["actual"]), (&denied.limit.into(), &denied.actual.into()));
    assert_eq!(d["verdict_mask"], format!("{:016x}", denied.mask));
    let failed = |row: &&Value| row["pass"] == false;
    let failed = d["checks"].as_array().unwrap().iter().filter(failed).count();
    assert_eq!(failed, denied.mask.count_ones() as usize);
    // Position and reservation explain the value: the check's own sum.
    let of = |scope: &str, key: &str| d["exposure"][scope][key].as_i64().unwrap();
    let qty = denied.qty_lots.get();
    let sums = ["symbol", "strategy"].map(|scope| {
        let position = of(scope, "position_lots");
        match d["wish"]["side"].as_str() {
            Some("buy") => position + of(scope, "reserved_buy_lots") + qty,
            _ => -position + of(scope, "reserved_sell_lots") + qty,
        }
    });
    assert!(sums.contains(&denied.actual), "{sums:?} {denied:?}");
    assert_eq!(d["became"].as_array().map(Vec::len), Some(0));
    let taken = recording.frames().find_map(|frame| match decode(frame) {
        Ok(Frame::NewOrder(o)) if o.cl_ord_id == denied.cl_ord_id => Some(o.header.seq),
        Ok(Frame::CancelOrder(c)) if c.cl_ord_id == denied.cl_ord_id => Some(c.header.seq),
        _ => None,
    });
    assert_eq!(d["id_went_to"]["seq"].as_u64(), taken);
    // By its id: every time it was asked for, in order, and the order that got it in the end.
    let id = denied.cl_ord_id;
    let answer = explain(dir, &format!("--order={}:{}", id.get() >> 32, id.get() & 0xffff_ffff));
    let seqs: Vec<u64> = answer["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["seq"].as_u64().unwrap())
        .collect();
    let mut expected: BTreeSet<u64> =
        all.iter().filter(|d| d.cl_ord_id == id).map(|d| d.header.seq).collect();
    expected.extend(orders(&recording).iter().filter(|o| o.cl_ord_id == id).map(|o| o.header.seq));
    assert_eq!(seqs, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_terminal_gets_every_check_and_the_decision_first() {
    let dir = run();
    let denied = denials(&record(dir))[0];
    let text = clean(corelane(&[
        "explain",
        dir.to_str().unwrap(),
        &format!("--seq={}", denied.header.seq),
    ]));
    let code = engine::gate::code_of(denied.primary).unwrap();
    let line = format!("denied by   {code}: limit {} actual {}", denied.limit, denied.actual);
    assert!(text.contains(&line), "{line} in {text}");
    for check in &engine::gate::CHECKS {
        let shown = format!(" {} ", check.code);
        assert!(text.lines().any(|l| l.contains(&shown) && l.contains(check.rule)), "{shown}");
    }
    assert!(text.lines().any(|line| line.starts_with("book ")), "{text}");
}

/// The strategies that come with the station amend nothing; this test's own does.
#[test]
fn an_amendment_is_explained_and_the_order_followed_through_it() {
    let (recording, engine) = amended();
    let replace = |frame: &Frame<'_>| {
        if let Frame::ReplaceOrder(r) = frame { Some((r.orig_cl_ord_id, **r)) } else { None }
    };
    let (from, to) = first(&recording, replace);
    let told = answer(engine(), &recording, Asked::Order(to.cl_ord_id), None).unwrap();
    let d = the_only(&told);
    assert_eq!(d["decision"], "replace-order");
    assert_eq!(d["orig_cl_ord_id"], from.get());
    assert_eq!(d["approval_seq"], to.approval_seq);
    assert_eq!(d["strategy"]["name"], Amender::NAME);
    assert_eq!(d["wish"]["price_ticks"], to.price_ticks.get());
    assert_eq!(d["amends"]["cl_ord_id"], from.get());
    assert_eq!(d["amends"]["status"], OrdStatus::New.name());
    assert_eq!(d["amends"]["reserved_lots"], Amender::FIRST);
    assert_eq!(d["order_figures"]["added_lots"], Amender::SECOND - Amender::FIRST);
    assert_eq!(check(d, "AMEND")["pass"], true);
    let replaced = |d: &Value| {
        let became = d["became"].as_array().unwrap().clone();
        became.iter().filter(|event| event["event"] == ExecType::Replaced.name()).count()
    };
    assert_eq!(replaced(d), 1);
    // Its first life: the amendment and all that came of it belong to it too.
    let told = answer(engine(), &recording, Asked::Order(from), None).unwrap();
    let (d, before) = told["decisions"].as_array().unwrap().split_last().unwrap();
    assert_eq!(d["decision"], "new-order");
    // Asked for until the station was LIVE.
    assert!(before.iter().all(|d| d["denied"]["code"] == "MODE_NOT_LIVE"), "{before:?}");
    assert!(before.iter().all(|d| d["state"]["mode"] != "LIVE"));
    let became = d["became"].as_array().unwrap();
    assert!(became.iter().any(|event| event["kind"] == "replace-order"), "{became:?}");
    assert_eq!(replaced(d), 1);
    // And its end, reported under the new id alone.
    let last = became.last().unwrap();
    assert_eq!(last["state"], OrdStatus::Filled.name(), "{last}");
    assert_eq!(last["cl_ord_id"], to.cl_ord_id.get());
    let lots: i64 = became.iter().filter_map(|event| event["fill"]["qty_lots"].as_i64()).sum();
    assert_eq!(lots, Amender::SECOND);
}

#[test]
fn the_layer_that_tightened_a_limit_is_named() {
    let dir = layered();
    let order = orders(&record(dir.path()))[0];
    let answer = explain(dir.path(), &format!("--order={}", order.cl_ord_id));
    let d = the_only(&answer);
    let row = |scope: &str, field: &str| {
        let rows = d["limits"][scope].as_array().unwrap();
        let row = rows.iter().find(|row| row["field"] == field).unwrap();
        (row["value"].as_i64(), row["layer"].as_str().unwrap().to_owned(), row["file"].as_i64())
    };
    let told = |value, layer: &str, file| (Some(value), layer.to_owned(), Some(file));
    assert_eq!(row("symbol", "max_open_orders"), told(7, "session", 8));
    assert_eq!(row("symbol", "max_order_qty_lots"), told(15_000, "advice", 20_000));
    assert_eq!(row("symbol", "max_long_lots"), told(15_000, "file", 15_000));
    assert_eq!(row("firm", "max_open_orders"), told(11, "session", 12));
    assert_eq!(d["advice"][0]["field"], "max-order-qty");
    assert_eq!((&d["advice"][0]["source"], &d["advice"][0]["value"]), (&3.into(), &15_000.into()));
    assert_eq!(check(d, "MAX_ORDER_QTY")["limit"], 15_000);
    assert_eq!(d["limits"]["epoch"], 1);
    let text = clean(corelane(&[
        "explain",
        dir.path().to_str().unwrap(),
        &format!("--seq={}", order.header.seq),
    ]));
    assert!(text.contains("by advice, file has 20000"), "{text}");
    assert!(text.contains("by session, file has 8"), "{text}");
}

#[test]
fn what_is_not_in_the_record_is_said_in_one_line() {
    let dir = run();
    let at = dir.to_str().unwrap();
    let ask = |what: &str, exit, parts: &[&str]| {
        let output = corelane(&["explain", what, at]);
        refused(&output, exit, parts);
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
        assert!(output.stdout.is_empty());
    };
    let (no, bad) = (Exit::Arguments, "no client order id");
    ask("--order=9:1", no, &["order=38654705665 (9:1)", "no such order", "from 1:1 to 1:"]);
    ask("--order=nine", no, &[bad, "order=\"nine\"", "EPOCH:COUNTER"]);
    ask("--order=1:", no, &[bad]);
    ask("--order=4294967296:1", no, &[bad]);
    ask("--seq=999999999", no, &["seq=999999999", "no such order"]);
    ask("--seq=1", no, &["seq=1 kind=", "no decision about an order"]);
    let record = record(dir);
    // A denied order's id may be the next request's: this one nobody had before.
    let denied: BTreeSet<ClOrdId> = denials(&record).iter().map(|d| d.cl_ord_id).collect();
    let cancel = |frame: &Frame<'_>| {
        let Frame::CancelOrder(cancel) = frame else { return None };
        Some(**cancel).filter(|c| !denied.contains(&c.cl_ord_id))
    };
    let cancel = first(&record, cancel);
    let of = format!("cancels={}", cancel.orig_cl_ord_id);
    ask(&format!("--order={}", cancel.cl_ord_id), no, &["a cancel's", &of]);
    let output = corelane(&["explain", "--order=1:1", "config"]);
    refused(&output, no, &["no record of a run here", "config/journal"]);
    assert_eq!(corelane(&["explain", at]).status.code(), Some(10), "one of --order and --seq");
    assert_eq!(corelane(&["explain", at, "--order=1", "--seq=1"]).status.code(), Some(10));
}

#[test]
fn a_folder_whose_configuration_is_not_the_records_is_refused() {
    let dir = run_copy();
    let at = dir.path().to_str().unwrap();
    let ask = || corelane(&["explain", "--order=1:1", at]);
    for (name, from, to) in [
        ("config.toml", "qty_lots = 10000", "qty_lots = 10010"),
        ("limits.toml", "max_open_orders = 8", "max_open_orders = 7"),
        ("overrides.json", "\"epoch\": 1", "\"epoch\": 2"),
    ] {
        let path = dir.path().join(name);
        let kept = fs::read_to_string(&path).unwrap();
        let changed = kept.replacen(from, to, 1);
        assert_ne!(changed, kept, "{name} has no {from}");
        fs::write(&path, changed).unwrap();
        refused(&ask(), Exit::Configuration, &["config_hash=", "record=", "not the one"]);
        fs::remove_file(&path).unwrap();
        refused(&ask(), Exit::Resource, &[name, "not here"]);
        fs::write(&path, kept).unwrap();
    }
    fs::write(dir.path().join("overrides.json"), "{}").unwrap();
    refused(&ask(), Exit::Configuration, &["overrides.json", "missing field"]);
}

#[test]
fn a_cut_record_is_explained_as_far_as_it_goes() {
    let dir = run_copy();
    let whole = record(dir.path());
    let order = orders(&whole)[0];
    let last = denials(&whole).last().copied().unwrap();
    let frames: Vec<Vec<u64>> = whole.frames().map(folder::words).collect();
    let path = folder::write(dir.path(), &whole.header, &frames).join("000001.clj");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let at = dir.path().to_str().unwrap();
    let output = corelane(&["explain", &format!("--seq={}", order.header.seq), at, "--json"]);
    refused(&output, Exit::Resource, &["journal", "frames"]);
    let answer = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(answer["record"]["whole"], false);
    assert_eq!(answer["record"]["state_hash_repeats"], Value::Null);
    assert_eq!(the_only(&answer)["seq"], order.header.seq);
    let output = corelane(&["explain", &format!("--seq={}", last.header.seq), at]);
    refused(&output, Exit::Resource, &["readable_frames=", "not in the readable part"]);
    fs::write(&path, &bytes[..bytes.len().min(40)]).unwrap();
    refused(&corelane(&["explain", "--order=1:1", at]), Exit::Resource, &["journal"]);
}

#[test]
fn an_engine_that_does_not_repeat_the_record_is_no_explanation() {
    let dir = run_copy();
    let whole = record(dir.path());
    let is_order = |frame: &&[u8]| matches!(decode(frame), Ok(Frame::NewOrder(_)));
    let place = whole.frames().position(|frame| is_order(&frame)).unwrap();
    let mut frames: Vec<Vec<u64>> = whole.frames().map(folder::words).collect();
    // One tick of its price.
    frames[place][std::mem::offset_of!(NewOrder, price_ticks) / 8] ^= 1;
    folder::write(dir.path(), &whole.header, &frames);
    let at = dir.path().to_str().unwrap();
    let seq = denials(&whole).last().copied().unwrap().header.seq;
    let output = corelane(&["explain", &format!("--seq={seq}"), at]);
    let frame = format!("frame={place} recorded=new-order");
    refused(&output, Exit::Diverged, &[&frame, "made=new-order"]);
    assert!(output.stdout.is_empty());
}
