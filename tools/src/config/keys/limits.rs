//! The keys of a limits file, made from the engine's rows, the wire's words for each limit and the
//! gate's table of checks: written down nowhere else.

use super::Absent::{Means, Refused};
use super::Allowed::{Said, Whole, Words};
use super::{Absent, Allowed, FileKind, Key};
use engine::gate::CHECKS;
use engine::limits::{FirmLimits, Row, StrategyLimits, SymbolLimits, Tighter, VenueLimits};
use wire::risk::LimitField;

const READER: &str = "corelane-engine; `corelane ctl limits set` tightens it while it runs";
const RULE_READER: &str = "corelane-engine, at its start";
const WORDS: &str = "a list of words, at least one, none twice";
/// Largest count of lots.
const LOTS: i64 = 1_000_000_000_000_000;

pub(super) fn keys() -> impl Iterator<Item = Key> {
    let epoch = rule(
        "epoch",
        "-",
        Whole(1, i64::MAX),
        Refused,
        "Rises with every file a station takes; a lower one is refused.",
    );
    std::iter::once(epoch)
        .chain(row::<FirmLimits>("firm"))
        .chain(row::<VenueLimits>("venue.NAME"))
        .chain(row::<StrategyLimits>("strategy.NAME"))
        .chain(row::<SymbolLimits>("symbol.SYMBOL"))
        .chain(rules())
}

fn row<R: Row>(path: &'static str) -> impl Iterator<Item = Key> {
    R::fields().iter().map(move |spec| {
        let (what, unit) = described(spec.field);
        let way = match spec.tighter {
            Tighter::Lower => "lower allows less",
            Tighter::Higher => "higher allows less",
        };
        let mut more = vec![("tighter", way.to_owned())];
        more.extend(checks(spec.field.name()).map(|text| ("check", text)));
        Key {
            file: FileKind::Limits,
            name: format!("{path}.{}", spec.field.name()),
            what,
            unit: unit.to_owned(),
            allowed: Whole(*spec.range.start(), *spec.range.end()),
            absent: Refused,
            reader: READER.to_owned(),
            more,
        }
    })
}

/// What the wire says of a limit, on one line, and its unit by its name.
fn described(field: LimitField) -> (String, &'static str) {
    let code = u64::from(field.code());
    let value = LimitField::CODES.values.iter().find(|value| value.code == code);
    let doc = value.map_or("", |value| value.doc);
    let what = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let unit = [
        ("_lots", "lots"),
        ("_ticks", "ticks"),
        ("_e9", "billionths of a currency"),
        ("_bp", "basis points"),
        ("_ns", "ns"),
        ("_per_s", "a second"),
        ("_medians", "medians of the spread"),
    ];
    let unit = unit.iter().find(|(end, _)| field.name().ends_with(end));
    (what, unit.map_or("count", |(_, unit)| unit))
}

/// The gate's checks that look at a limit.
fn checks(key: &str) -> impl Iterator<Item = String> {
    let reads = move |list: &str| list.split(", ").any(|name| name == key);
    CHECKS
        .iter()
        .filter(move |check| reads(check.key))
        .map(|check| format!("{}: {}", check.code, check.rule))
}

fn rule(name: &str, unit: &str, allowed: Allowed, absent: Absent, what: &str) -> Key {
    // The gate says `symbol.fx`.
    let plain = name.replace(".SYMBOL", "");
    let more = checks(&plain).map(|text| ("check", text)).collect();
    Key {
        file: FileKind::Limits,
        name: name.to_owned(),
        what: what.to_owned(),
        unit: unit.to_owned(),
        allowed,
        absent,
        reader: RULE_READER.to_owned(),
        more,
    }
}

/// What a symbol's row says beside its numbers.
fn rules() -> impl Iterator<Item = Key> {
    [
        rule(
            "symbol.SYMBOL.order_types",
            "-",
            Said(WORDS),
            Refused,
            "Allowed pairs of order type and time in force, such as \"limit/gtc\".",
        ),
        rule(
            "symbol.SYMBOL.strategies",
            "-",
            Said(WORDS),
            Refused,
            "Strategies that may trade it.",
        ),
        rule(
            "symbol.SYMBOL.fx",
            "-",
            Words(&["base", "feed"]),
            Refused,
            "Where the rate to the base currency comes from: it is the base, or figures from \
             outside, which deny where they are missing or old.",
        ),
        rule(
            "symbol.SYMBOL.band",
            "-",
            Words(&["none", "venue"]),
            Refused,
            "Whether the venue's price band is due; a missing one then denies.",
        ),
        rule(
            "symbol.SYMBOL.locate",
            "-",
            Words(&["free", "due"]),
            Refused,
            "Whether a short sale needs a locate; a missing one then denies.",
        ),
        rule(
            "symbol.SYMBOL.adv_lots",
            "lots",
            Whole(1, LOTS),
            Means("figures from outside, and what needs them denies until they come"),
            "Average daily volume.",
        ),
    ]
    .into_iter()
}
