//! Which model back end is live: the fused kernel, the pure-Rust runtime, or ONNX Runtime on CPU,
//! CUDA or TensorRT.
//!
//! Must never: fall back from a back end the operator named. `auto` computes a model the fused
//! kernel knows with that, and every other model on ONNX Runtime where a library is named and
//! usable, else on the pure-Rust runtime, and says why in [`Runtime::why`]. One runtime per
//! process: the second choice of another one is an error. The fused kernel is none and may always be
//! chosen.

use crate::backend::{Backend, ModelFile, Network};
use crate::error::ModelError;
use crate::fused::{self, Fused};
use crate::onnx::Onnx;
use crate::session::{self, Provider};
use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The environment variable that names the ONNX Runtime library.
pub const DYLIB_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What the operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// The fused kernel for a model it knows; else ONNX Runtime where its library is named and
    /// usable, else the pure-Rust runtime.
    #[default]
    Auto,
    /// The fused kernel, and no model it does not know.
    Fused,
    /// The pure-Rust runtime.
    Tract,
    /// ONNX Runtime on the CPU or nothing.
    OnnxRuntime,
    /// ONNX Runtime with its CUDA provider for the whole model or nothing.
    OnnxRuntimeCuda,
    /// ONNX Runtime with its TensorRT provider, CUDA for what TensorRT does not take, or nothing.
    OnnxRuntimeTensorRt,
}

impl BackendChoice {
    /// Every choice.
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Fused,
        Self::Tract,
        Self::OnnxRuntime,
        Self::OnnxRuntimeCuda,
        Self::OnnxRuntimeTensorRt,
    ];
    /// Every choice's name, for messages.
    pub const NAMES: &str = "auto,fused,tract,onnxruntime,onnxruntime-cuda,onnxruntime-tensorrt";

    /// The name as configurations and the command line spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fused => fused::NAME,
            Self::Tract => TRACT,
            Self::OnnxRuntime => "onnxruntime",
            Self::OnnxRuntimeCuda => "onnxruntime-cuda",
            Self::OnnxRuntimeTensorRt => "onnxruntime-tensorrt",
        }
    }

    /// The choice behind a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// The choice and what it may use.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RuntimeOptions {
    /// Which back end.
    pub choice: BackendChoice,
    /// The ONNX Runtime library, if one is named.
    pub dylib: Option<PathBuf>,
    /// Folder in which TensorRT keeps the engines it has built, if one is named. Without it an
    /// engine is built at every load, which takes tens of seconds.
    pub engine_cache: Option<PathBuf>,
}

impl RuntimeOptions {
    /// A choice whose library, if any, comes from `ORT_DYLIB_PATH`.
    #[must_use]
    pub fn from_environment(choice: BackendChoice) -> Self {
        let dylib = std::env::var_os(DYLIB_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
        Self { choice, dylib, engine_cache: None }
    }
}

/// The runtime that is live in this process.
#[derive(Debug)]
pub struct Runtime {
    provider: Provider,
    why: String,
    fallback: Option<ModelError>,
    /// Absent where only the fused kernel was asked for.
    environment: Option<Environment>,
    prefers_fused: bool,
    engine_cache: Option<PathBuf>,
}

impl Runtime {
    /// Back end and provider, as the handshake carries it, of every model the fused kernel does
    /// not compute; [`crate::model::Model::provider`] is the one of a model.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        if self.environment.is_some() { self.provider.text() } else { fused::PROVIDER }
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

    /// For a runtime that computes on a GPU: the same library on the CPU, and the fused kernel for a
    /// model it knows. It lives as long as the process. None where this one computes on the CPU.
    #[must_use]
    pub fn on_cpu(&self) -> Option<&'static Self> {
        if !self.provider.is_gpu() {
            return None;
        }
        let twin = self.with_provider(Provider::Cpu)?;
        let why = "stands by for the GPU".into();
        Some(Box::leak(Box::new(Self { prefers_fused: true, why, ..twin })))
    }

    #[cfg(test)]
    pub(crate) fn environment(&self) -> Option<&Environment> {
        self.environment.as_ref()
    }

    /// The same runtime with another provider, for the doctor; none for the fused kernel alone.
    pub(crate) fn with_provider(&self, provider: Provider) -> Option<Self> {
        Some(Self {
            provider,
            why: String::new(),
            fallback: None,
            environment: Some(self.environment.clone()?),
            prefers_fused: false,
            engine_cache: self.engine_cache.clone(),
        })
    }
}

impl Backend for Runtime {
    fn name(&self) -> &'static str {
        if self.environment.is_some() { self.provider.name() } else { fused::NAME }
    }

    fn build_info(&self) -> String {
        match (&self.environment, self.provider) {
            (None, _) => Fused.build_info(),
            (Some(_), Provider::Tract) => "tract through ort-tract 0.5.0".into(),
            (Some(_), _) => ort::info().into(),
        }
    }

    fn load(&self, file: &ModelFile<'_>) -> Result<Box<dyn Network>, ModelError> {
        let Some(environment) = &self.environment else { return Fused.load(file) };
        let onnx = Onnx::admit(file, self.name())?;
        if self.prefers_fused
            && let Ok(network) = Fused::of(&onnx, file)
        {
            return Ok(Box::new(network));
        }
        session::load(environment, self.provider, self.engine_cache.as_deref(), onnx, file)
    }
}

const TRACT: &str = "tract";

static LIVE: Mutex<Option<&'static Runtime>> = Mutex::new(None);
static FUSED: OnceLock<Runtime> = OnceLock::new();

