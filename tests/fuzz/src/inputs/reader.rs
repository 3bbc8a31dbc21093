//! The audit's own reader, file by file, without the command round it.

#[path = "../../../../tools/src/audit/checkpoints.rs"]
pub(crate) mod checkpoints;
#[path = "../../../../tools/src/audit/compare.rs"]
pub(crate) mod compare;
#[path = "../../../../tools/src/audit/damage.rs"]
mod damage;
#[path = "../../../../tools/src/audit/finding.rs"]
pub(crate) mod finding;
#[path = "../../../../tools/src/audit/folder.rs"]
pub(crate) mod folder;
#[path = "../../../../tools/src/audit/journal.rs"]
pub(crate) mod journal;
#[path = "../../../../tools/src/audit/record.rs"]
mod record;
#[path = "../../../../tools/src/audit/segment.rs"]
mod segment;
#[path = "../../../../tools/src/audit/window.rs"]
mod window;
