//! `config/agents.toml`: servers, models and roles as data, checked whole before anything starts.
//!
//! Every problem is told in one run with its line, its key, what stands there and what may; unknown
//! keys are problems. Prompts are read beside the file and compiled with it. Must never: take a
//! server beyond this box and its network without the operator's word, or a role that could advise
//! more than its output can say. Runs once at start; allocates.

mod reader;
mod roles;
mod servers;
#[cfg(test)]
mod tests;

pub use reader::Problem;
pub use roles::{Role, Trigger};
pub use servers::{Kind, Model, Place, Server};

use crate::input::Section as Context;
use crate::prompt::Prompts;
use reader::{Ledger, Section};
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// All of the file.
#[derive(Debug)]
pub struct Config {
    /// Servers, in the order of their names.
    pub servers: Vec<Server>,
    /// Models, in the order of their names.
    pub models: Vec<Model>,
    /// Roles, in the order of their names.
    pub roles: Vec<Role>,
    /// Sections no cloud server sees.
    pub redact: Vec<Context>,
    /// Their prompts.
    pub prompts: Prompts,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("file cannot be read: `{path}`")]
    Unread {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It can, but is not as it may be.
    #[error("{} problems in `{path}`", .problems.len())]
    Problems {
        /// The file.
        path: PathBuf,
        /// Each.
        problems: Vec<Problem>,
    },
}

impl Config {
    /// Reads the file and the prompts it names.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unread { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// The same of a text; prompts are looked for beside `path`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let refused = |problems| ConfigError::Problems { path: path.to_owned(), problems };
        let ledger = Ledger::new(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let line = error.span().map_or(0, |span| ledger.line(span.start));
            ledger.add(line, "(syntax)", error.message().replace('\n', " "), "TOML");
        }
        if !errors.is_empty() {
            return Err(refused(ledger.close()));
        }
        let root = Section::document(document.get_ref(), &ledger);
        let folder = path.parent().unwrap_or(Path::new(""));
        let config = Self::read(&root, folder, &ledger);
        root.close();
        let problems = ledger.close();
        if problems.is_empty() { Ok(config) } else { Err(refused(problems)) }
    }

    fn read(root: &Section<'_>, folder: &Path, ledger: &Ledger<'_>) -> Self {
        let agents = root.section("agents");
        let prompts_at = agents.word_needed("prompts");
        agents.close();
        let cloud = root.section("cloud");
        let is_allowed = cloud.flag("allow");
        let redact = cloud.choices("redact", &Context::WORDS);
        if is_allowed && redact.is_empty() {
            let allowed = "the sections no cloud server may see, at least one";
            ledger.add(cloud.line(), "cloud.redact", "nothing", allowed);
        }
        cloud.close();
        let servers = servers::servers(root, is_allowed, ledger);
        let models = servers::models(root, &servers, ledger);
        let mut prompts = Prompts::new();
        let prompts_at = prompts_at.map(|word| folder.join(word.text));
        let roles = roles::roles(root, &models, prompts_at.as_deref(), &mut prompts, ledger);
        roles::apart(&roles, &models, &servers, ledger);
        Self { servers, models, roles, redact, prompts }
    }

    /// The role of a name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<usize> {
        self.roles.iter().position(|role| role.name == name)
    }
}
