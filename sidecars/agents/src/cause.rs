//! Why there is no answer of a model: one closed set, and what the router does next for each.
//!
//! Owns the names under which abstentions are counted and shown. Must never: grow a member without
//! a fallback of its own. Pure; no allocation.

/// Why an attempt, or a whole question, came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// No whole answer within the time the attempt had; what comes later is never read.
    Late,
    /// No slot of the server came free in time.
    Queue,
    /// The breaker of this server, model and role is open.
    BreakerOpen,
    /// No connection.
    Unreachable,
    /// The connection ended before the answer did.
    Broken,
    /// The server says it is busy (429, 503).
    Busy,
    /// The server failed (any other 5xx).
    ServerError,
    /// The server's GPU or host has no memory for it.
    OutOfMemory,
    /// Prompt and answer do not fit the model's context.
    ContextTooLong,
    /// The server or its model declines.
    Refused,
    /// The answer was cut at the token limit, or ends inside its JSON.
    Truncated,
    /// More bytes than an answer of this role can have.
    Endless,
    /// Text before or after the JSON object.
    TextAround,
    /// Not JSON, or not the protocol's.
    NotJson,
    /// A field nobody asked for.
    UnknownField,
    /// A field is missing, there twice, or of another type.
    WrongShape,
    /// A number, a length or a word outside what is allowed.
    OutOfRange,
    /// It advises on what its role may not advise.
    NotAllowed,
    /// What the question was asked about is older than the role allows.
    Stale,
    /// The role's template made no prompt of this input.
    NoPrompt,
}

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same model on another server, or once more on the same.
    SameModel,
    /// The next candidate.
    NextModel,
    /// The next candidate with a longer context.
    LongerContext,
    /// The next candidate that needs less memory.
    SmallerModel,
    /// The rule: no model can help.
    Rule,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 20] = [
        Self::Late,
        Self::Queue,
        Self::BreakerOpen,
        Self::Unreachable,
        Self::Broken,
        Self::Busy,
        Self::ServerError,
        Self::OutOfMemory,
        Self::ContextTooLong,
        Self::Refused,
        Self::Truncated,
        Self::Endless,
        Self::TextAround,
        Self::NotJson,
        Self::UnknownField,
        Self::WrongShape,
        Self::OutOfRange,
        Self::NotAllowed,
        Self::Stale,
        Self::NoPrompt,
    ];

    /// The word in reports and counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Queue => "queue",
            Self::BreakerOpen => "breaker-open",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Busy => "busy",
            Self::ServerError => "server-error",
            Self::OutOfMemory => "out-of-memory",
            Self::ContextTooLong => "context-too-long",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Endless => "endless",
            Self::TextAround => "text-around",
            Self::NotJson => "not-json",
            Self::UnknownField => "unknown-field",
            Self::WrongShape => "wrong-shape",
            Self::OutOfRange => "out-of-range",
            Self::NotAllowed => "not-allowed",
            Self::Stale => "stale",
            Self::NoPrompt => "no-prompt",
        }
    }

    /// What the router tries next.
    #[must_use]
    pub const fn next(self) -> Next {
        match self {
            Self::Queue
            | Self::BreakerOpen
            | Self::Unreachable
            | Self::Broken
            | Self::Busy
            | Self::ServerError => Next::SameModel,
            Self::Late
            | Self::Refused
            | Self::Truncated
            | Self::Endless
            | Self::TextAround
            | Self::NotJson
            | Self::UnknownField
            | Self::WrongShape
            | Self::OutOfRange
            | Self::NotAllowed => Next::NextModel,
            Self::ContextTooLong => Next::LongerContext,
            Self::OutOfMemory => Next::SmallerModel,
            Self::Stale | Self::NoPrompt => Next::Rule,
        }
    }

    /// Whether it speaks against the server and model, so that the breaker counts it. A long
    /// prompt, a full queue of our own and an old question are not their fault.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::Queue | Self::BreakerOpen | Self::ContextTooLong | Self::Stale | Self::NoPrompt
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_cause_is_listed_once_and_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        let causes: BTreeSet<_> = Cause::ALL.into_iter().collect();
        assert_eq!((names.len(), causes.len()), (20, 20));
        for cause in Cause::ALL {
            assert_eq!(serde_json::json!(cause), cause.name());
        }
    }
}
