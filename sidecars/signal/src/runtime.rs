//! Which model runtime is live: the pure-Rust one that is always there, or ONNX Runtime.
//!
//! Must never: fall back from a back end the operator named. `auto` takes ONNX Runtime where a
//! library is named and usable, else the pure-Rust runtime, and says why in [`Runtime::why`].
//! One runtime per process: the second choice of another one is an error.

use crate::backend::{Backend, ModelFile, Network};
use crate::error::ModelError;
use crate::session::OrtNetwork;
use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The environment variable that names the ONNX Runtime library.
pub const DYLIB_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// ONNX Runtime where its library is named and usable, else the pure-Rust runtime.
    #[default]
    Auto,
    /// The pure-Rust runtime.
    Tract,
    /// ONNX Runtime or nothing.
    OnnxRuntime,
}

impl BackendChoice {
    /// The name as configurations and the command line spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tract => "tract",
            Self::OnnxRuntime => "onnxruntime",
        }
    }

    /// The choice behind a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::Tract, Self::OnnxRuntime].into_iter().find(|c| c.name() == name)
    }
}

/// The choice and the library it may use.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RuntimeOptions {
    /// Which back end.
    pub choice: BackendChoice,
    /// The ONNX Runtime library, if one is named.
    pub dylib: Option<PathBuf>,
}

impl RuntimeOptions {
    /// A choice whose library, if any, comes from `ORT_DYLIB_PATH`.
    #[must_use]
    pub fn from_environment(choice: BackendChoice) -> Self {
        let dylib = std::env::var_os(DYLIB_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
        Self { choice, dylib }
    }
}

/// The runtime that is live in this process.
#[derive(Debug)]
pub struct Runtime {
    backend: &'static str,
    why: String,
    fallback: Option<ModelError>,
    environment: Environment,
}

impl Runtime {
    /// `tract` or `onnxruntime`.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// Back end and provider, as the handshake carries it.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        if self.backend == ONNX_RUNTIME { "onnxruntime/cpu" } else { "tract/cpu" }
    }

    /// Why this one.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Why `auto` could not take the ONNX Runtime library that was named.
    #[must_use]
    pub fn fallback(&self) -> Option<&ModelError> {
        self.fallback.as_ref()
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

impl Backend for Runtime {
    fn name(&self) -> &'static str {
        self.backend
    }

    fn build_info(&self) -> String {
        if self.backend == ONNX_RUNTIME { ort::info() } else { "tract through ort-tract 0.5.0" }
            .into()
    }

    fn load(&self, file: &ModelFile<'_>) -> Result<Box<dyn Network>, ModelError> {
        Ok(Box::new(OrtNetwork::load(self, file)?))
    }
}

pub(crate) const TRACT: &str = "tract";
const ONNX_RUNTIME: &str = "onnxruntime";

static LIVE: Mutex<Option<&'static Runtime>> = Mutex::new(None);

/// Starts the runtime of this process, or hands back the one that is live if the choice allows it.
/// The first call decides; the library of a later call is not looked at.
///
/// # Errors
/// [`ModelError::NoLibrary`], [`ModelError::Library`] where ONNX Runtime was named and cannot be
/// had, [`ModelError::RuntimeTaken`] where another runtime is live.
pub fn start(options: &RuntimeOptions) -> Result<&'static Runtime, ModelError> {
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = *live {
        let asked = options.choice.name();
        return if options.choice == BackendChoice::Auto || asked == runtime.backend {
            Ok(runtime)
        } else {
            Err(ModelError::RuntimeTaken { live: runtime.backend, asked })
        };
    }
    let runtime: &'static Runtime = Box::leak(Box::new(choose(options)?));
    *live = Some(runtime);
    Ok(runtime)
}

fn choose(options: &RuntimeOptions) -> Result<Runtime, ModelError> {
    match (options.choice, options.dylib.as_deref()) {
        (BackendChoice::Tract, _) => tract("chosen by the operator".into(), None),
        (BackendChoice::OnnxRuntime, None) => Err(ModelError::NoLibrary),
        (BackendChoice::OnnxRuntime, Some(path)) => onnx_runtime(path, "chosen by the operator"),
        (BackendChoice::Auto, None) => tract(
            "auto: no ONNX Runtime library is named, the built-in runtime serves".into(),
            None,
        ),
        (BackendChoice::Auto, Some(path)) => {
            match onnx_runtime(path, "auto: its library is named and usable") {
                Ok(runtime) => Ok(runtime),
                Err(error) => {
                    tract("auto: the named ONNX Runtime library cannot be used".into(), Some(error))
                }
            }
        }
    }
}

fn tract(why: String, fallback: Option<ModelError>) -> Result<Runtime, ModelError> {
    ort::set_api(ort_tract::api());
    let environment = ort::init()
        .with_name("corelane")
        .build()
        .map_err(|source| ModelError::Runtime { backend: TRACT, source })?;
    Ok(Runtime { backend: TRACT, why, fallback, environment })
}

fn onnx_runtime(path: &Path, why: &str) -> Result<Runtime, ModelError> {
    let library = |source: Box<dyn std::error::Error + Send + Sync>| ModelError::Library {
        path: path.to_path_buf(),
        source,
    };
    // The loader would look for a relative path beside the executable first.
    let found = path.canonicalize().map_err(|e| library(Box::new(e)))?;
    let builder = ort::init_from(&found).map_err(|e| library(e.to_string().into()))?;
    let environment = builder
        .with_name("corelane")
        .with_telemetry(false)
        .build()
        .map_err(|source| ModelError::Runtime { backend: ONNX_RUNTIME, source })?;
    Ok(Runtime { backend: ONNX_RUNTIME, why: why.into(), fallback: None, environment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_choices() {
        for choice in [BackendChoice::Auto, BackendChoice::Tract, BackendChoice::OnnxRuntime] {
            assert_eq!(BackendChoice::from_name(choice.name()), Some(choice));
        }
        assert_eq!(BackendChoice::from_name("cuda"), None);
    }

    #[test]
    fn a_named_back_end_without_its_library_is_an_error() {
        let options = RuntimeOptions { choice: BackendChoice::OnnxRuntime, dylib: None };
        assert!(matches!(choose(&options), Err(ModelError::NoLibrary)));
        let dylib = Some(PathBuf::from("/nowhere/libonnxruntime.so"));
        let options = RuntimeOptions { choice: BackendChoice::OnnxRuntime, dylib };
        let error = choose(&options).unwrap_err();
        assert!(matches!(error, ModelError::Library { .. }));
        assert_eq!(error.exit().code(), 14);
        assert!(error.operator_line().contains("/nowhere/libonnxruntime.so"));
    }
}
