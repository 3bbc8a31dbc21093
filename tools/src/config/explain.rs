//! `corelane config explain`: one key in words.
//!
//! Must never: say of a key what its table does not.

use super::keys::{self, Key};
use crate::output::Output;
use station::operator::Failure;
use std::fmt::Write as _;
use wire::exit::Exit;

/// Names that stand for others in the table.
const ANY: [&str; 4] = ["NAME", "SYMBOL", "DATE", "TIME"];
/// Keys that are named where one is not known.
const NEAR: usize = 5;

/// Says everything of the keys a name can mean.
///
/// # Errors
/// ARGUMENTS where it means none.
pub(super) fn explain(name: &str) -> Result<(), Failure> {
    let keys = keys::all();
    let found = meant(name, &keys);
    if found.is_empty() {
        return Err(unknown(name, &keys));
    }
    let mut out = Output::stdout();
    for (n, key) in found.iter().enumerate() {
        let gap = if n == 0 { "" } else { "\n" };
        out.write(format!("{gap}{}", described(key)).as_bytes())?;
    }
    out.finish()
}

/// Every key on a line of its own.
///
/// # Errors
/// RESOURCE where they cannot be written.
pub(super) fn list() -> Result<(), Failure> {
    let mut out = Output::stdout();
    for key in keys::all() {
        let (file, name) = (key.file.name(), &key.name);
        out.line(format_args!("{file:<13} {name:<38} {}", key.what))?;
    }
    out.finish()
}

/// The keys of a name: the one whose whole name it is; else, with or without the kind of file in
/// front, those that end so (`limits.max_long_lots`, `standby`).
fn meant<'k>(name: &str, keys: &'k [Key]) -> Vec<&'k Key> {
    // Tables of a list are named `strategy[0]` by the loader.
    let plain = without_indices(name);
    let exact: Vec<_> = keys.iter().filter(|key| is_same(&plain, &key.name)).collect();
    if !exact.is_empty() {
        return exact;
    }
    let (head, rest) = plain.split_once('.').unwrap_or(("", &plain));
    keys.iter()
        .filter(|key| head.is_empty() || head == key.file.name())
        .filter(|key| key.name.rsplit('.').next() == Some(rest) || is_same(rest, &key.name))
        .collect()
}

fn is_same(name: &str, full: &str) -> bool {
    let (given, known): (Vec<_>, Vec<_>) = (name.split('.').collect(), full.split('.').collect());
    given.len() == known.len()
        && given.iter().zip(known).all(|(g, k)| *g == k || (ANY.contains(&k) && !g.is_empty()))
}

fn without_indices(name: &str) -> String {
    let mut plain = String::new();
    let mut is_inside = false;
    for letter in name.chars() {
        match letter {
            '[' => is_inside = true,
            ']' => is_inside = false,
            _ if is_inside => {}
            _ => plain.push(letter),
        }
    }
    plain
}

fn described(key: &Key) -> String {
    let mut text = format!("{} ({} file)\n", key.name, key.file.name());
    let mut say = |head: &str, said: &str| {
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "  {head:<9} {said}");
    };
    say("what", &key.what);
    say("unit", &key.unit);
    say("allowed", &key.allowed.to_string());
    say("default", &key.absent.to_string());
    for (head, said) in &key.more {
        say(head, said);
    }
    say("read by", &key.reader);
    text
}

fn unknown(name: &str, keys: &[Key]) -> Failure {
    let wanted = words(name);
    let mut near: Vec<(usize, &str)> = keys
        .iter()
        .map(|key| {
            let has = words(&key.name);
            (wanted.iter().filter(|word| has.contains(word)).count(), key.name.as_str())
        })
        .filter(|(shared, _)| *shared > 0)
        .collect();
    near.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
    let near: Vec<_> = near.iter().take(NEAR).map(|(_, name)| *name).collect();
    let fields = if near.is_empty() {
        format!("key={name}")
    } else {
        format!("key={name} near=({})", near.join(", "))
    };
    let next = "`corelane config explain` lists every key";
    Failure::new(Exit::Arguments, "no such key", fields, next)
}

/// The words of a name that say something.
fn words(name: &str) -> Vec<&str> {
    name.split(['.', '_', '-', '[', ']']).filter(|word| word.len() > 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(name: &str) -> Vec<String> {
        super::meant(name, &keys::all()).iter().map(|key| key.name.clone()).collect()
    }

    #[test]
    fn a_key_is_found_by_its_name_its_file_or_its_last_word() {
        assert_eq!(meant("signal.standby"), ["signal.standby"]);
        assert_eq!(meant("standby"), ["signal.standby"]);
        assert_eq!(meant("strategy[2].fast_bars"), ["strategy.fast_bars"]);
        assert_eq!(meant("symbol.BTCUSDT.fx"), ["symbol.SYMBOL.fx"]);
        assert_eq!(
            meant("limits.max_long_lots"),
            ["strategy.NAME.max_long_lots", "symbol.SYMBOL.max_long_lots"]
        );
        assert_eq!(meant("limits.file"), ["limits.file"], "the station's own key of that name");
        assert_eq!(meant("day.full.09:30"), ["day.full.TIME"]);
        assert!(meant("limits.max_position").is_empty() && meant("").is_empty());
    }

    #[test]
    fn what_is_not_known_names_what_is_near() {
        let line = unknown("limits.max_long", &keys::all()).to_string();
        assert!(line.starts_with("ARGUMENTS: no such key: key=limits.max_long near="), "{line}");
        assert!(line.contains("max_long_lots"), "{line}");
        assert!(!unknown("zz", &keys::all()).to_string().contains("near"));
    }
}
