//! `[role.NAME]`: what a role is asked, by whom it is answered, and what it may advise.

use super::reader::{Ledger, Section};
use super::servers::{Model, Server};
use crate::answer::{LimitField, Output};
use crate::input::Section as Context;
use crate::prompt::Prompts;
use crate::rules::Rule;
use std::collections::BTreeSet;
use std::path::Path;

/// When a role is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Every so many seconds.
    Every,
    /// When a bar closes.
    Bar,
    /// When news comes in.
    News,
    /// When orders were filled.
    Fill,
    /// When the station raised an alarm.
    Alarm,
    /// When another role has spoken.
    Claim,
    /// When a person asks.
    Demand,
}

impl Trigger {
    const WORDS: [(&'static str, Self); 7] = [
        ("every", Self::Every),
        ("bar", Self::Bar),
        ("news", Self::News),
        ("fill", Self::Fill),
        ("alarm", Self::Alarm),
        ("claim", Self::Claim),
        ("demand", Self::Demand),
    ];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

const LIMITS: [(&str, LimitField); 5] = [
    ("max-order-qty", LimitField::MaxOrderQty),
    ("max-position", LimitField::MaxPosition),
    ("order-rate", LimitField::OrderRate),
    ("price-collar", LimitField::PriceCollar),
    ("reduce-only", LimitField::ReduceOnly),
];

/// One role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its task type: roles of one kind of work.
    pub task: String,
    /// Models that may answer, the best first, by place in the list.
    pub candidates: Vec<usize>,
    /// From the question to the answer, milliseconds, the rule's included.
    pub latency_ms: u32,
    /// Longest prompt, tokens, counted as three bytes each.
    pub prompt_tokens: u32,
    /// Longest answer, tokens.
    pub answer_tokens: u32,
    /// Oldest input an answer may be about when it comes, milliseconds.
    pub max_age_ms: u32,
    /// When it is asked.
    pub trigger: Trigger,
    /// With [`Trigger::Every`]: how often, seconds.
    pub every_s: u32,
    /// What it sees.
    pub context: Vec<Context>,
    /// The type of its answers.
    pub output: Output,
    /// What it may tighten.
    pub advice: Vec<LimitField>,
    /// Whether it has slots of its own at every server.
    pub is_critical: bool,
    /// Who answers where no model does.
    pub rule: Rule,
    /// Its prompt, by place in [`super::Config::prompts`].
    pub prompt: usize,
}

pub(super) fn roles(
    root: &Section<'_>,
    models: &[Model],
    prompts_at: Option<&Path>,
    prompts: &mut Prompts,
    ledger: &Ledger<'_>,
) -> Vec<Role> {
    let sections = root.named("role");
    if sections.is_empty() {
        ledger.add(0, "role", "nothing", "at least one [role.NAME]");
    }
    let mut list = Vec::new();
    for (name, section) in sections {
        let role = role(name, &section, models, prompts_at, prompts, ledger);
        section.close();
        list.push(role);
    }
    list
}

fn role(
    name: String,
    section: &Section<'_>,
    models: &[Model],
    prompts_at: Option<&Path>,
    prompts: &mut Prompts,
    ledger: &Ledger<'_>,
) -> Role {
    let outputs = Output::ALL.map(|output| (output.name(), output));
    let output = section.choice("output", &outputs);
    let rule = section.choice("rule", &Rule::WORDS);
    if let (Some(output), Some(rule)) = (output, rule)
        && rule.output() != output
    {
        let found = format!("\"{}\", which answers with {}", rule.name(), rule.output().name());
        let allowed = format!("a rule that answers with {}", output.name());
        ledger.add(section.line(), section.key("rule"), found, &allowed);
    }
    let advice = section.choices("advice", &LIMITS);
    if output.is_some_and(|output| (output == Output::Limits) == advice.is_empty()) {
        let found = if advice.is_empty() { "nothing" } else { "limits" };
        let allowed = "with output = \"limits\" at least one limit, with any other none";
        ledger.add(section.line(), section.key("advice"), found, allowed);
    }
    let trigger = section.choice("trigger", &Trigger::WORDS);
    let every_s = section.whole("every_s", 1..=86_400, 0);
    if trigger.is_some_and(|trigger| (trigger == Trigger::Every) == (every_s == 0)) {
        let allowed = "with trigger = \"every\" a number of seconds, with any other nothing";
        ledger.add(section.line(), section.key("every_s"), every_s, allowed);
    }
    let context = section.choices("context", &Context::WORDS);
    if context.is_empty() {
        ledger.add(section.line(), section.key("context"), "nothing", "at least one section");
    }
    Role {
        task: section.word_needed("task").map_or(String::new(), |word| word.text),
        candidates: candidates(section, models, ledger),
        latency_ms: section.whole_needed("latency_ms", 10..=600_000),
        prompt_tokens: section.whole_needed("prompt_tokens", 64..=1_000_000),
        answer_tokens: section.whole_needed("answer_tokens", 16..=32_768),
        max_age_ms: section.whole_needed("max_age_ms", 100..=86_400_000),
        trigger: trigger.unwrap_or(Trigger::Demand),
        every_s,
        context,
        output: output.unwrap_or(Output::Finding),
        advice,
        is_critical: section.flag("critical"),
        rule: rule.unwrap_or(Rule::Silent),
        prompt: prompt(&name, section, prompts_at, prompts, ledger),
        name,
    }
}

fn candidates(section: &Section<'_>, models: &[Model], ledger: &Ledger<'_>) -> Vec<usize> {
    let names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
    let set: Vec<_> = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let list = section.choices("candidates", &set);
    if list.is_empty() {
        let allowed = format!("at least one of the models {}", names.join(", "));
        ledger.add(section.line(), section.key("candidates"), "nothing that is one", &allowed);
    }
    list
}

/// Compiles the role's prompt: the file of its name, or the one it names.
fn prompt(
    role: &str,
    section: &Section<'_>,
    prompts_at: Option<&Path>,
    prompts: &mut Prompts,
    ledger: &Ledger<'_>,
) -> usize {
    let (name, line) =
        section.word("prompt").map_or((role.to_owned(), section.line()), |w| (w.text, w.line));
    let Some(folder) = prompts_at else { return 0 };
    if name.contains(['/', '\\']) {
        ledger.add(line, section.key("prompt"), format!("{name:?}"), "a name without a path");
        return 0;
    }
    prompts.read(folder, &name).unwrap_or_else(|why| {
        let allowed = format!("a template {}", folder.join(format!("{name}.md.j2")).display());
        ledger.add(line, section.key("prompt"), why, &allowed);
        0
    })
}

/// Each critical role has a slot it can count on at every server it may ask.
pub(super) fn apart(roles: &[Role], models: &[Model], servers: &[Server], ledger: &Ledger<'_>) {
    let critical: Vec<_> = roles.iter().filter(|role| role.is_critical).collect();
    for (place, server) in servers.iter().enumerate() {
        let asks = |role: &&&Role| {
            let of: BTreeSet<_> =
                role.candidates.iter().flat_map(|m| &models[*m].servers).copied().collect();
            of.contains(&place)
        };
        let askers = critical.iter().filter(asks).count();
        if askers > server.critical_slots as usize {
            let found = format!("{} for {askers} critical roles", server.critical_slots);
            let allowed = "a slot for each critical role that may ask this server";
            ledger.add(
                server.line,
                format!("server.{}.critical_slots", server.name),
                found,
                allowed,
            );
        }
    }
}
