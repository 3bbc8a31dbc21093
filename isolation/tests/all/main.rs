//! Tests of the crate against captured trees: per check, per box, and the report's forms.

mod checks;
mod fixture;
mod forms;
mod objections;
mod snapshot;
