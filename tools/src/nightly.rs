//! `corelane train nightly`: the model that serves, tuned on the day's journals and replaced only by a
//! better one.
//!
//! Owns the order of the stages: gather, build, train, evaluate, judge, promote, archive. Each leaves
//! its result in the night's folder with a hash of what it was made from; a start again goes on after
//! the last one that was finished (`sidecars/NIGHTLY.md`). Must never: touch a running engine, run
//! beside another night, or promote what [`crate::promotion`] refuses. One thread at the lowest rank;
//! allocates.

pub mod args;
mod build;
mod config;
mod evaluate;
mod gather;
mod held;
mod host;
mod metrics;
mod night;
#[cfg(test)]
mod no_edge;
mod place;
mod script;
mod verdict;

use crate::output::Output;
use args::{NightlyArgs, TrainCommand};
use build::{Built, FEATURES};
pub use config::NightConfig;
use evaluate::Evaluated;
use gather::Gathered;
use night::{LOG, NIGHT, Night, Stage, TIMES, files_of, hash_of, sha256};
use place::{NOT_SERVED, Placed};
use script::{CANDIDATE, Trained};
use serde_json::{Value, json};
use station::operator::Failure;
use verdict::{Judged, NO_VERDICT};
use wire::exit::Exit;

/// Runs a command of training.
///
/// # Errors
/// A [`Failure`] with one line for each problem.
pub fn train(command: &TrainCommand) -> Result<(), Failure> {
    match command {
        TrainCommand::Nightly(args) => nightly(args),
    }
}

/// Every stage's result.
struct Stages {
    gathered: Stage<Gathered>,
    built: Stage<Built>,
    trained: Stage<Trained>,
    evaluated: Stage<Evaluated>,
    judged: Stage<Judged>,
    placed: Stage<Placed>,
}

fn nightly(args: &NightlyArgs) -> Result<(), Failure> {
    let config = NightConfig::load(&args.config)?;
    let now = jiff::Timestamp::now();
    let at_ns = match &args.at {
        Some(text) => crate::calendar::show::instant("--at", text)?,
        None => u64::try_from(now.as_nanosecond()).unwrap_or(u64::MAX),
    };
    let name: String = args.night.clone().unwrap_or_else(|| day_of(now));
    host::lower(config.host)?;
    let night = Night::open(&config.archive, &name, args.anew)?;
    let archived = if let Some(archived) = night.archived()? {
        archived
    } else {
        let stages = stages(&config, args, &night, at_ns)?;
        archive(&config, &night, &stages)?
    };
    tell(&night, &archived)
}

/// The UTC date twelve hours ago: a night that begins after midnight is still the day's.
fn day_of(now: jiff::Timestamp) -> String {
    let then = now.saturating_sub(jiff::Span::new().hours(12)).unwrap_or(now);
    then.to_string().chars().take(10).collect()
}

/// Goes through the stages; those that are finished are looked at and kept.
fn stages(
    config: &NightConfig,
    args: &NightlyArgs,
    night: &Night,
    at_ns: u64,
) -> Result<Stages, Failure> {
    let NightConfig { model, data, train, judge, .. } = config;
    let runs: Vec<String> = args.runs.iter().map(|run| run.display().to_string()).collect();
    let begun = hash_of(&[env!("CARGO_PKG_VERSION"), &config.text, &runs.join("\0")]);
    let gathered =
        night.stage("gather", &begun, || gather::gather(model, data, night, &args.runs))?;
    let built =
        night.stage("build", &gathered.sha256, || build::build(&gathered.result, data, night))?;
    night.still("build", FEATURES, &built.result.files)?;
    let inputs = hash_of(&[&built.sha256, &script::code_hash(train)?]);
    let trained = night.stage("train", &inputs, || {
        gather::still(&gathered.result, model, night, None)?;
        script::train(model, train, &gathered.result, &built.result, night)
    })?;
    night.still("train", CANDIDATE, &trained.result.files)?;
    let candidate = Some(trained.result.address.as_str());
    gather::still(&gathered.result, model, night, candidate)?;
    let evaluated = night.stage("evaluate", &trained.sha256, || {
        evaluate::evaluate(model, judge, &gathered.result, &built.result, night)
    })?;
    let judged = night.stage("judge", &evaluated.sha256, || {
        Ok(verdict::judged(judge, &gathered.result, &evaluated.result))
    })?;
    let placed = night.stage("promote", &judged.sha256, || {
        let (gathered, trained) = (&gathered.result, &trained.result);
        place::place(config, gathered, trained, &judged.result, night, at_ns)
    })?;
    Ok(Stages { gathered, built, trained, evaluated, judged, placed })
}

