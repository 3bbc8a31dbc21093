//! Sentiment by counting words: the baseline every model is held against.

use crate::answer::Sentiment;

const GOOD: [&str; 24] = [
    "beat", "beats", "climb", "climbs", "gain", "gains", "grew", "growth", "higher", "improved",
    "jump", "jumps", "profit", "raised", "raises", "rally", "record", "rise", "rises", "rose",
    "strong", "surge", "surges", "upgrade",
];
const BAD: [&str; 24] = [
    "bankruptcy",
    "cut",
    "cuts",
    "decline",
    "declined",
    "downgrade",
    "drop",
    "drops",
    "fall",
    "falls",
    "fell",
    "fraud",
    "halt",
    "lawsuit",
    "layoffs",
    "loss",
    "losses",
    "lower",
    "miss",
    "misses",
    "plunge",
    "recall",
    "weak",
    "worse",
];
const NEGATIONS: [&str; 5] = ["no", "not", "never", "without", "neither"];

/// The balance of good and bad words over all texts; a negation up to two words before turns one.
pub(super) fn sentiment(texts: &[String]) -> Sentiment {
    let (mut good, mut bad) = (0_i64, 0_i64);
    for text in texts {
        let lower = text.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
        for (i, word) in words.iter().enumerate() {
            let is_good = GOOD.contains(word);
            if !is_good && !BAD.contains(word) {
                continue;
            }
            let before = &words[i.saturating_sub(2)..i];
            let is_turned = before.iter().any(|word| NEGATIONS.contains(word));
            if is_good == is_turned { bad += 1 } else { good += 1 }
        }
    }
    let hits = good + bad;
    let score_e3 = (good - bad) * 1_000 / hits.max(1);
    Sentiment {
        score_e3,
        confidence_pct: (hits * 10).min(60),
        reason: format!("{good} good and {bad} bad words in {} texts.", texts.len()),
    }
}
