//! The answer as a person reads it on a terminal: one block a decision, made from the JSON object.
//!
//! Owns no figure. Must never: leave out a check.

use serde_json::Value;
use std::fmt::Write as _;
use wire::decimal::Increments;

const NS_PER_S: u64 = 1_000_000_000;

/// The whole answer.
pub(super) fn page(answer: &Value) -> String {
    let mut text = String::new();
    let record = &answer["record"];
    let list = answer["decisions"].as_array().map_or(&[][..], Vec::as_slice);
    let _ = writeln!(
        text,
        "{}: {} frames, {} inputs repeated, every output equal",
        plain(&record["path"]),
        plain(&record["frames"]),
        plain(&record["inputs"]),
    );
    if record["whole"] == false {
        let _ = writeln!(text, "the record is not whole; what follows is what it holds");
    }
    for (n, decision) in list.iter().enumerate() {
        let _ = writeln!(text, "\n== decision {} of {} ==", n + 1, list.len());
        one(decision, &mut text);
    }
    text
}

fn one(d: &Value, text: &mut String) {
    let verdict = if d["decision"] == "denied" { "DENIED" } else { "approved" };
    let _ = writeln!(
        text,
        "order {} ({}): {verdict}, {} at seq {}, {}",
        plain(&d["order"]),
        plain(&d["cl_ord_id"]),
        plain(&d["decision"]),
        plain(&d["seq"]),
        time(&d["ts_ns"]),
    );
    denial(d, text);
    let cause = &d["cause"];
    let _ = writeln!(
        text,
        "because of  {} seq {}, {}  {}",
        plain(&cause["kind"]),
        plain(&cause["seq"]),
        time(&cause["ts_ns"]),
        cause["detail"].as_str().unwrap_or(""),
    );
    wish(d, text);
    book(&d["book"], text);
    signal(&d["signal"], text);
    state(d, text);
    pairs("order", &d["order_figures"], text);
    for scope in ["symbol", "strategy", "venue", "firm"] {
        pairs(&format!("exposure of {scope}"), &d["exposure"][scope], text);
    }
    for scope in ["symbol", "strategy", "firm"] {
        pairs(&format!("profit of {scope}"), &d["profit"][scope], text);
    }
    limits(&d["limits"], text);
    checks(&d["checks"], text);
    became(d, text);
}

fn denial(d: &Value, text: &mut String) {
    let denied = &d["denied"];
    if denied.is_null() {
        return;
    }
    let failed: Vec<String> =
        denied["failed"].as_array().into_iter().flatten().map(plain).collect();
    let _ = writeln!(
        text,
        "denied by   {}: limit {} actual {} ({}); failed: {}",
        plain(&denied["code"]),
        plain(&denied["limit"]),
        plain(&denied["actual"]),
        plain(&denied["unit"]),
        failed.join(" "),
    );
    if denied["mask"] != d["verdict_mask"] {
        text.push_str("            every check passed; the order table had no free slot\n");
    }
}

fn wish(d: &Value, text: &mut String) {
    let wish = &d["wish"];
    let _ = write!(
        text,
        "strategy    {} wishes: {} {} {} at {} ({}/{}",
        plain(&d["strategy"]["name"]),
        plain(&wish["side"]),
        plain(&wish["qty"]),
        plain(&d["instrument"]),
        plain(&wish["price"]),
        plain(&wish["ord_type"]),
        plain(&wish["time_in_force"]),
    );
    if wish["exec_inst"] != "none" {
        let _ = write!(text, ", {}", plain(&wish["exec_inst"]));
    }
    text.push(')');
    for key in ["stop_px", "expire_ns", "parent_id", "link_id"] {
        if !wish[key].is_null() {
            let _ = write!(text, " {key}={}", plain(&wish[key]));
        }
    }
    text.push('\n');
    pairs("amends", &d["amends"], text);
}

