//! Every rule over every input is an answer its own check takes, and tightens only what it may.

use super::*;
use crate::input::{Claim, Fundamentals, Health, Market, Options, Orders, Position};
use proptest::prelude::*;

const ALL_LIMITS: [LimitField; 5] = [
    LimitField::MaxOrderQty,
    LimitField::MaxPosition,
    LimitField::OrderRate,
    LimitField::PriceCollar,
    LimitField::ReduceOnly,
];

fn text(answer: &Answer) -> String {
    let value = serde_json::to_value(answer).expect("serialises");
    value.as_object().and_then(|map| map.values().next()).expect("one variant").to_string()
}

fn any_market() -> impl Strategy<Value = Market> {
    let wide = -10_000_i64..=1_000_000;
    let up = 0_i64..=1_000_000;
    let returns = (wide.clone(), wide.clone(), wide.clone(), wide);
    (returns, (up.clone(), up.clone(), up.clone(), up), -10_000_i64..=10_000).prop_map(
        |(r, u, i)| Market {
            symbol: "X".into(),
            return_5m_bp: r.0,
            return_1h_bp: r.1,
            return_1d_bp: r.2,
            above_mean_bp: r.3,
            volatility_bp: u.0,
            usual_volatility_bp: u.1,
            spread_bp: u.2,
            imbalance_bp: i,
            volume_pct: u.3,
        },
    )
}

prop_compose! {
    fn any_input()(
        market in prop::option::of(any_market()),
        position in prop::option::of((-10_000_i64..=10_000, 0_i64..=100, -10_000_i64..=1_000_000,
            0_i64..=10_000)),
        orders in prop::option::of((0_i64..=1_000_000_000, 0_i64..=1_000_000_000,
            0_i64..=1_000_000_000, -10_000_i64..=1_000_000)),
        health in prop::option::of((0_i64..3, 0_i64..=1_000_000_000, 0_i64..3, 0_i64..3)),
        fundamentals in prop::option::of((0_i64..=100_000_000, 0_i64..=100_000_000,
            -10_000_i64..=1_000_000, 0_i64..=1_000_000)),
        options in prop::option::of((0_i64..=1_000_000, 0_i64..=1_000_000, 0_i64..=3_650,
            any::<bool>())),
        sure in prop::collection::vec(0_i64..=100, 0..8),
        news in prop::collection::vec("[a-z ]{1,40}(not )?(rose|fell|gain)", 0..8),
    ) -> Input {
        Input {
            age_ms: 0,
            market,
            position: position.map(|p| Position {
                used_pct: p.0, largest_pct: p.1, day_bp: p.2, drawdown_bp: p.3,
            }),
            orders: orders.map(|o| Orders {
                sent: o.0, filled: o.1, refused: o.2, slippage_bp: o.3,
            }),
            health: health.map(|h| Health {
                gaps: h.0, quiet_ms: h.1, alarms: h.2, unknown_orders: h.3,
            }),
            fundamentals: fundamentals.map(|f| Fundamentals {
                pe_e2: f.0, sector_pe_e2: f.1, growth_bp: f.2, debt_pct: f.3,
            }),
            options: options.map(|o| Options {
                implied_bp: o.0, realised_bp: o.1, days: o.2, shares_held: o.3,
            }),
            claims: sure.into_iter().map(|confidence_pct| Claim {
                by: "x".into(), text: "y".into(), confidence_pct,
            }).collect(),
            news,
            notes: Vec::new(),
        }
    }
}

proptest! {
    #[test]
    fn a_rule_s_answer_passes_the_check_of_its_type(
        input in any_input(), mask in prop::array::uniform5(any::<bool>())
    ) {
        let may: Vec<_> =
            ALL_LIMITS.into_iter().zip(mask).filter_map(|(l, on)| on.then_some(l)).collect();
        for (name, rule) in Rule::WORDS {
            let answer = rule.answer(&input, &may);
            let parsed = rule.output().parse(&text(&answer));
            prop_assert_eq!(parsed.as_ref(), Ok(&answer), "{}", name);
            prop_assert_eq!(rule.answer(&input, &may), answer.clone());
            if let Answer::Limits(limits) = answer {
                prop_assert!(limits.changes.iter().all(|c| may.contains(&c.limit)));
            }
        }
    }
}

#[test]
fn each_rule_is_in_the_list_at_its_place() {
    for (i, (word, rule)) in Rule::WORDS.iter().enumerate() {
        assert_eq!((rule.name(), *rule as usize), (*word, i));
    }
}

#[test]
fn without_an_input_every_rule_says_the_quietest_thing() {
    for (name, rule) in Rule::WORDS {
        match rule.answer(&Input::default(), &ALL_LIMITS) {
            Answer::Stance(s) => assert_eq!((s.lean, s.confidence_pct), (Lean::Hold, 0), "{name}"),
            Answer::Limits(l) => assert!(l.changes.is_empty(), "{name}"),
            Answer::Critique(c) => assert_eq!(c.lose_pct, 0, "{name}"),
            Answer::Ruling(r) => assert_eq!(r.better, 0, "{name}"),
            Answer::Sentiment(s) => assert_eq!((s.score_e3, s.confidence_pct), (0, 0), "{name}"),
            Answer::Finding(f) => assert_eq!(f.severity, Severity::Info, "{name}"),
        }
    }
}

#[test]
fn words_are_counted_and_negations_turn_them() {
    let of = |text: &str| lexicon::sentiment(&[text.to_owned()]).score_e3;
    assert_eq!(of("Profit rose to a record."), 1_000);
    assert_eq!(of("Shares fell on the loss."), -1_000);
    assert_eq!(of("Sales never fell."), 1_000);
    assert_eq!(of("Sales rose; costs are not higher."), 0);
    assert_eq!(of("The board met on Tuesday."), 0);
}

#[test]
fn a_drawdown_tightens_in_steps() {
    let keep = |drawdown_bp| {
        let position = Position { used_pct: 0, largest_pct: 0, day_bp: 0, drawdown_bp };
        let input = Input { position: Some(position), ..Input::default() };
        protect::drawdown(&input, &ALL_LIMITS).changes.iter().map(|c| c.keep_bp).min()
    };
    let steps = [199, 200, 500, 1_000, 1_999, 2_000].map(keep);
    let expected = [None, Some(7_500), Some(5_000), Some(2_500), Some(2_500), Some(1_000)];
    assert_eq!(steps, expected);
}