/// The last stage: what the night was, in one file, with the hash of every other.
fn archive(config: &NightConfig, night: &Night, stages: &Stages) -> Result<Value, Failure> {
    let mut files = Vec::new();
    for folder in ["", FEATURES, CANDIDATE] {
        for mut file in files_of(&night.path().join(folder))? {
            let is_ours = folder.is_empty() && [TIMES, LOG, NIGHT].contains(&file.name.as_str());
            if is_ours {
                continue;
            }
            if !folder.is_empty() {
                file.name = format!("{folder}/{}", file.name);
            }
            files.push(file);
        }
    }
    let Stages { gathered, built, trained, evaluated, judged, placed } = stages;
    let (parent, candidate) = (&gathered.result.parent, &trained.result);
    let value = json!({
        "night": night.name(),
        "model": config.model.name,
        "outcome": placed.result.outcome,
        "reasons": placed.result.reasons,
        "parent": { "address": parent.address, "model_sha256": parent.model_sha256 },
        "candidate": { "address": candidate.address, "model_sha256": candidate.model_sha256 },
        "data": {
            "journals": gathered.result.journals,
            "refused": gathered.result.refused,
            "features": built.result.sources,
            "held_out_from_ns": built.result.cut_ns,
        },
        "labels": parent.labels,
        "backends": evaluated.result.backends,
        "verdict": judged.result,
        "configuration": { "sha256": sha256(config.text.as_bytes()), "toml": config.text },
        "version": env!("CARGO_PKG_VERSION"),
        "files": files,
    });
    night.write(NIGHT, &value)?;
    Ok(value)
}

/// One line, and the exit code: a refusal by the rule is an answer, not a failure.
fn tell(night: &Night, archived: &Value) -> Result<(), Failure> {
    let text =
        |pointer: &str| archived.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
    let short = |pointer: &str| text(pointer).chars().take(12).collect::<String>();
    let outcome = text("/outcome");
    let reasons = archived["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    let gain = archived.pointer("/verdict/gains/0").map_or(String::new(), |gain| {
        let number = |key: &str| gain[key].as_f64().unwrap_or(0.0);
        format!(
            " gain_{}={:.6} low={:.6} high={:.6}",
            gain["metric"].as_str().unwrap_or("?"),
            number("gain"),
            number("low"),
            number("high")
        )
    });
    let fields = format!(
        "night={} model={} candidate={} parent={} windows={} block={}{gain} archive={}",
        night.name(),
        text("/model"),
        short("/candidate/address"),
        short("/parent/address"),
        archived["verdict"]["windows"],
        archived["verdict"]["block"],
        night.path().display()
    );
    let why = if reasons.is_empty() { String::new() } else { format!(" reasons=\"{reasons}\"") };
    if outcome == NO_VERDICT || outcome == NOT_SERVED {
        let next = "the incumbent serves on; the candidate is in the archive";
        return Err(Failure::new(Exit::CheckFailed, outcome, fields + &why, next));
    }
    let mut out = Output::stdout();
    out.line(format_args!("{outcome}: {fields}{why}"))?;
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_after_midnight_is_still_the_days() {
        for (now, day) in [
            ("2026-11-25T02:30:00Z", "2026-11-24"),
            ("2026-11-24T22:45:00Z", "2026-11-24"),
            ("2026-11-24T12:00:00Z", "2026-11-24"),
            ("2026-11-24T11:59:59Z", "2026-11-23"),
        ] {
            assert_eq!(day_of(now.parse().unwrap()), day, "{now}");
        }
    }
}