fn book(book: &Value, text: &mut String) {
    let touch = &book["touch"];
    let level = |level: &Value| format!("{} x {}", plain(&level["price"]), plain(&level["qty"]));
    let (bid, ask) = if touch.is_null() {
        ("none".to_owned(), "none".to_owned())
    } else {
        (level(&touch["bid"]), level(&touch["ask"]))
    };
    let _ = writeln!(
        text,
        "book        {} {}: bid {bid}  ask {ask} (by {})  spread_ticks {}  age {}  last trade {}",
        plain(&book["state"]),
        plain(&book["status"]),
        plain(&book["touch_from"]),
        plain(&touch["spread_ticks"]),
        age(&book["age_ns"]),
        plain(&book["last_trade"]),
    );
    let _ = writeln!(
        text,
        "  levels of update {}, quote of update {}",
        plain(&book["last_update_id"]),
        plain(&book["quote_update_id"]),
    );
    let side = |key: &str| book[key].as_array().cloned().unwrap_or_default();
    let (bids, asks) = (side("bids"), side("asks"));
    for n in 0..bids.len().max(asks.len()) {
        let shown = |list: &[Value]| {
            list.get(n).map_or([String::new(), String::new()], |level| {
                [plain(&level["qty"]), plain(&level["price"])]
            })
        };
        let ([bid_qty, bid], [ask_qty, ask]) = (shown(&bids), shown(&asks));
        let _ = writeln!(text, "  {n:>2} {bid_qty:>16} {bid:>14} | {ask:<14} {ask_qty:<16}");
    }
}

fn signal(signal: &Value, text: &mut String) {
    if signal.is_null() {
        text.push_str("signal      the strategy uses none\n");
    } else if signal["score_e6"].is_null() {
        text.push_str("signal      no usable score yet\n");
    } else {
        let is_pinned = signal["model_hash"] == signal["pinned_hash"];
        let _ = writeln!(
            text,
            "signal      score {}  request {}  age {} of {}  lag {}  repeats {}  model {} ({})",
            plain(&signal["score"]),
            plain(&signal["request_id"]),
            age(&signal["age_ns"]),
            age(&signal["ttl_ns"]),
            plain(&signal["lag"]),
            plain(&signal["repeats"]),
            plain(&signal["model_hash"]),
            if is_pinned {
                "the pinned one".to_owned()
            } else {
                format!("pinned: {}", plain(&signal["pinned_hash"]))
            },
        );
    }
}

fn state(d: &Value, text: &mut String) {
    let state = &d["state"];
    let latched: Vec<&str> = ["firm", "venue", "strategy", "symbol"]
        .into_iter()
        .filter(|scope| state["killed"][*scope] == true)
        .collect();
    let none_or = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    let _ = writeln!(
        text,
        "state       mode {}  kill latches {}  strategy disabled {}  reduce only {}  session up {}  \
         reconciled {}",
        plain(&state["mode"]),
        none_or(latched.join(" ")),
        if state["strategy_disabled"].is_null() {
            "no".to_owned()
        } else {
            plain(&state["strategy_disabled"])
        },
        plain(&state["reduce_only"]),
        plain(&state["session_up"]),
        plain(&state["reconciled"]),
    );
    let advice = d["advice"].as_array().map_or(&[][..], Vec::as_slice);
    if advice.is_empty() {
        text.push_str("advice      none in force\n");
    }
    for advice in advice {
        let _ = writeln!(
            text,
            "advice      source {}: {} {} for {} until {}{}",
            plain(&advice["source"]),
            plain(&advice["field"]),
            plain(&advice["value"]),
            plain(&advice["instrument"]),
            time(&advice["expires_ns"]),
            if advice["applies"] == true { "" } else { " (another instrument)" },
        );
    }
}

/// An object as `key value` pairs after a title.
fn pairs(title: &str, object: &Value, text: &mut String) {
    let Some(object) = object.as_object() else { return };
    let list: Vec<String> = object.iter().map(|(key, value)| figure(key, value)).collect();
    let _ = writeln!(text, "{title}: {}", list.join("  "));
}

/// `key value`; money as decimal text without the key's unit.
fn figure(key: &str, value: &Value) -> String {
    match (key.strip_suffix("_e9"), value.as_i64()) {
        (Some(key), Some(count)) => format!("{key} {}", Increments { count, increment_e9: 1 }),
        _ => format!("{key} {}", plain(value)),
    }
}

