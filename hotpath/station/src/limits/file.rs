//! The reader of `limits.toml`: every row, every key, every problem in one run.
//!
//! One key is one wire limit and has its name; ranges come from the engine's rows. Must never:
//! give a file that has a problem, or stop at the first one.

use super::{LimitsFile, Named, SymbolSpec, hash_hex};
use crate::config::Problem;
use crate::config::reader::{Problems, Table, shown};
use engine::limits::{FxSource, Row, VenueLimits, pair_bit};
use engine::limits::{StrategyLimits, SymbolLimits};
use std::path::Path;
use toml::de::DeTable;
use wire::order::{OrdType, TimeInForce};
use wire::risk::LimitField;

/// Largest count of lots.
const LOTS_MAX: i64 = 1_000_000_000_000_000;

pub(super) const FX: &[(&str, FxSource)] = &[("base", FxSource::Base), ("feed", FxSource::Feed)];
pub(super) const BAND: &[(&str, bool)] = &[("none", false), ("venue", true)];
pub(super) const LOCATE: &[(&str, bool)] = &[("free", false), ("due", true)];

/// The word of a choice.
pub(super) fn word<T: PartialEq>(words: &[(&'static str, T)], choice: &T) -> &'static str {
    words.iter().find(|(_, c)| c == choice).map_or("", |(word, _)| *word)
}

/// Every pair of order type and time in force: its name and its bit.
fn pairs() -> impl Iterator<Item = (String, u32)> {
    OrdType::ALL.iter().flat_map(|ord_type| {
        TimeInForce::ALL
            .iter()
            .map(|tif| (format!("{}/{}", ord_type.name(), tif.name()), pair_bit(*ord_type, *tif)))
    })
}

/// The names of the pairs in a mask.
pub(super) fn pair_names(mask: u32) -> Vec<String> {
    pairs().filter(|(_, bit)| mask & bit != 0).map(|(name, _)| name).collect()
}

/// Checks the bytes of a file.
pub(super) fn read(path: &Path, bytes: Vec<u8>) -> Result<LimitsFile, Vec<Problem>> {
    let whole = |found: &str, allowed: &str| {
        let (found, allowed) = (found.to_owned(), allowed.to_owned());
        vec![Problem { line: 0, key: "(file)".to_owned(), found, allowed }]
    };
    if bytes.is_empty() {
        return Err(whole("an empty file", "epoch, [firm], [venue.], [strategy.], [symbol.]"));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(whole("a byte order mark", "UTF-8 without one"));
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(whole("bytes that are no UTF-8", "UTF-8 text"));
    };
    let mut problems = Problems::new(text);
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut broken = false;
    for error in &syntax {
        let span = error.span().unwrap_or(0..0);
        let line = problems.line_of(span.start);
        if error.message() == "duplicate key" {
            // The first one stands; the rest of the file is read on.
            let key = text.get(span).unwrap_or("").escape_debug().to_string();
            problems.add(line, &key, "a second time", "each key and each section once");
        } else {
            problems.add(line, "(syntax)", error.message(), "TOML 1.0");
            broken = true;
        }
    }
    if broken {
        return Err(problems.into_list());
    }
    let mut root = Table::root(document.get_ref());
    let epoch = root.integer_required("epoch", 1..=i64::MAX, &mut problems);
    let file = LimitsFile {
        path: path.to_owned(),
        epoch: u64::try_from(epoch).unwrap_or(0),
        sha256: hash_hex(&bytes),
        firm: section("firm", &mut root, &mut problems),
        venues: rows("venue", &mut root, &mut problems, numbers::<VenueLimits>),
        strategies: rows("strategy", &mut root, &mut problems, numbers::<StrategyLimits>),
        symbols: rows("symbol", &mut root, &mut problems, symbol),
        bytes: Vec::new(),
    };
    root.finish(&mut problems);
    if problems.is_empty() {
        relations(&file, &mut problems);
    }
    let problems = problems.into_list();
    if problems.is_empty() { Ok(LimitsFile { bytes, ..file }) } else { Err(problems) }
}

/// A section that must be there once.
fn section<R: Row>(name: &'static str, root: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> R {
    let mut table = root.table(name, problems);
    if table.is_absent() {
        // One line for the section, not one for each of its keys.
        if table.line() == 0 {
            problems.add(0, name, "nothing", "a section");
        }
        return R::LOOSEST;
    }
    let row = numbers(&mut table, problems);
    table.finish(problems);
    row
}

/// The sections `[NAME.x]`, at least one.
fn rows<T>(
    name: &'static str,
    root: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
    read: impl Fn(&mut Table<'_, '_>, &mut Problems<'_>) -> T,
) -> Vec<Named<T>> {
    let tables = root.named(name, problems);
    if tables.is_empty() {
        problems.add(0, name, "nothing", "a section for each: there is no default row");
    }
    let mut list = Vec::new();
    for (name, mut table) in tables {
        if table.is_absent() {
            continue;
        }
        let (line, row) = (table.line(), read(&mut table, problems));
        table.finish(problems);
        list.push(Named { name, line, row });
    }
    list
}

/// Every limit of a row. What is missing is a problem, and the file is then refused whole.
fn numbers<R: Row>(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> R {
    let mut row = R::LOOSEST;
    for spec in R::fields() {
        let value = table.integer_required(spec.field.name(), spec.range.clone(), problems);
        row.set(spec.field, value);
    }
    row
}

fn symbol(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> SymbolSpec {
    let limits = numbers::<SymbolLimits>(table, problems);
    let mut order_types = 0;
    let known: Vec<(String, u32)> = pairs().collect();
    for (line, name) in words("order_types", table, problems) {
        if let Some((_, bit)) = known.iter().find(|(word, _)| *word == name) {
            order_types |= bit;
        } else {
            let list: Vec<_> = known.iter().map(|(word, _)| word.as_str()).collect();
            let allowed = format!("one of {}", list.join(", "));
            let found = format!("\"{}\"", name.escape_debug());
            problems.add(line, &table.key("order_types"), found, &allowed);
        }
    }
    let strategies = words("strategies", table, problems);
    SymbolSpec {
        limits,
        order_types,
        strategies: strategies.into_iter().map(|(_, name)| name).collect(),
        fx: table.choice_required("fx", FX, FxSource::Feed, problems),
        band_due: table.choice_required("band", BAND, true, problems),
        locate_due: table.choice_required("locate", LOCATE, true, problems),
        adv_lots: table.integer("adv_lots", 1..=LOTS_MAX, problems).map(|at| at.value),
    }
}

/// A list of words, at least one, none twice.
fn words(
    key: &'static str,
    table: &mut Table<'_, '_>,
    problems: &mut Problems<'_>,
) -> Vec<(usize, String)> {
    const ALLOWED: &str = "a list of words, at least one, none twice";
    let full = table.key(key);
    let Some(found) = table.value(key, problems) else {
        problems.add(table.line(), &full, "nothing", ALLOWED);
        return Vec::new();
    };
    let Some(array) = found.value.as_array().filter(|array| !array.is_empty()) else {
        let empty = found.value.is_array();
        let shown = if empty { "an empty list".to_owned() } else { shown(found.value) };
        problems.add(found.line, &full, shown, ALLOWED);
        return Vec::new();
    };
    let mut list: Vec<(usize, String)> = Vec::new();
    for value in array {
        let line = problems.line_of(value.span().start);
        match value.get_ref().as_str() {
            Some(word) if !word.is_empty() && list.iter().all(|(_, w)| w != word) => {
                list.push((line, word.to_owned()));
            }
            _ => problems.add(line, &full, shown(value.get_ref()), ALLOWED),
        }
    }
    list
}

/// Limits that are fine alone and meaningless together: one of them could never bind.
fn relations(file: &LimitsFile, problems: &mut Problems<'_>) {
    use LimitField as F;
    let pairs = [
        (F::MaxOrderNotional, F::MaxOpenNotional),
        (F::MaxNet, F::MaxGross),
        (F::MaxUnknownOrders, F::MaxOpenOrders),
        (F::MaxLossPerMin, F::MaxDailyLoss),
        (F::OrderRatePerS, F::MessageRatePerS),
        (F::OrderBurst, F::MessageBurst),
        (F::QtyStep, F::MaxOrderQty),
    ];
    let mut ordered = |line, key: &str, get: &dyn Fn(F) -> Option<i64>| {
        for (low, high) in pairs {
            if let (Some(a), Some(b)) = (get(low), get(high))
                && a > b
            {
                let allowed = format!("at most {} of the same row, {b}", high.name());
                problems.add(line, &format!("{key}.{}", low.name()), a, &allowed);
            }
        }
    };
    ordered(0, "firm", &|field| file.firm.get(field));
    for Named { name, line, row } in &file.venues {
        ordered(*line, &format!("venue.{name}"), &|field| row.get(field));
    }
    for Named { name, line, row } in &file.strategies {
        ordered(*line, &format!("strategy.{name}"), &|field| row.get(field));
    }
    for Named { name, line, row } in &file.symbols {
        ordered(*line, &format!("symbol.{name}"), &|field| row.limits.get(field));
    }
    for Named { name, line, row } in &file.symbols {
        let limits = &row.limits;
        // From all short to all long is the largest order that can pass the position check.
        let most = limits.max_long_lots.saturating_add(limits.max_short_lots);
        if limits.max_order_qty_lots > most {
            let key = format!("symbol.{name}.max_order_qty_lots");
            let allowed = format!("at most max_long_lots + max_short_lots, {most}");
            problems.add(*line, &key, limits.max_order_qty_lots, &allowed);
        }
        for strategy in &row.strategies {
            if file.strategies.iter().all(|other| other.name != *strategy) {
                let key = format!("symbol.{name}.strategies");
                let found = format!("\"{}\"", strategy.escape_debug());
                problems.add(*line, &key, found, "names of [strategy.NAME] sections of this file");
            }
        }
    }
}
