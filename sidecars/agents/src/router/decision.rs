//! What came of a question, with all that explains it: prompt, attempts, raw answers.

use crate::answer::Answer;
use crate::cause::Cause;
use serde::Serialize;
use std::collections::BTreeMap;

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A model.
    Model {
        /// The server.
        server: String,
        /// The model, as the configuration calls it.
        model: String,
        /// Its quantisation.
        quantisation: String,
    },
    /// No model: a deterministic rule.
    Rule {
        /// Its name.
        name: &'static str,
    },
}

/// One attempt at an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The model; empty where none was reached.
    pub model: String,
    /// The server; empty where none was asked.
    pub server: String,
    /// Why it came to nothing; absent for the one that answered.
    pub cause: Option<Cause>,
    /// What was found and what is allowed, where an answer was refused.
    pub detail: String,
    /// What the server sent, as far as it was read.
    pub raw: String,
    /// How long it took, microseconds.
    pub took_us: u64,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The role.
    pub role: String,
    /// Who answered.
    pub by: By,
    /// The answer.
    pub answer: Answer,
    /// Every attempt in its order.
    pub attempts: Vec<Attempt>,
    /// The prompt as models were asked, cloud servers apart.
    pub prompt: String,
    /// SHA-256 of the template.
    pub template_hash: String,
    /// SHA-256 of the input's sections as the prompt has them.
    pub input_hash: String,
    /// SHA-256 of the schema.
    pub schema_hash: String,
    /// From question to answer, microseconds.
    pub took_us: u64,
}

impl Decision {
    /// Attempts that came to nothing, by cause.
    #[must_use]
    pub fn abstentions(&self) -> BTreeMap<Cause, u64> {
        let mut counts = BTreeMap::new();
        for cause in self.attempts.iter().filter_map(|attempt| attempt.cause) {
            *counts.entry(cause).or_insert(0) += 1;
        }
        counts
    }
}
