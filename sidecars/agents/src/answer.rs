//! The types of answers a role can have, and the one way from text to one of them.
//!
//! Each type is a Rust struct; its schema, its section of the prompt and its check are made from
//! it. All numbers are integers. A change of a limit is said as the share of the operator's value
//! that is kept, so that nothing looser can be said at all. Must never: repair an answer, guess
//! what was meant, or take one with a fault. Pure but for the table made at first use; allocates.

use crate::cause::Cause;
use crate::shape::{Fault, Shape};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::OnceLock;
use wire::advice::AdviceField;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lean {
    /// Down.
    Sell,
    /// Neither.
    Hold,
    /// Up.
    Buy,
}

/// An opinion on where a market goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stance {
    /// Which way the market goes.
    pub lean: Lean,
    /// How sure, percent; 50 is a coin.
    #[schemars(range(min = 0, max = 100))]
    pub confidence_pct: i64,
    /// How far ahead it looks, minutes.
    #[schemars(range(min = 1, max = 10_080))]
    pub horizon_min: i64,
    /// The strongest reason, one sentence.
    #[schemars(length(min = 1, max = 400))]
    pub reason: String,
}

/// A limit that advice may tighten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitField {
    /// Largest order.
    MaxOrderQty,
    /// Largest position.
    MaxPosition,
    /// Orders a second.
    OrderRate,
    /// Price collar.
    PriceCollar,
    /// Only orders that reduce; `keep_bp` says nothing then.
    ReduceOnly,
}

impl LimitField {
    /// The same on the wire.
    #[must_use]
    pub const fn wire(self) -> AdviceField {
        match self {
            Self::MaxOrderQty => AdviceField::MaxOrderQty,
            Self::MaxPosition => AdviceField::MaxPosition,
            Self::OrderRate => AdviceField::OrderRate,
            Self::PriceCollar => AdviceField::PriceCollar,
            Self::ReduceOnly => AdviceField::ReduceOnly,
        }
    }
}

/// One limit, tighter for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tightening {
    /// Which limit.
    pub limit: LimitField,
    /// Share of the operator's value that is kept, basis points; 10000 changes nothing.
    #[schemars(range(min = 1_000, max = 10_000))]
    pub keep_bp: i64,
    /// How long, seconds; then the operator's value holds again.
    #[schemars(range(min = 1, max = 600))]
    pub for_s: i64,
}

/// Limits to tighten, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// What to tighten; empty where all is well.
    #[schemars(length(min = 0, max = 5))]
    pub changes: Vec<Tightening>,
    /// The strongest reason, one sentence.
    #[schemars(length(min = 1, max = 400))]
    pub reason: String,
}

/// What is left of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing speaks against it.
    Stands,
    /// It holds in part.
    Weakened,
    /// It does not hold.
    Fails,
}

/// A challenge to a claim, or the answer to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Critique {
    /// What is left of the first claim.
    pub standing: Standing,
    /// What the claim's confidence should lose, percentage points.
    #[schemars(range(min = 0, max = 50))]
    pub lose_pct: i64,
    /// The strongest argument, one sentence.
    #[schemars(length(min = 1, max = 400))]
    pub argument: String,
}

/// Which of two or more claims is better founded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// Place of the better claim in the list, from 1; 0 where none is better.
    #[schemars(range(min = 0, max = 8))]
    pub better: i64,
    /// How clear, percent.
    #[schemars(range(min = 0, max = 100))]
    pub clear_pct: i64,
    /// Why, one sentence.
    #[schemars(length(min = 1, max = 400))]
    pub reason: String,
}

/// What texts say of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sentiment {
    /// From -1000, all bad, to 1000, all good.
    #[schemars(range(min = -1_000, max = 1_000))]
    pub score_e3: i64,
    /// How sure, percent.
    #[schemars(range(min = 0, max = 100))]
    pub confidence_pct: i64,
    /// What it rests on, one sentence.
    #[schemars(length(min = 1, max = 400))]
    pub reason: String,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing to do.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must look now.
    Critical,
}

/// Something a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What, one or two sentences.
    #[schemars(length(min = 1, max = 1_000))]
    pub summary: String,
}

