//! `corelane agents`: the roles that advise, whether their file is sound, what one of them says.
//!
//! Must never: send what a role says to an engine, or show a rule's answer as a model's. Ordinary
//! threads; allocates.

use crate::output::Output;
use agents::config::{Config, ConfigError, Problem, Role, Trigger};
use agents::input::Input;
use agents::router::{By, Decision, ask_once};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use station::config::failure;
use station::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// `corelane agents ...`.
#[derive(Debug, Subcommand)]
pub enum AgentsCommand {
    /// List the roles: when each is asked, by whom it is answered, what it may advise.
    List(AgentsArgs),
    /// List every problem of the file and of the prompts it names.
    Check(AgentsArgs),
    /// Ask one role and show its answer, who gave it, and every attempt on the way.
    ///
    /// Without a server the role's rule answers, and is named as a rule. Nothing goes to an engine.
    Ask(AskArgs),
}

/// `corelane agents list` and `check`.
#[derive(Args, Debug)]
pub struct AgentsArgs {
    /// File with servers, models and roles.
    #[arg(long, value_name = "FILE", default_value = "config/agents.toml")]
    pub config: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `corelane agents ask`.
#[derive(Args, Debug)]
pub struct AskArgs {
    /// File with servers, models and roles.
    #[arg(long, value_name = "FILE", default_value = "config/agents.toml")]
    pub config: PathBuf,
    /// Which role.
    #[arg(long, value_name = "NAME")]
    pub role: String,
    /// What it is asked about: JSON with the sections of sidecars/AGENTS.md.
    #[arg(long, value_name = "FILE.json")]
    pub input: PathBuf,
    /// Print the whole decision, with prompt and raw answers, as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Longest input file, bytes.
const INPUT_MAX: u64 = 1 << 20;

/// Runs the command.
///
/// # Errors
/// CONFIGURATION with each problem of the file, ARGUMENTS for a role or an input that is none.
pub fn agents(command: &AgentsCommand) -> Result<(), Failure> {
    match command {
        AgentsCommand::List(args) => list(args),
        AgentsCommand::Check(args) => check(args),
        AgentsCommand::Ask(args) => ask(args),
    }
}

fn load(path: &Path) -> Result<Config, Failure> {
    Config::load(path).map_err(|error| match error {
        ConfigError::Unread { path, source } => {
            unread("configuration file cannot be read", &path, &source)
        }
        ConfigError::Problems { path, problems } => {
            let problems = problems.into_iter().map(|problem| {
                let Problem { line, key, found, allowed } = problem;
                station::config::Problem { line, key, found, allowed }
            });
            failure(&path, problems.collect())
        }
    })
}

fn unread(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("file={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, what, fields, "name one that can")
}

fn check(args: &AgentsArgs) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let (roles, models, servers) = (config.roles.len(), config.models.len(), config.servers.len());
    let mut out = Output::stdout();
    if args.json {
        let value = json!({"roles": roles, "models": models, "servers": servers});
        out.line(format_args!("{value:#}"))?;
    } else {
        let file = args.config.display();
        let last = if servers == 0 { "; every role is answered by its rule" } else { "" };
        let text = format!("{roles} roles, {models} models, {servers} servers{last}");
        out.line(format_args!("OK {file}: agents file: {text}"))?;
    }
    out.finish()
}

/// The models a role's answers may come from: those that a server has.
fn models<'c>(config: &'c Config, role: &Role) -> Vec<&'c str> {
    let models = role.candidates.iter().map(|place| &config.models[*place]);
    models.filter(|model| !model.servers.is_empty()).map(|model| model.name.as_str()).collect()
}

fn limits(role: &Role) -> Vec<&'static str> {
    role.advice.iter().map(|limit| limit.wire().name()).collect()
}

fn list(args: &AgentsArgs) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let mut out = Output::stdout();
    if args.json {
        let roles: Vec<Value> = config.roles.iter().map(|role| as_json(&config, role)).collect();
        let value = json!({"servers": config.servers.len(), "roles": roles});
        out.line(format_args!("{value:#}"))?;
        return out.finish();
    }
    out.line(format_args!(
        "{:27}{:10}{:12}{:>9} {:10}{:18}may tighten",
        "role", "task", "asked", "within", "answers", "by"
    ))?;
    for role in &config.roles {
        let asked = if role.trigger == Trigger::Every {
            format!("every {} s", role.every_s)
        } else {
            role.trigger.name().to_owned()
        };
        let critical = if role.is_critical { " (critical)" } else { "" };
        let mut by = models(&config, role).join(", ");
        if by.is_empty() {
            by = format!("rule {}", role.rule.name());
        }
        let line = format!(
            "{:27}{:10}{asked:12}{:6} ms {:10}{by:18}{}{critical}",
            role.name,
            role.task,
            role.latency_ms,
            role.output.name(),
            limits(role).join(", "),
        );
        out.line(format_args!("{}", line.trim_end()))?;
    }
    if config.servers.is_empty() {
        out.line(format_args!("No server is configured: every role is answered by its rule."))?;
    }
    out.finish()
}

