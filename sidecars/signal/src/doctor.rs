//! Says which model back end and provider is live and why, and which others cannot be used and why.
//!
//! Must never: report a provider as live because a library was compiled with it; only what has
//! started and, where a model is named, has reproduced its golden vectors counts. Starts the
//! runtime of this process, so it is the last thing the process does. May allocate.

mod backends;

use crate::backend::Backend as _;
use crate::error::ModelError;
use crate::fused::{self, Fused};
use crate::model::Model;
use crate::runtime::{self, RuntimeOptions};
use crate::sandbox::{self, SandboxState};
use crate::sys;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wire::exit::Exit;
use wire::signal::InputWindow;

const TIMED_RUNS: usize = 2_000;

/// What the doctor found. Serialises to JSON.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorReport {
    /// The live runtime; absent if none could be started.
    pub live: Option<Live>,
    /// Every back end and provider this program knows.
    pub backends: Vec<BackendState>,
    /// The model, if one was named and could be loaded.
    pub model: Option<ModelState>,
    /// What the kernel has to shut a serving process in.
    pub sandbox: SandboxState,
    /// The operator's line for each thing that is wrong.
    pub problems: Vec<String>,
    /// Exit code of the doctor: 0, or that of the first problem.
    pub exit_code: u8,
}

/// The live runtime.
#[derive(Clone, Debug, Serialize)]
pub struct Live {
    /// Its name, as `--backend` spells it.
    pub backend: String,
    /// Where it computes.
    pub provider: String,
    /// Why it and no other.
    pub why: String,
    /// What it says of its build.
    pub build: String,
}

/// One back end and provider.
#[derive(Clone, Debug, Serialize)]
pub struct BackendState {
    /// Back end and provider.
    pub name: String,
    /// Whether it is the live one.
    pub live: bool,
    /// Whether it could serve, as far as this run can tell; absent if it was not tried.
    pub usable: Option<bool>,
    /// Why, or why not and what to do next.
    pub why: String,
}

/// The model.
#[derive(Clone, Debug, Serialize)]
pub struct ModelState {
    /// Its folder.
    pub dir: PathBuf,
    /// Its name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// Whether one run takes a whole batch.
    pub batches: bool,
    /// Golden vectors it reproduced.
    pub golden_vectors: usize,
    /// Largest difference of a probability from them.
    pub golden_difference_max: f32,
    /// Inference of one window in process, nanoseconds, monotonic clock, after warm-up.
    pub infer_ns: Quantiles,
}

/// A few quantiles of a sample.
#[derive(Clone, Debug, Serialize)]
pub struct Quantiles {
    /// Sample count.
    pub n: usize,
    /// Median.
    pub p50: u64,
    /// 99 % are at or below.
    pub p99: u64,
    /// Largest.
    pub max: u64,
}

/// Looks at the runtime and, if `model` is given, at the model on every back end that can be tried.
#[must_use]
pub fn doctor(options: &RuntimeOptions, model: Option<&Path>) -> DoctorReport {
    let mut errors = Vec::new();
    let started = runtime::start(options).map_err(|e| errors.push(e)).ok();
    let loaded = started
        .zip(model)
        .and_then(|(runtime, dir)| Model::load(dir, runtime).map_err(|e| errors.push(e)).ok());
    let live = started.map(|runtime| Live {
        backend: loaded.as_ref().map_or(runtime.name(), Model::backend).into(),
        provider: loaded.as_ref().map_or(runtime.provider(), Model::provider).into(),
        why: runtime.why().into(),
        build: match &loaded {
            Some(model) if model.backend() == fused::NAME => Fused.build_info(),
            _ => runtime.build_info(),
        },
    });
    let live_name = live.as_ref().map(|live| live.provider.as_str());
    let backends = backends::all(options, started, model, live_name, &errors);
    let model = loaded
        .zip(model)
        .and_then(|(model, dir)| examine(dir, model).map_err(|e| errors.push(e)).ok());
    DoctorReport {
        live,
        backends,
        model,
        sandbox: sandbox::examine(),
        problems: errors.iter().map(ModelError::operator_line).collect(),
        exit_code: errors.first().map_or(Exit::Clean, ModelError::exit).code(),
    }
}

fn examine(dir: &Path, mut model: Model) -> Result<ModelState, ModelError> {
    let windows: Vec<InputWindow> = model.manifest().golden.windows();
    let one = windows.get(..1).unwrap_or(&[]);
    let mut out = Vec::new();
    let mut spans = Vec::with_capacity(TIMED_RUNS);
    for _ in 0..TIMED_RUNS {
        let start_ns = sys::monotonic_ns();
        model.run(one, &mut out)?;
        spans.push(sys::monotonic_ns().saturating_sub(start_ns));
    }
    spans.sort_unstable();
    let at = |n: usize| spans.get(n.min(spans.len().saturating_sub(1))).copied().unwrap_or(0);
    Ok(ModelState {
        dir: dir.into(),
        name: model.manifest().name.clone(),
        sha256: model.sha256(),
        batches: model.batches(),
        golden_vectors: windows.len(),
        golden_difference_max: model.golden_difference(),
        infer_ns: Quantiles {
            n: spans.len(),
            p50: at(spans.len() / 2),
            p99: at(spans.len() * 99 / 100),
            max: at(spans.len()),
        },
    })
}

impl DoctorReport {
    /// The report for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut say = |args: std::fmt::Arguments<'_>| {
            let _infallible = writeln!(text, "{args}");
        };
        match &self.live {
            Some(live) => {
                say(format_args!("live      {} ({})", live.provider, live.why));
                say(format_args!("build     {}", live.build));
            }
            None => say(format_args!("live      none")),
        }
        for state in &self.backends {
            let mark = match (state.live, state.usable) {
                (true, _) => "live",
                (_, Some(true)) => "usable",
                (_, Some(false)) => "unusable",
                (_, None) => "not tried",
            };
            say(format_args!("{:<21} {mark:<9} {}", state.name, state.why));
        }
        say(format_args!("sandbox   {}", self.sandbox.text()));
        if let Some(model) = &self.model {
            say(format_args!("model     {} in {}", model.name, model.dir.display()));
            say(format_args!("sha256    {}", model.sha256));
            say(format_args!(
                "golden    {} vectors reproduced, largest difference {:e}",
                model.golden_vectors, model.golden_difference_max
            ));
            let q = &model.infer_ns;
            say(format_args!(
                "infer_ns  n={} p50={} p99={} max={} (one window, in process, monotonic clock)",
                q.n, q.p50, q.p99, q.max
            ));
        }
        for problem in &self.problems {
            say(format_args!("{problem}"));
        }
        text
    }
}