/// An answer of one of the types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Where a market goes.
    Stance(Stance),
    /// Limits to tighten.
    Limits(Limits),
    /// What is left of a claim.
    Critique(Critique),
    /// Which claim is better founded.
    Ruling(Ruling),
    /// What texts say.
    Sentiment(Sentiment),
    /// What a person should know.
    Finding(Finding),
}

/// The type of a role's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// [`Stance`].
    Stance,
    /// [`Limits`].
    Limits,
    /// [`Critique`].
    Critique,
    /// [`Ruling`].
    Ruling,
    /// [`Sentiment`].
    Sentiment,
    /// [`Finding`].
    Finding,
}

/// What is made of a type once.
#[derive(Debug)]
pub struct Form {
    /// The JSON schema a server is told.
    pub schema: Value,
    /// The check.
    pub shape: Shape,
    /// SHA-256 of the schema's text, hexadecimal.
    pub hash: String,
    /// The section of the prompt.
    pub prompt: String,
}

impl Form {
    fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        let shape = Shape::compile(&schema, &T::schema_name())
            .unwrap_or_else(|error| panic!("a type of this crate: {error}"));
        let hash = sha256(schema.to_string().as_bytes());
        Self { prompt: shape.prompt(), schema, shape, hash }
    }
}

/// SHA-256, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Output {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::Stance, Self::Limits, Self::Critique, Self::Ruling, Self::Sentiment, Self::Finding];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stance => "stance",
            Self::Limits => "limits",
            Self::Critique => "critique",
            Self::Ruling => "ruling",
            Self::Sentiment => "sentiment",
            Self::Finding => "finding",
        }
    }

    /// Schema, check and section of the prompt.
    #[must_use]
    pub fn form(self) -> &'static Form {
        static FORMS: [OnceLock<Form>; 6] = [const { OnceLock::new() }; 6];
        FORMS[self as usize].get_or_init(|| match self {
            Self::Stance => Form::of::<Stance>(),
            Self::Limits => Form::of::<Limits>(),
            Self::Critique => Form::of::<Critique>(),
            Self::Ruling => Form::of::<Ruling>(),
            Self::Sentiment => Form::of::<Sentiment>(),
            Self::Finding => Form::of::<Finding>(),
        })
    }

    /// The answer in a model's text.
    ///
    /// # Errors
    /// The first [`Fault`]; nothing is repaired.
    pub fn parse(self, text: &str) -> Result<Answer, Fault> {
        let value = json(text)?;
        self.form().shape.check(&value)?;
        let typed = match self {
            Self::Stance => serde_json::from_str(text).map(Answer::Stance),
            Self::Limits => serde_json::from_str(text).map(Answer::Limits),
            Self::Critique => serde_json::from_str(text).map(Answer::Critique),
            Self::Ruling => serde_json::from_str(text).map(Answer::Ruling),
            Self::Sentiment => serde_json::from_str(text).map(Answer::Sentiment),
            Self::Finding => serde_json::from_str(text).map(Answer::Finding),
        };
        // What the shape cannot see: the same key twice.
        typed.map_err(|error| whole(Cause::WrongShape, error.to_string(), "each key once"))
    }
}

fn whole(cause: Cause, found: impl Into<String>, allowed: &str) -> Fault {
    Fault { cause, path: "(answer)".into(), found: found.into(), allowed: allowed.into() }
}

/// The one JSON object of a text.
fn json(text: &str) -> Result<Value, Fault> {
    const ALLOWED: &str = "one JSON object and nothing else";
    let body = text.trim_ascii();
    if !body.starts_with('{') {
        let cause = if body.contains('{') { Cause::TextAround } else { Cause::NotJson };
        let start: String = body.chars().take(60).collect();
        return Err(whole(cause, format!("{start:?}"), ALLOWED));
    }
    let mut reader = serde_json::Deserializer::from_str(body);
    let value = Value::deserialize(&mut reader).map_err(|error| {
        let cause = if error.is_eof() { Cause::Truncated } else { Cause::NotJson };
        whole(cause, error.to_string(), ALLOWED)
    })?;
    reader.end().map_err(|error| whole(Cause::TextAround, error.to_string(), ALLOWED))?;
    Ok(value)
}

#[cfg(test)]
mod tests;
