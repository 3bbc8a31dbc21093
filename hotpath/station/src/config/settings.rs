//! Parameters of strategies from the command line: put into the document before it is read.
//!
//! They pass the same checks as the file's own keys, and a complaint about one names the argument
//! instead of a line of the file. Runs once at start; allocates.

use super::Overrides;
use super::reader::{Problem, Problems};
use std::borrow::Cow;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys of a strategy that are no parameters of it.
const NO_PARAMETER: [&str; 3] = ["name", "kind", "instrument"];

/// One parameter of one strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The strategy's name.
    pub strategy: String,
    /// The parameter, as the file spells it.
    pub key: String,
    /// Its value, as the file would spell it.
    pub value: String,
}

impl Setting {
    /// The parameter as an argument names it.
    fn argument(&self) -> String {
        format!("--set={}.{}", self.strategy, self.key)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}={}", self.strategy, self.key, self.value)
    }
}

/// Puts every setting into the document; what has no place there is a problem. Returns the names
/// of the file's strategies, in its order.
pub(super) fn put<'a>(
    document: &mut DeTable<'a>,
    overrides: &'a Overrides,
    problems: &mut Problems<'_>,
) -> Vec<String> {
    let names = names(document);
    for setting in &overrides.set {
        let argument = setting.argument();
        let shown = format!("\"{}\"", setting.strategy);
        let index = names.iter().position(|name| *name == setting.strategy);
        let kept = overrides.strategy.as_ref().is_none_or(|kept| *kept == setting.strategy);
        let Some(index) = index.filter(|_| kept) else {
            let kept = overrides.strategy.clone().filter(|kept| names.contains(kept));
            let allowed = kept.unwrap_or_else(|| names.join(", "));
            problems.add(0, &argument, shown, &format!("one of the strategies {allowed}"));
            continue;
        };
        if NO_PARAMETER.contains(&setting.key.as_str()) {
            let allowed = "a parameter of the strategy; name, kind and instrument are the file's";
            problems.add(0, &argument, format!("\"{}\"", setting.key), allowed);
            continue;
        }
        let Ok(value) = DeValue::parse(&setting.value) else {
            problems.add(0, &argument, format!("\"{}\"", setting.value), "a whole number");
            continue;
        };
        if let Some(table) = table_mut(document, index) {
            table.insert(Spanned::new(0..0, Cow::Borrowed(setting.key.as_str())), value);
        }
    }
    names
}

/// Names the argument in every problem that one of the settings is the cause of.
pub(super) fn rename(problems: &mut [Problem], names: &[String], settings: &[Setting]) {
    for setting in settings {
        let index = names.iter().position(|name| *name == setting.strategy);
        let key = index.map(|index| format!("strategy[{index}].{}", setting.key));
        for problem in problems.iter_mut().filter(|problem| Some(&problem.key) == key.as_ref()) {
            problem.key = setting.argument();
            problem.line = 0;
        }
    }
}

/// The strategies' names, in the order of the file; empty where one has none.
fn names(document: &DeTable<'_>) -> Vec<String> {
    let list = document.get("strategy").and_then(|list| list.get_ref().as_array());
    let name = |table: &Spanned<DeValue<'_>>| {
        let name = table.get_ref().get("name").and_then(|name| name.get_ref().as_str());
        name.unwrap_or_default().to_owned()
    };
    list.into_iter().flat_map(|list| list.iter().map(name)).collect()
}

fn table_mut<'d, 'a>(document: &'d mut DeTable<'a>, index: usize) -> Option<&'d mut DeTable<'a>> {
    let DeValue::Array(list) = document.get_mut("strategy")?.get_mut() else { return None };
    let DeValue::Table(table) = list.get_mut(index)?.get_mut() else { return None };
    Some(table)
}
