//! What a role is asked about: sections of integers and text, checked before anything else.
//!
//! A context builder is the name of one section; a role names those it may see. The check is made
//! from the types as for answers: unknown keys fail, and every number has bounds, so that a rule
//! cannot overflow. Prices are not here: roles think in basis points. Must never: hand a role a
//! section it did not name. Pure; allocates.

use crate::shape::{Fault, Shape};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// The market of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// Instrument.
    #[schemars(length(min = 1, max = 32))]
    pub symbol: String,
    /// Return of the last five minutes, basis points.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub return_5m_bp: i64,
    /// Return of the last hour, basis points.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub return_1h_bp: i64,
    /// Return of the last day, basis points.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub return_1d_bp: i64,
    /// Price above its mean of a day, basis points of the mean.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub above_mean_bp: i64,
    /// Volatility of a day, basis points.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub volatility_bp: i64,
    /// The same as it usually is, basis points.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub usual_volatility_bp: i64,
    /// Spread, basis points of the mid price.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub spread_bp: i64,
    /// Bids more than asks, basis points of both, ten levels.
    #[schemars(range(min = -10_000, max = 10_000))]
    pub imbalance_bp: i64,
    /// Volume of the hour, percent of what is usual.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub volume_pct: i64,
}

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Position, percent of its limit; negative is short.
    #[schemars(range(min = -10_000, max = 10_000))]
    pub used_pct: i64,
    /// Largest share of one instrument in the whole, percent.
    #[schemars(range(min = 0, max = 100))]
    pub largest_pct: i64,
    /// Profit of the day, basis points of capital.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub day_bp: i64,
    /// Below the highest capital, basis points of it.
    #[schemars(range(min = 0, max = 10_000))]
    pub drawdown_bp: i64,
}

/// How orders fare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// Orders sent in the hour.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub sent: i64,
    /// Of them filled, at least in part.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub filled: i64,
    /// Denied by the gate or rejected by the venue.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub refused: i64,
    /// Paid against the mid price at the decision, mean, basis points.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub slippage_bp: i64,
}

/// How the station fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Gaps in market data, the last hour.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub gaps: i64,
    /// Time since the last market event, milliseconds.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub quiet_ms: i64,
    /// Alarms, the last hour.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub alarms: i64,
    /// Orders whose state is not known.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub unknown_orders: i64,
}

/// What a company is worth by its books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fundamentals {
    /// Price to earnings, hundredths.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub pe_e2: i64,
    /// The same of its sector, hundredths.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub sector_pe_e2: i64,
    /// Growth of earnings in a year, basis points.
    #[schemars(range(min = -10_000, max = 1_000_000))]
    pub growth_bp: i64,
    /// Debt, percent of equity.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub debt_pct: i64,
}

/// Options on the instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Implied volatility of a year, basis points.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub implied_bp: i64,
    /// Realised volatility of a year, basis points.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub realised_bp: i64,
    /// Days to the expiry in question.
    #[schemars(range(min = 0, max = 3_650))]
    pub days: i64,
    /// Whether the shares are held that a call would be written on.
    pub shares_held: bool,
}

/// What another role claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which role.
    #[schemars(length(min = 1, max = 64))]
    pub by: String,
    /// What it says.
    #[schemars(length(min = 1, max = 2_000))]
    pub text: String,
    /// How sure it is, percent.
    #[schemars(range(min = 0, max = 100))]
    pub confidence_pct: i64,
}

/// All a question may bring. What is absent was not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// Age of the youngest part when the question is asked, milliseconds.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub age_ms: i64,
    /// The market.
    #[schemars(with = "Market")]
    pub market: Option<Market>,
    /// What is held.
    #[schemars(with = "Position")]
    pub position: Option<Position>,
    /// How orders fare.
    #[schemars(with = "Orders")]
    pub orders: Option<Orders>,
    /// How the station fares.
    #[schemars(with = "Health")]
    pub health: Option<Health>,
    /// Books.
    #[schemars(with = "Fundamentals")]
    pub fundamentals: Option<Fundamentals>,
    /// Options.
    #[schemars(with = "Options")]
    pub options: Option<Options>,
    /// News, the newest first.
    #[schemars(length(max = 64), inner(length(min = 1, max = 2_000)))]
    pub news: Vec<String>,
    /// Notes: of the operator, of trades, of earlier decisions.
    #[schemars(length(max = 64), inner(length(min = 1, max = 2_000)))]
    pub notes: Vec<String>,
    /// What other roles claim; the first is the one in question.
    #[schemars(length(max = 8))]
    pub claims: Vec<Claim>,
}

