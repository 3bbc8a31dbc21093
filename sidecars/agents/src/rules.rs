//! The last fallback of every role: deterministic rules whose answers have the types of a model's.
//!
//! A rule is no opinion of ours on markets; it is what the station says without a model, and it is
//! labelled as a rule wherever it is shown. Where its sections are missing it says the quietest
//! thing there is. Must never: read a clock, use a float, or tighten what its role may not. Pure;
//! allocates its sentence.

mod lexicon;
mod protect;

use crate::answer::{
    Answer, Critique, Finding, Lean, LimitField, Output, Ruling, Severity, Stance, Standing,
};
use crate::input::Input;

/// A rule by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// With the return of an hour and of a day, where both agree.
    Momentum,
    /// Against the distance to the mean.
    Reversion,
    /// What speaks for a rise, and nothing else.
    Bull,
    /// What speaks for a fall, and nothing else.
    Bear,
    /// With the larger side of the book and the last five minutes.
    Flow,
    /// Cheap beside its sector, growing, not indebted.
    Value,
    /// Options dear or cheap beside what the price did.
    Premium,
    /// Less of everything as drawdown and volatility rise.
    Drawdown,
    /// Less and narrower as orders fare badly.
    Execution,
    /// Reduce only where the station does not know what it has.
    Sick,
    /// Smaller positions where one instrument is most of the whole.
    Spread,
    /// A claim loses what it has above a coin where the market says nothing of the kind.
    Doubt,
    /// The surer claim.
    Surer,
    /// Counts words.
    Lexicon,
    /// Names what is out of the ordinary.
    Watch,
    /// Says that there is nobody to ask.
    Silent,
}