fn limits(limits: &Value, text: &mut String) {
    let _ = writeln!(
        text,
        "limits      epoch {}  sha256 {}",
        plain(&limits["epoch"]),
        plain(&limits["sha256"])
    );
    for scope in ["symbol", "strategy", "venue", "firm"] {
        let Some(rows) = limits[scope].as_array() else { continue };
        let _ = writeln!(text, "  {scope}");
        for row in rows {
            let _ = write!(text, "    {:<24}{:>22}", plain(&row["field"]), plain(&row["value"]));
            if row["layer"] != "file" {
                let _ =
                    write!(text, "  by {}, file has {}", plain(&row["layer"]), plain(&row["file"]));
            }
            text.push('\n');
        }
    }
}

fn checks(checks: &Value, text: &mut String) {
    let Some(rows) = checks.as_array() else { return };
    let failed = rows.iter().filter(|row| row["pass"] == false).count();
    let _ = writeln!(text, "checks      {} evaluated, {failed} failed", rows.len());
    let _ = writeln!(
        text,
        "  {:>2} {:<20}{:<5}{:>21}{:>21}  rule [unit]",
        "id", "code", "", "limit", "actual"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "  {:>2} {:<20}{:<5}{:>21}{:>21}  {} [{}]",
            plain(&row["id"]),
            plain(&row["code"]),
            if row["pass"] == true { "pass" } else { "FAIL" },
            bound(&row["limit"]),
            bound(&row["actual"]),
            plain(&row["rule"]),
            plain(&row["unit"]),
        );
    }
}

fn became(d: &Value, text: &mut String) {
    if d["decision"] == "denied" {
        text.push_str("became      nothing left the station");
        if !d["id_went_to"].is_null() {
            let to = &d["id_went_to"];
            let _ =
                write!(text, "; the id went to {} seq {}", plain(&to["kind"]), plain(&to["seq"]));
        }
        text.push('\n');
        return;
    }
    let list = d["became"].as_array().map_or(&[][..], Vec::as_slice);
    let _ = writeln!(text, "became      {} later frames", list.len());
    for event in list {
        let _ = write!(
            text,
            "  seq {:<9}{}  {}",
            plain(&event["seq"]),
            time(&event["ts_ns"]),
            plain(&event["kind"])
        );
        for (key, value) in event.as_object().into_iter().flatten() {
            let told = ["frame", "seq", "ts_ns", "ts_event_ns", "kind"];
            if !value.is_null() && !told.contains(&key.as_str()) {
                let _ = write!(text, "  {key} {}", flat(value));
            }
        }
        text.push('\n');
    }
}

/// An inner object in brackets.
fn flat(value: &Value) -> String {
    value.as_object().map_or_else(
        || plain(value),
        |object| {
            let list: Vec<String> =
                object.iter().map(|(k, v)| format!("{k} {}", plain(v))).collect();
            format!("({})", list.join(" "))
        },
    )
}

/// A value without quotes; nothing is a dash.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A check's number; the smallest there is means that there is none.
fn bound(value: &Value) -> String {
    if value.as_i64() == Some(i64::MIN) { "none".to_owned() } else { plain(value) }
}

/// Nanoseconds since the epoch, with the time of day in UTC.
fn time(value: &Value) -> String {
    let Some(ns) = value.as_u64() else { return plain(value) };
    let (second, rest) = (ns / NS_PER_S % 86_400, ns % NS_PER_S);
    format!("{:02}:{:02}:{:02}.{rest:09} UTC ({ns})", second / 3_600, second / 60 % 60, second % 60)
}

/// A span in milliseconds, exactly.
fn age(value: &Value) -> String {
    value
        .as_u64()
        .map_or_else(|| plain(value), |ns| format!("{}.{:06} ms", ns / 1_000_000, ns % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_and_spans_are_exact() {
        let at = json!(1_723_161_661_000_000_007_u64);
        assert_eq!(time(&at), "00:01:01.000000007 UTC (1723161661000000007)");
        assert_eq!(time(&Value::Null), "-");
        assert_eq!(age(&json!(1_500_001)), "1.500001 ms");
        assert_eq!(age(&Value::Null), "-");
        assert_eq!(figure("value_e9", &json!(-1_500_000_000)), "value -1.500000000");
        assert_eq!(figure("position_lots", &json!(7)), "position_lots 7");
        assert_eq!((bound(&json!(i64::MIN)), bound(&json!(3))), ("none".into(), "3".into()));
    }
}