fn as_json(config: &Config, role: &Role) -> Value {
    let context: Vec<_> = role.context.iter().map(|section| section.name()).collect();
    json!({
        "role": role.name,
        "task": role.task,
        "trigger": role.trigger.name(),
        "every_s": role.every_s,
        "latency_ms": role.latency_ms,
        "prompt_tokens": role.prompt_tokens,
        "answer_tokens": role.answer_tokens,
        "max_age_ms": role.max_age_ms,
        "context": context,
        "output": role.output.name(),
        "models": models(config, role),
        "rule": role.rule.name(),
        "critical": role.is_critical,
        "may_tighten": limits(role),
    })
}

fn ask(args: &AskArgs) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let Some(role) = config.role(&args.role) else {
        let names: Vec<_> = config.roles.iter().map(|role| role.name.as_str()).collect();
        let fields = format!("--role={} allowed=({})", args.role, names.join(", "));
        return Err(Failure::new(Exit::Arguments, "no such role", fields, "name one of these"));
    };
    let input = input(&args.input)?;
    let budget_ms = config.roles[role].latency_ms;
    let decision = ask_once(config, role, &input).map_err(|error| {
        let fields = format!("error=\"{error}\"");
        Failure::new(Exit::Resource, "the router cannot start", fields, "check file descriptors")
    })?;
    let mut out = Output::stdout();
    if args.json {
        let mut value = json!(decision);
        value["abstentions"] = json!(decision.abstentions());
        out.line(format_args!("{value:#}"))?;
    } else {
        for line in told(&decision, budget_ms) {
            out.line(format_args!("{line}"))?;
        }
    }
    out.finish()
}

fn input(path: &Path) -> Result<Input, Failure> {
    let unread = |error: std::io::Error| unread("input cannot be read", path, &error);
    let size = fs::metadata(path).map_err(unread)?.len();
    if size > INPUT_MAX {
        let fields = format!("file={} bytes={size} allowed={INPUT_MAX}", path.display());
        return Err(Failure::new(Exit::Arguments, "input is too long", fields, "shorten it"));
    }
    let text = fs::read_to_string(path).map_err(unread)?;
    Input::parse(&text).map_err(|fault| {
        let (at, found, allowed) = (fault.path, fault.found, fault.allowed);
        let fields = format!("file={} at={at} found={found} allowed=({allowed})", path.display());
        Failure::new(Exit::Arguments, "input is not acceptable", fields, "see sidecars/AGENTS.md")
    })
}

/// A decision as a person reads it.
fn told(decision: &Decision, budget_ms: u32) -> Vec<String> {
    let by = match &decision.by {
        By::Model { server, model, quantisation } => {
            format!("model {model} ({quantisation}) at server {server}")
        }
        By::Rule { name } => format!("rule {name}, no model"),
    };
    let mut lines = vec![
        format!("role       {}", decision.role),
        format!("answered   by {by}, in {} us of {budget_ms} ms", decision.took_us),
    ];
    for (attempt, n) in decision.attempts.iter().zip(1..) {
        let at = if attempt.server.is_empty() {
            String::new()
        } else {
            format!(" at {}", attempt.server)
        };
        let how = attempt.cause.map_or("answered", |cause| cause.name());
        let detail = &attempt.detail;
        let line =
            format!("attempt {n}  {}{at}: {how} after {} us", attempt.model, attempt.took_us);
        lines.push(if detail.is_empty() { line } else { format!("{line}; {detail}") });
    }
    let abstained = decision.abstentions();
    let counts: Vec<_> =
        abstained.iter().map(|(cause, count)| format!("{} {count}", cause.name())).collect();
    let none = "nothing".to_owned();
    lines.push(format!("abstained  {}", if counts.is_empty() { none } else { counts.join(", ") }));
    lines.push(format!("answer     {}", json!(decision.answer)));
    lines
}