impl Rule {
    /// Every rule with the word in files.
    pub const WORDS: [(&'static str, Self); 16] = [
        ("momentum", Self::Momentum),
        ("reversion", Self::Reversion),
        ("bull", Self::Bull),
        ("bear", Self::Bear),
        ("flow", Self::Flow),
        ("value", Self::Value),
        ("premium", Self::Premium),
        ("drawdown", Self::Drawdown),
        ("execution", Self::Execution),
        ("sick", Self::Sick),
        ("spread", Self::Spread),
        ("doubt", Self::Doubt),
        ("surer", Self::Surer),
        ("lexicon", Self::Lexicon),
        ("watch", Self::Watch),
        ("silent", Self::Silent),
    ];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// The type of its answers.
    #[must_use]
    pub const fn output(self) -> Output {
        match self {
            Self::Momentum
            | Self::Reversion
            | Self::Bull
            | Self::Bear
            | Self::Flow
            | Self::Value
            | Self::Premium => Output::Stance,
            Self::Drawdown | Self::Execution | Self::Sick | Self::Spread => Output::Limits,
            Self::Doubt => Output::Critique,
            Self::Surer => Output::Ruling,
            Self::Lexicon => Output::Sentiment,
            Self::Watch | Self::Silent => Output::Finding,
        }
    }

    /// The answer; of limits only those in `may`.
    #[must_use]
    pub fn answer(self, input: &Input, may: &[LimitField]) -> Answer {
        match self {
            Self::Momentum => Answer::Stance(momentum(input)),
            Self::Reversion => Answer::Stance(reversion(input)),
            Self::Bull => Answer::Stance(one_sided(input, Lean::Buy)),
            Self::Bear => Answer::Stance(one_sided(input, Lean::Sell)),
            Self::Flow => Answer::Stance(flow(input)),
            Self::Value => Answer::Stance(value(input)),
            Self::Premium => Answer::Stance(premium(input)),
            Self::Drawdown => Answer::Limits(protect::drawdown(input, may)),
            Self::Execution => Answer::Limits(protect::execution(input, may)),
            Self::Sick => Answer::Limits(protect::sick(input, may)),
            Self::Spread => Answer::Limits(protect::spread(input, may)),
            Self::Doubt => Answer::Critique(doubt(input)),
            Self::Surer => Answer::Ruling(surer(input)),
            Self::Lexicon => Answer::Sentiment(lexicon::sentiment(&input.news)),
            Self::Watch => Answer::Finding(watch(input)),
            Self::Silent => Answer::Finding(Finding {
                severity: Severity::Info,
                summary: "No model is configured for this role; a rule has nothing to add.".into(),
            }),
        }
    }
}

/// A stance as sure as its signal is strong beside a day's volatility, at most 80.
fn stance(signal_bp: i64, scale_bp: i64, horizon_min: i64, reason: String) -> Stance {
    let strength = signal_bp.abs().saturating_mul(30) / scale_bp.max(1);
    let lean = match signal_bp {
        0 => Lean::Hold,
        1.. => Lean::Buy,
        _ => Lean::Sell,
    };
    let confidence_pct = if lean == Lean::Hold { 0 } else { 50 + strength.min(30) };
    Stance { lean, confidence_pct, horizon_min, reason }
}

fn unknown(what: &str) -> Stance {
    Stance {
        lean: Lean::Hold,
        confidence_pct: 0,
        horizon_min: 1,
        reason: format!("{what} is not known."),
    }
}

fn momentum(input: &Input) -> Stance {
    let Some(m) = &input.market else { return unknown("The market") };
    let agree = m.return_1h_bp.signum() == m.return_1d_bp.signum();
    let signal = if agree { m.return_1h_bp } else { 0 };
    let reason =
        format!("Return of an hour {} bp, of a day {} bp.", m.return_1h_bp, m.return_1d_bp);
    stance(signal, m.volatility_bp, 60, reason)
}

fn reversion(input: &Input) -> Stance {
    let Some(m) = &input.market else { return unknown("The market") };
    let is_far = m.above_mean_bp.abs() > m.volatility_bp;
    let signal = if is_far { -m.above_mean_bp } else { 0 };
    let reason =
        format!("Price {} bp above its mean, volatility {} bp.", m.above_mean_bp, m.volatility_bp);
    stance(signal, m.volatility_bp, 120, reason)
}

fn one_sided(input: &Input, side: Lean) -> Stance {
    let Some(m) = &input.market else { return unknown("The market") };
    let sum = m.return_1h_bp + m.return_1d_bp;
    let is_mine = (side == Lean::Buy && sum > 0) || (side == Lean::Sell && sum < 0);
    let reason = format!("Returns of an hour and a day together {sum} bp.");
    stance(if is_mine { sum } else { 0 }, m.volatility_bp, 240, reason)
}

fn flow(input: &Input) -> Stance {
    let Some(m) = &input.market else { return unknown("The market") };
    let agree = m.imbalance_bp.signum() == m.return_5m_bp.signum();
    let reason =
        format!("Imbalance {} bp, return of five minutes {} bp.", m.imbalance_bp, m.return_5m_bp);
    stance(if agree { m.imbalance_bp } else { 0 }, 10_000, 5, reason)
}

fn value(input: &Input) -> Stance {
    let Some(f) = &input.fundamentals else { return unknown("What the books say") };
    let cheap = i64::from(f.pe_e2 > 0 && f.pe_e2 < f.sector_pe_e2);
    let dear = i64::from(f.pe_e2 > f.sector_pe_e2);
    let grows = f.growth_bp.signum();
    let debt = i64::from(f.debt_pct > 200);
    let score = cheap - dear + grows - debt;
    let reason = format!(
        "Price to earnings {} against {} of the sector (hundredths), growth {} bp, debt {} %.",
        f.pe_e2, f.sector_pe_e2, f.growth_bp, f.debt_pct
    );
    stance(score, 4, 10_080, reason)
}

fn premium(input: &Input) -> Stance {
    let Some(o) = &input.options else { return unknown("The options market") };
    // Dear options are sold, cheap ones bought; a call is written only on shares that are held.
    let gap = o.realised_bp - o.implied_bp;
    let signal = if gap < 0 && !o.shares_held { 0 } else { gap };
    let reason = format!(
        "Implied volatility {} bp, realised {} bp, shares {}.",
        o.implied_bp,
        o.realised_bp,
        if o.shares_held { "held" } else { "not held" }
    );
    stance(signal, o.realised_bp, o.days.max(1).saturating_mul(1_440).min(10_080), reason)
}

fn doubt(input: &Input) -> Critique {
    let Some(claim) = input.claims.first() else {
        return Critique {
            standing: Standing::Stands,
            lose_pct: 0,
            argument: "There is no claim.".into(),
        };
    };
    let calm = input.market.as_ref().is_none_or(|m| m.return_1h_bp.abs() < m.volatility_bp);
    let lose_pct = if calm { (claim.confidence_pct - 50).clamp(0, 50) } else { 0 };
    let standing = if lose_pct > 0 { Standing::Weakened } else { Standing::Stands };
    let argument = if lose_pct > 0 {
        "The move of the hour is within a day's volatility: a coin would say as much."
    } else {
        "The claim asks for no more than a coin, or the market moves beyond its volatility."
    };
    Critique { standing, lose_pct, argument: argument.into() }
}

fn surer(input: &Input) -> Ruling {
    let best = input.claims.iter().map(|claim| claim.confidence_pct).max().unwrap_or(0);
    let mut at_best = input.claims.iter().zip(1..).filter(|(c, _)| c.confidence_pct == best);
    match (at_best.next(), at_best.next()) {
        (Some((claim, place)), None) => Ruling {
            better: place,
            clear_pct: (best - 50).clamp(0, 100),
            reason: format!("{} is the surest, {best} %.", claim.by),
        },
        _ => {
            Ruling { better: 0, clear_pct: 0, reason: "No claim is surer than all others.".into() }
        }
    }
}

fn watch(input: &Input) -> Finding {
    let mut severity = Severity::Info;
    let mut said = Vec::new();
    if let Some(m) = &input.market {
        if m.volatility_bp > m.usual_volatility_bp.saturating_mul(2) {
            severity = Severity::Warning;
            said.push(format!(
                "Volatility of {} is {} bp, usually {} bp.",
                m.symbol, m.volatility_bp, m.usual_volatility_bp
            ));
        }
        if m.volume_pct > 300 {
            severity = Severity::Warning;
            said.push(format!("Volume is {} % of what is usual.", m.volume_pct));
        }
    }
    if let Some(p) = &input.position
        && p.drawdown_bp > 500
    {
        severity = Severity::Warning;
        said.push(format!("Drawdown is {} bp.", p.drawdown_bp));
    }
    if let Some(h) = &input.health {
        if h.gaps > 0 || h.quiet_ms > 10_000 {
            severity = Severity::Warning;
            said.push(format!("Market data: {} gaps, quiet for {} ms.", h.gaps, h.quiet_ms));
        }
        if h.unknown_orders > 0 {
            severity = Severity::Critical;
            said.push(format!("{} orders are in an unknown state.", h.unknown_orders));
        }
    }
    if said.is_empty() {
        said.push("Nothing is out of the ordinary.".into());
    }
    Finding { severity, summary: said.join(" ") }
}

#[cfg(test)]
mod tests;
