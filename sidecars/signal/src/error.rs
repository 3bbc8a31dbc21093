//! What can go wrong with a model or its server, with the operator's line and the exit code.
//!
//! Must never: repeat a source's text in its own `Display`; the line joins the chain once.

use crate::store::StoreError;
use ipc::IpcError;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use wire::exit::Exit;

/// Why a model is not served.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model cannot be read.
    #[error("model file cannot be read: path={}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file of the model is larger than any model we serve.
    #[error("model file is too large: path={} bytes={bytes} allowed={allowed}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, bytes.
        bytes: u64,
        /// The limit, bytes.
        allowed: u64,
    },
    /// The manifest is not as it should be.
    #[error("model manifest is damaged: path={} key={key}", .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Which part of it.
        key: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model's bytes are not the ones the manifest names.
    #[error(
        "model file is not the one its manifest names: path={} sha256={actual} manifest={expected}",
        .path.display()
    )]
    Hash {
        /// The model file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the bytes say.
        actual: String,
    },
    /// The runtime cannot load the model.
    #[error("model cannot be loaded: path={} backend={backend}", .path.display())]
    Load {
        /// The model file.
        path: PathBuf,
        /// The runtime.
        backend: &'static str,
        /// The runtime's answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model asks for something no model of ours may have.
    #[error("model is not acceptable: path={} found={found}", .path.display())]
    Forbidden {
        /// The model file.
        path: PathBuf,
        /// What it asks for.
        found: String,
    },
    /// The fused kernel was chosen and the model is not the one it computes.
    #[error("fused kernel does not know this model: path={} found={found}", .path.display())]
    NotFused {
        /// The model file.
        path: PathBuf,
        /// The first thing that is different.
        found: String,
    },
    /// The model has other inputs or outputs than a server of windows needs.
    #[error(
        "model has the wrong shape: path={} {which} found={found} wanted={wanted}",
        .path.display()
    )]
    Shape {
        /// The model file.
        path: PathBuf,
        /// Input or output.
        which: &'static str,
        /// What the model has.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// The model gives other numbers than it gave when it was exported.
    #[error(
        "model does not reproduce its golden vectors: path={} backend={backend} vector={vector} \
         found={found} wanted={wanted} tolerance={tolerance}",
        .path.display()
    )]
    Golden {
        /// The model file.
        path: PathBuf,
        /// The runtime.
        backend: &'static str,
        /// Index of the first vector that differs.
        vector: usize,
        /// What came out.
        found: String,
        /// What should have.
        wanted: String,
        /// Largest difference of a probability that passes.
        tolerance: f32,
    },
    /// The runtime failed while the model ran.
    #[error("model cannot be run: backend={backend} batch={batch}")]
    Run {
        /// The runtime.
        backend: &'static str,
        /// Windows in the batch.
        batch: usize,
        /// The runtime's answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The runtime gave something else than the shape it promised.
    #[error("model gave an output of the wrong size: numbers={found} wanted={wanted}")]
    Output {
        /// Numbers that came.
        found: usize,
        /// Numbers that should have.
        wanted: usize,
    },
    /// ONNX Runtime was chosen but no library is named.
    #[error("ONNX Runtime is chosen but no library is named: backend={backend}")]
    NoLibrary {
        /// The back end that was chosen.
        backend: &'static str,
    },
    /// The named ONNX Runtime library cannot be used.
    #[error("ONNX Runtime library cannot be used: path={}", .path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The named execution provider cannot be used; nothing else is used in its place.
    #[error("execution provider cannot be used: backend={backend}")]
    Provider {
        /// The back end that was chosen.
        backend: &'static str,
        /// Which library, driver or device is missing.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The runtime refuses to start.
    #[error("model runtime cannot be started: backend={backend}")]
    Runtime {
        /// The runtime.
        backend: &'static str,
        /// Its answer.
        source: ort::Error,
    },
    /// Another runtime is live in this process already.
    #[error("this process runs another model runtime already: live={live} asked={asked}")]
    RuntimeTaken {
        /// The live one.
        live: &'static str,
        /// The one asked for.
        asked: &'static str,
    },
    /// The model store, a signature or a link is not as it should be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The socket cannot be served.
    #[error("socket cannot be served")]
    Socket(#[source] IpcError),
    /// The operator insists on a sandbox and the kernel has not all of it.
    #[error("sandbox cannot be closed: part={part} found=\"{found}\"")]
    Sandbox {
        /// `landlock` or `seccomp`.
        part: &'static str,
        /// What is there instead.
        found: String,
    },
    /// The memory guard has nothing to see, or nowhere to write.
    #[error("memory guard cannot start: {found}")]
    Guard {
        /// What is missing.
        found: String,
    },
    /// The process cannot be set up.
    #[error("system call failed: call={call}")]
    System {
        /// The call.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl ModelError {
    /// The exit code of a process that ends with it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Golden { .. } | Self::Run { .. } | Self::Output { .. } => Exit::CheckFailed,
            Self::System { .. } | Self::Sandbox { .. } => Exit::Host,
            Self::RuntimeTaken { .. } => Exit::Configuration,
            Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::Manifest { .. }
            | Self::Hash { .. }
            | Self::Load { .. }
            | Self::Forbidden { .. }
            | Self::NotFused { .. }
            | Self::Shape { .. }
            | Self::NoLibrary { .. }
            | Self::Library { .. }
            | Self::Provider { .. }
            | Self::Runtime { .. }
            | Self::Store(_)
            | Self::Guard { .. }
            | Self::Socket(_) => Exit::Resource,
        }
    }

    /// What the operator does next.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "check --model or --store, folders with a model and its manifest.json"
            }
            Self::TooLarge { .. } | Self::Manifest { .. } | Self::Hash { .. } => {
                "export the model again, or restore both files from the same export"
            }
            Self::Load { .. } | Self::Run { .. } => {
                "run `corelane signal doctor` and try the other back end"
            }
            Self::Forbidden { .. } => {
                "export a model of standard operators with all its data in one file"
            }
            Self::NotFused { .. } => "choose backend=auto, tract or onnxruntime for this model",
            Self::Shape { .. } => "export a model of windows [N,10,40] to probs [N,3]",
            Self::Golden { .. } | Self::Output { .. } => {
                "do not trade on it; try the other back end and export the model again"
            }
            Self::NoLibrary { .. } => {
                "give --ort-dylib=PATH or ORT_DYLIB_PATH, or choose backend=auto"
            }
            Self::Library { .. } => "give ONNX Runtime 1.24 or newer, or choose backend=tract",
            Self::Provider { .. } => {
                "see `make onnxruntime-gpu` and the driver, or choose backend=auto or onnxruntime"
            }
            Self::Runtime { .. } => "choose backend=tract",
            Self::RuntimeTaken { .. } => "choose one back end per process",
            Self::Store(error) => error.next(),
            Self::Socket(_) => "check --socket and who runs there",
            Self::Guard { .. } => "check --memory-log and /proc, or start with --memory-guard=off",
            Self::System { .. } => "check the sandbox this process runs in",
            Self::Sandbox { .. } => crate::sandbox::INSIST_NEXT,
        }
    }

    /// The operator's line: `CODE: what: key=value ...; next: what to do`.
    #[must_use]
    pub fn operator_line(&self) -> String {
        let mut line = format!("{}: {self}", self.exit().name());
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            // Writing to a String cannot fail. Causes may span lines; an operator's line may not.
            let text = cause.to_string().replace('\n', " ");
            let _infallible = write!(line, " reason=\"{text}\"");
            source = cause.source();
        }
        let _infallible = write!(line, "; next: {}", self.next());
        line
    }
}

impl From<IpcError> for ModelError {
    fn from(error: IpcError) -> Self {
        Self::Socket(error)
    }
}