/// Starts the runtime of this process, or hands back the one that is live if the choice allows it.
/// The first call decides; the library of a later call is not looked at.
///
/// # Errors
/// [`ModelError::NoLibrary`], [`ModelError::Library`] where ONNX Runtime was named and cannot be
/// had, [`ModelError::RuntimeTaken`] where another runtime is live.
pub fn start(options: &RuntimeOptions) -> Result<&'static Runtime, ModelError> {
    if options.choice == BackendChoice::Fused {
        return Ok(FUSED.get_or_init(only_fused));
    }
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = *live {
        let asked = options.choice.name();
        return if options.choice == BackendChoice::Auto || asked == runtime.name() {
            Ok(runtime)
        } else {
            Err(ModelError::RuntimeTaken { live: runtime.name(), asked })
        };
    }
    let runtime: &'static Runtime = Box::leak(Box::new(choose(options)?));
    *live = Some(runtime);
    Ok(runtime)
}

fn choose(options: &RuntimeOptions) -> Result<Runtime, ModelError> {
    let chosen = "chosen by the operator";
    let mut runtime = match options.choice {
        BackendChoice::Auto => auto(options.dylib.as_deref())?,
        BackendChoice::Fused => only_fused(),
        BackendChoice::Tract => tract(chosen.into(), None)?,
        BackendChoice::OnnxRuntime => onnx_runtime(options, Provider::Cpu, chosen)?,
        BackendChoice::OnnxRuntimeCuda => onnx_runtime(options, Provider::Cuda, chosen)?,
        BackendChoice::OnnxRuntimeTensorRt => onnx_runtime(options, Provider::TensorRt, chosen)?,
    };
    runtime.engine_cache.clone_from(&options.engine_cache);
    Ok(runtime)
}

fn only_fused() -> Runtime {
    Runtime {
        provider: Provider::Tract,
        why: "chosen by the operator".into(),
        fallback: None,
        environment: None,
        prefers_fused: true,
        engine_cache: None,
    }
}

fn auto(dylib: Option<&Path>) -> Result<Runtime, ModelError> {
    let mut runtime = match dylib.map(library) {
        None => tract(
            "auto: the fused kernel for a model it knows; for others the built-in runtime, no ONNX \
             Runtime library is named"
                .into(),
            None,
        )?,
        Some(Ok(environment)) => Runtime {
            environment: Some(environment),
            provider: Provider::Cpu,
            why: "auto: the fused kernel for a model it knows; for others ONNX Runtime, its \
                  library is named and usable"
                .into(),
            ..only_fused()
        },
        Some(Err(error)) => tract(
            "auto: the fused kernel for a model it knows; for others the built-in runtime, the \
             named ONNX Runtime library cannot be used"
                .into(),
            Some(error),
        )?,
    };
    runtime.prefers_fused = true;
    Ok(runtime)
}

fn tract(why: String, fallback: Option<ModelError>) -> Result<Runtime, ModelError> {
    ort::set_api(ort_tract::api());
    let environment = ort::init()
        .with_name("corelane")
        .build()
        .map_err(|source| ModelError::Runtime { backend: TRACT, source })?;
    let environment = Some(environment);
    Ok(Runtime { why, fallback, environment, prefers_fused: false, ..only_fused() })
}

fn onnx_runtime(
    options: &RuntimeOptions,
    provider: Provider,
    why: &str,
) -> Result<Runtime, ModelError> {
    let path =
        options.dylib.as_deref().ok_or(ModelError::NoLibrary { backend: options.choice.name() })?;
    let environment = Some(library(path)?);
    let why = why.into();
    Ok(Runtime { provider, why, environment, prefers_fused: false, ..only_fused() })
}

fn library(path: &Path) -> Result<Environment, ModelError> {
    let library = |source: Box<dyn std::error::Error + Send + Sync>| ModelError::Library {
        path: path.to_path_buf(),
        source,
    };
    // The loader would look for a relative path beside the executable first.
    let found = path.canonicalize().map_err(|e| library(Box::new(e)))?;
    let builder = ort::init_from(&found).map_err(|e| library(e.to_string().into()))?;
    builder
        .with_name("corelane")
        .with_telemetry(false)
        .build()
        .map_err(|source| ModelError::Runtime { backend: "onnxruntime", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_choices() {
        for choice in BackendChoice::ALL {
            assert_eq!(BackendChoice::from_name(choice.name()), Some(choice));
        }
        assert_eq!(BackendChoice::ALL.map(BackendChoice::name).join(","), BackendChoice::NAMES);
        assert_eq!(BackendChoice::from_name("cuda"), None);
    }

    #[test]
    fn a_named_back_end_without_its_library_is_an_error() {
        for choice in [
            BackendChoice::OnnxRuntime,
            BackendChoice::OnnxRuntimeCuda,
            BackendChoice::OnnxRuntimeTensorRt,
        ] {
            let options = RuntimeOptions { choice, ..RuntimeOptions::default() };
            let error = choose(&options).unwrap_err();
            assert!(matches!(error, ModelError::NoLibrary { backend } if backend == choice.name()));
            let dylib = Some(PathBuf::from("/nowhere/libonnxruntime.so"));
            let error = choose(&RuntimeOptions { dylib, ..options }).unwrap_err();
            assert!(matches!(error, ModelError::Library { .. }));
            assert_eq!(error.exit().code(), 14);
            assert!(error.operator_line().contains("/nowhere/libonnxruntime.so"));
        }
    }
}
