//! What becomes of an answer: each fault by its cause, and no byte sequence that passes with one.

use super::*;
use proptest::prelude::*;

const GOOD: &str =
    r#"{"lean":"buy","confidence_pct":60,"horizon_min":30,"reason":"Higher lows since noon."}"#;

fn cause(output: Output, text: &str) -> Option<Cause> {
    output.parse(text).err().map(|fault| fault.cause)
}

#[test]
fn each_fault_has_its_cause() {
    assert_eq!(cause(Output::Stance, GOOD), None);
    assert_eq!(cause(Output::Stance, &format!("\n {GOOD} \n")), None);
    let with = |from: &str, to: &str| GOOD.replace(from, to);
    for (text, expected) in [
        (String::new(), Cause::NotJson),
        ("I would buy.".into(), Cause::NotJson),
        ("[1]".into(), Cause::NotJson),
        (GOOD[..GOOD.len() - 3].into(), Cause::Truncated),
        (format!("<think>hm</think>{GOOD}"), Cause::TextAround),
        (format!("```json\n{GOOD}\n```"), Cause::TextAround),
        (format!("{GOOD}{GOOD}"), Cause::TextAround),
        (with("60", ""), Cause::NotJson),
        (with("60", "101"), Cause::OutOfRange),
        (with("60", "-1"), Cause::OutOfRange),
        (with("60", "60.5"), Cause::WrongShape),
        (with("60", "\"60\""), Cause::WrongShape),
        (with("60", "1e400"), Cause::NotJson),
        (with("buy", "BUY"), Cause::OutOfRange),
        (with("Higher lows since noon.", ""), Cause::OutOfRange),
        (with("Higher lows since noon.", &"x".repeat(401)), Cause::OutOfRange),
        (with(r#""lean":"buy","#, ""), Cause::WrongShape),
        (with("{", r#"{"leverage":5,"#), Cause::UnknownField),
        (with("{", r#"{"lean":"sell","#), Cause::WrongShape),
    ] {
        assert_eq!(cause(Output::Stance, &text), Some(expected), "{text}");
    }
}

#[test]
fn a_looser_limit_cannot_be_said() {
    let say = |keep: &str, for_s: &str, limit: &str| {
        format!(
            r#"{{"changes":[{{"limit":"{limit}","keep_bp":{keep},"for_s":{for_s}}}],"reason":"x"}}"#
        )
    };
    for (text, expected) in [
        (say("10000", "600", "max-position"), None),
        (say("1000", "1", "reduce-only"), None),
        (say("10001", "600", "max-position"), Some(Cause::OutOfRange)),
        (say("999", "600", "max-position"), Some(Cause::OutOfRange)),
        (say("5000", "601", "max-position"), Some(Cause::OutOfRange)),
        (say("5000", "0", "max-position"), Some(Cause::OutOfRange)),
        (say("5000", "60", "leverage"), Some(Cause::OutOfRange)),
    ] {
        assert_eq!(cause(Output::Limits, &text), expected, "{text}");
    }
    let fault = Output::Limits.parse(&say("10001", "9", "order-rate")).expect_err("looser");
    assert_eq!(fault.path, "changes[0].keep_bp");
    assert_eq!(fault.allowed, "a whole number from 1000 to 10000");
}

/// The words of the wire and of an answer are the same.
#[test]
fn a_limit_is_named_as_on_the_wire() {
    for field in AdviceField::ALL {
        let text = format!(
            r#"{{"changes":[{{"limit":"{}","keep_bp":5000,"for_s":1}}],"reason":"x"}}"#,
            field.name()
        );
        let Ok(Answer::Limits(limits)) = Output::Limits.parse(&text) else { panic!("{text}") };
        assert_eq!(limits.changes[0].limit.wire(), *field);
    }
}

#[test]
fn schema_prompt_and_check_come_from_one_type() {
    for output in Output::ALL {
        let form = output.form();
        let Shape::Object(fields) = &form.shape else { panic!("{output:?} is an object") };
        for field in fields {
            assert!(field.is_required, "{output:?}.{}", field.name);
            assert!(!field.about.is_empty(), "{output:?}.{} says nothing", field.name);
            assert!(form.prompt.contains(&format!("- {}: ", field.name)));
        }
        assert_eq!(form.schema["additionalProperties"], Value::Bool(false));
        assert_eq!(form.hash.len(), 64);
    }
    let prompt = &Output::Limits.form().prompt;
    assert!(prompt.contains("  - keep_bp: a whole number from 1000 to 10000. "), "{prompt}");
}

proptest! {
    /// Cut, spoiled or random text is never an answer out of range, and never ends the process.
    #[test]
    fn what_passes_is_within_its_bounds(
        at in 0..GOOD.len(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        if cut { bytes.truncate(at); } else { bytes[at] = byte; }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(Answer::Stance(stance)) = Output::Stance.parse(&text) {
            prop_assert!((0..=100).contains(&stance.confidence_pct));
            prop_assert!((1..=10_080).contains(&stance.horizon_min));
            prop_assert!((1..=400).contains(&stance.reason.chars().count()));
            prop_assert!(!cut);
        }
    }

    #[test]
    fn any_text_for_any_type(text in ".{0,200}") {
        for output in Output::ALL {
            prop_assert!(output.parse(&text).is_err());
        }
    }
}