/// The name of a section: a context builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// [`Market`].
    Market,
    /// [`Position`].
    Position,
    /// [`Orders`].
    Orders,
    /// [`Health`].
    Health,
    /// [`Fundamentals`].
    Fundamentals,
    /// [`Options`].
    Options,
    /// News.
    News,
    /// Notes.
    Notes,
    /// [`Claim`]s.
    Claims,
}

impl Section {
    /// Every section with the word in files.
    pub const WORDS: [(&'static str, Self); 9] = [
        ("market", Self::Market),
        ("position", Self::Position),
        ("orders", Self::Orders),
        ("health", Self::Health),
        ("fundamentals", Self::Fundamentals),
        ("options", Self::Options),
        ("news", Self::News),
        ("notes", Self::Notes),
        ("claims", Self::Claims),
    ];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl Input {
    /// An input out of JSON.
    ///
    /// # Errors
    /// The first [`Fault`].
    ///
    /// # Panics
    /// Never: the types above have bounds everywhere, and a test parses.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        static SHAPE: OnceLock<Shape> = OnceLock::new();
        let shape = SHAPE.get_or_init(|| {
            let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
            let schema = settings.into_generator().into_root_schema_for::<Self>().to_value();
            Shape::compile(&schema, "Input")
                .unwrap_or_else(|error| panic!("a type of this crate: {error}"))
        });
        let fault = |error: serde_json::Error| Fault {
            cause: crate::cause::Cause::NotJson,
            path: "(input)".into(),
            found: error.to_string(),
            allowed: "one JSON object".into(),
        };
        let value: Value = serde_json::from_str(text).map_err(fault)?;
        shape.check(&value)?;
        serde_json::from_str(text).map_err(fault)
    }

    /// The named sections as a prompt shows them; what is not known is not there.
    #[must_use]
    pub fn view(&self, sections: &[Section]) -> Value {
        let Ok(Value::Object(all)) = serde_json::to_value(self) else { return Value::Null };
        let is_known =
            |value: &Value| !value.is_null() && value.as_array().is_none_or(|a| !a.is_empty());
        let shown = sections.iter().filter_map(|section| {
            let value = all.get(section.name()).filter(|value| is_known(value))?;
            Some((section.name().to_owned(), value.clone()))
        });
        Value::Object(shown.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Cause;

    #[test]
    fn an_input_is_checked_whole() {
        for (text, cause) in [
            ("{}", None),
            (r#"{"age_ms":0,"news":["a"]}"#, None),
            (r#"{"age_ms":-1}"#, Some(Cause::OutOfRange)),
            (r#"{"news":[""]}"#, Some(Cause::OutOfRange)),
            (r#"{"prices":[1]}"#, Some(Cause::UnknownField)),
            (r#"{"market":{"symbol":"X"}}"#, Some(Cause::WrongShape)),
            (r#"{"market":null}"#, Some(Cause::WrongShape)),
            (r#"{"news":["a"],"news":[]}"#, Some(Cause::NotJson)),
            ("[]", Some(Cause::WrongShape)),
            ("{", Some(Cause::NotJson)),
        ] {
            assert_eq!(Input::parse(text).err().map(|f| f.cause), cause, "{text}");
        }
    }

    #[test]
    fn a_view_holds_the_named_sections_and_no_other() {
        let text = r#"{"news":["a"],"notes":["b"],"options":
            {"implied_bp":1,"realised_bp":1,"days":1,"shares_held":true}}"#;
        let input = Input::parse(text).expect("sound");
        let view = input.view(&[Section::Options, Section::News, Section::Market]);
        let keys: Vec<_> = view.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(keys, ["news", "options"]);
        for (i, (word, section)) in Section::WORDS.iter().enumerate() {
            assert_eq!((section.name(), *section as usize), (*word, i));
        }
    }
}
