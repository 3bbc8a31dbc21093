//! The command line of `corelane isolate`.

use clap::{Args, Subcommand, ValueEnum};
use isolation::isolate::Profile;
use isolation::kernel::Kernel;
use std::path::PathBuf;

/// `corelane isolate`.
#[derive(Args, Debug)]
pub struct IsolateArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IsolateCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum IsolateCommand {
    /// Show what would change on this host, line by line; changes nothing.
    Plan {
        /// What is wanted.
        #[command(flatten)]
        wanted: Wanted,
        /// Look at a tree instead of this host.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// The running kernel's settings alone.
        #[arg(long)]
        runtime: bool,
        /// End with 31 where something would change.
        #[arg(long)]
        check: bool,
    },
    /// Write every file as a tree under an empty folder; looks at no host with --topology.
    Render {
        /// Folder.
        dir: PathBuf,
        /// What is wanted.
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Change this host: prior values go to a journal first.
    Apply {
        /// What is wanted.
        #[command(flatten)]
        wanted: Wanted,
        /// Where, and how much.
        #[command(flatten)]
        changing: Changing,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Take back what was applied, from the journal.
    Rollback {
        /// Where, and how much.
        #[command(flatten)]
        changing: Changing,
    },
}

/// Where something is changed, and how much of it.
#[derive(Args, Debug)]
pub struct Changing {
    /// Change a tree instead of this host.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The running kernel's settings alone, which a reboot undoes.
    #[arg(long)]
    pub runtime: bool,
    /// Also what somebody else has changed since.
    #[arg(long)]
    pub overwrite: bool,
}

/// What is wanted of a host.
#[derive(Args, Debug)]
pub struct Wanted {
    /// Which CPUs are hot, which card trades (config/topology-8core.toml is an example); without it
    /// as the last apply was told, else as the host suggests.
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// Version of systemd the units are for; without it the host's, else 252.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(240..=999))]
    pub systemd_version: Option<u32>,
    /// Kernel the settings are for, `6.12`; without it the host's.
    #[arg(long, value_name = "VERSION", value_parser = kernel)]
    pub kernel: Option<Kernel>,
    /// Folder of the programs.
    #[arg(long, value_name = "DIR", default_value = isolation::isolate::units::BIN)]
    pub bin_dir: PathBuf,
    /// What the engine's unit is for.
    #[arg(long, value_enum, default_value = "live")]
    pub profile: ProfileName,
    /// The boot line: as the boot loader found here keeps it, or not at all.
    #[arg(long, value_enum, default_value = "auto")]
    pub boot: Boot,
}

/// What becomes of the boot line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Boot {
    /// The loader's files are edited.
    Auto,
    /// It is left as it is.
    None,
}

/// What the engine's unit is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProfileName {
    /// Money: the engine never starts again by itself.
    Live,
    /// Paper: what may pass by itself is tried again.
    Paper,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Live => Self::Live,
            ProfileName::Paper => Self::Paper,
        }
    }
}

fn kernel(text: &str) -> Result<Kernel, String> {
    Kernel::from_release(text).ok_or_else(|| "a version such as 6.12".into())
}
