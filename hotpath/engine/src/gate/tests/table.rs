//! The table: numbers, codes, files and GATE.md are in step; a number never changes its meaning.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// Frozen: a check that goes leaves its number unused, a new one takes the next. Only append.
const CODES: &str = "KILL_SWITCH MODE_NOT_LIVE NOT_RECONCILED SESSION_DOWN STRATEGY_DISABLED \
    UNAUTHORIZED_ORIGIN LIMITS_MISSING LIMITS_EPOCH RISK_STATE_STALE AUDIT_BACKPRESSURE \
    CLOCK_UNSYNC UNKNOWN_INSTRUMENT INVALID_QTY INVALID_PRICE ARITH_OVERFLOW MIN_NOTIONAL \
    UNSUPPORTED_TYPE EXPIRE_IN_PAST TRIGGER_WRONG_SIDE SYMBOL_STATUS PRICE_BAND SHORT_SALE \
    REDUCE_ONLY MAX_ORDER_QTY MAX_ORDER_NOTIONAL FX_RATE MAX_PCT_ADV MAX_PCT_DEPTH PRICE_COLLAR \
    AGGRESSION PARENT_CONSERVATION UNAPPROVED_WIRE STALE_MARKET_DATA BOOK_CROSSED BOOK_GAPPED \
    SPREAD_TOO_WIDE SIGNAL_STALE SIGNAL_SEQ SIGNAL_RANGE SIGNAL_MODEL MAX_POSITION \
    MAX_OPEN_ORDERS MAX_OPEN_NOTIONAL MAX_GROSS MAX_NET CONCENTRATION CREDIT_INSUFFICIENT \
    STRATEGY_CAPITAL VAR_LIMIT UNKNOWN_EXPOSURE DAILY_LOSS MAX_DRAWDOWN LOSS_STREAK PNL_VELOCITY \
    ORDER_RATE MESSAGE_RATE ORDER_TO_TRADE DUPLICATE_ORDER SELF_TRADE REPEATED_EXECUTION FILL_RATE \
    CONSECUTIVE_REJECTS DAILY_ACTIVITY AMEND";

#[test]
fn numbers_and_codes_are_those_of_the_frozen_list() {
    let frozen: Vec<&str> = CODES.split_whitespace().collect();
    assert_eq!(frozen.len(), 64);
    assert_eq!(CHECKS.map(|c| c.code).to_vec(), frozen);
    for (index, code) in frozen.iter().enumerate() {
        let id = u8::try_from(index).expect("64 at most");
        assert_eq!(CHECKS[index].id, id, "{code} stands at its number");
        assert_eq!((code_of(id), id_of(code)), (Some(*code), Some(id)));
        assert_eq!(check(id).map(|c| c.code), Some(*code));
    }
    assert_eq!(BTreeSet::from_iter(frozen).len(), 64, "no code twice");
    assert_eq!((code_of(64), id_of("NO_SUCH_CHECK"), check(64).is_some()), (None, None, false));
}

#[test]
fn the_document_is_in_step() {
    let document = include_str!("../../../GATE.md");
    let rows: Vec<&str> = document.lines().filter(|l| l.starts_with("| ")).skip(1).collect();
    let expected: Vec<String> = CHECKS
        .iter()
        .map(|c| format!("| {} | `{}` | {} | {} | {} |", c.id, c.code, c.rule, c.unit, c.key))
        .collect();
    assert_eq!(rows, expected, "copy the right-hand side into hotpath/engine/GATE.md");
}

/// One file a check, which opens with the check's code, and no other file.
#[test]
fn every_check_has_a_file_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gate");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).expect("the source is here") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("plain names").to_owned();
        if path.is_dir() || ["tests.rs", "approval.rs", "inquiry.rs"].contains(&name.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("readable");
        let code = text.split('`').nth(1).unwrap_or_default().to_owned();
        let id = id_of(&code).unwrap_or_else(|| panic!("{name} opens with no code of a check"));
        assert!(text.contains(&format!("    id: {id},\n")), "{name}");
        assert!(text.contains(&format!("    code: \"{code}\",\n")), "{name}");
        assert!(text.lines().count() < 80, "{name} is short");
        assert!(found.insert(id), "{code} has two files");
    }
    assert_eq!(found.len(), CHECKS.len());
}

/// A key in the table is a field of a row, or a rule of the instrument's row.
#[test]
fn every_key_is_a_key_of_the_limits_file() {
    use wire::risk::LimitField;
    let others = [
        "-",
        "the rows themselves",
        "epoch",
        "signal.ttl_ms",
        "symbol.strategies",
        "symbol.order_types",
        "symbol.band",
        "symbol.locate",
    ];
    let mut used = BTreeSet::new();
    for check in CHECKS {
        for key in check.key.split(", ").filter(|key| !others.contains(key)) {
            assert!(LimitField::ALL.iter().any(|f| f.name() == key), "{}: {key}", check.code);
            used.insert(key);
        }
    }
    let unused: Vec<&str> =
        LimitField::ALL.iter().map(|f| f.name()).filter(|name| !used.contains(name)).collect();
    assert_eq!(unused, [""; 0], "a limit that no check names");
}
